//! What a transaction changes of a sale's share → a balanced ledger transaction. Pure.
//!
//! Who owes the share has it in `pending` until the sale is settled, and in `receivable` from then on; so have those who get a
//! part of it, each its own, in `pending` and then in `revenue:share`, if it is the platform, or in `payable`. What stays of a share
//! is split as a whole, what is earned of it too, and what is pending is the difference: so parts add up, and all are nothing
//! once all was given back. What tiers come to beside the sale's own share is earned with it.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::posting::PostingError;
use crate::billing::rating::{ShareChange, Standing};
use crate::domain::account::{Account, Party, Purpose};
use crate::domain::ledger::{About, LedgerTransaction, Posting};
use crate::domain::money::{Amount, MoneyError};
use crate::domain::sale::Sale;
use crate::domain::split::Split;
use crate::domain::transaction::TransactionKind;

/// The ledger transaction of a change; none if it moves nothing.
pub(super) fn transaction(change: &ShareChange) -> Result<Option<LedgerTransaction>, PostingError> {
    let (before, after) = (&change.before, &change.after);
    let mut moved = Moved::default();
    let payer = || change.payer.clone();
    moved.add(Account::new(payer(), Purpose::Pending), after.pending, before.pending)?;
    moved.add(Account::new(payer(), Purpose::Receivable), earned(after)?, earned(before)?)?;
    let split = change.split.as_ref();
    for (was, is) in parts(split, before)?.into_iter().zip(parts(split, after)?) {
        // Credits: what was before comes in.
        moved.add(Account::new(is.party.clone(), Purpose::Pending), was.pending, is.pending)?;
        let earned = match is.party {
            Party::Platform => Purpose::ShareRevenue,
            Party::Partner(_) | Party::Merchant(_) => Purpose::Payable,
        };
        moved.add(Account::new(is.party, earned), was.earned, is.earned)?;
    }
    let currency = change.event.sale.currency;
    let postings = moved.0.into_iter().filter(|(_, minor)| *minor != 0);
    let postings: Vec<Posting> =
        postings.map(|(account, minor)| Posting { account, amount: Amount { minor, currency } }).collect();
    if postings.is_empty() {
        return Ok(None);
    }
    let about = About { app: change.event.sale.app.clone(), period: change.period, at: change.at };
    Ok(Some(LedgerTransaction::new(cause(change), about, postings)?))
}

/// What stands in accounts of what is pending, of a sale's share as it stands.
pub(super) fn pending(sale: &Sale, standing: &Standing) -> Result<Vec<(Account, i64)>, MoneyError> {
    let mut moved = Moved::default();
    let partner = sale.partner.clone().map(Party::Partner);
    if let Some(payer) = sale.payer.clone().map(Party::Merchant).or(partner) {
        moved.add(Account::new(payer, Purpose::Pending), standing.pending, 0)?;
    }
    for part in parts(sale.split.as_ref(), standing)? {
        moved.add(Account::new(part.party, Purpose::Pending), 0, part.pending)?;
    }
    Ok(moved.0)
}

fn earned(standing: &Standing) -> Result<i64, MoneyError> {
    standing.earned.checked_add(standing.walked).ok_or(MoneyError::Overflow)
}

fn cause(change: &ShareChange) -> String {
    let what = match change.event.kind {
        TransactionKind::Sale => "share",
        TransactionKind::Refund => "reversal",
        TransactionKind::Cancellation
        | TransactionKind::Settlement
        | TransactionKind::Chargeback
        | TransactionKind::ChargebackWon => change.event.kind.name(),
    };
    format!("usage:{}:{what}", change.usage)
}

/// What goes to each account, which may be meant twice: a partner that owes a share may get a part of it.
#[derive(Default)]
struct Moved(Vec<(Account, i64)>);

impl Moved {
    /// Adds `more` less `less`.
    fn add(&mut self, account: Account, more: i64, less: i64) -> Result<(), MoneyError> {
        let minor = more.checked_sub(less).ok_or(MoneyError::Overflow)?;
        match self.0.iter_mut().find(|(known, _)| *known == account) {
            Some((_, sum)) => *sum = sum.checked_add(minor).ok_or(MoneyError::Overflow)?,
            None => self.0.push((account, minor)),
        }
        Ok(())
    }
}

/// What of a share is a party's.
struct Part {
    party: Party,
    earned: i64,
    pending: i64,
}

fn parts(split: Option<&Split<Party>>, standing: &Standing) -> Result<Vec<Part>, MoneyError> {
    let (earned, pending) = (earned(standing)?, standing.pending);
    let Some(split) = split else { return Ok(vec![Part { party: Party::Platform, earned, pending }]) };
    let left = earned.checked_add(pending).ok_or(MoneyError::Overflow)?;
    let parts = split.of(left).into_iter().zip(split.of(earned)).map(|((party, left), (_, earned))| {
        let pending = left.checked_sub(earned).ok_or(MoneyError::Overflow)?;
        Ok(Part { party: party.clone(), earned, pending })
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::domain::id::{AppId, PartnerId};
    use crate::domain::sale::{EventKey, SaleKey};
    use crate::domain::time::Timestamp;

    fn standing(earned: i64, pending: i64) -> Standing {
        Standing { earned, pending, ..Standing::default() }
    }

    #[track_caller]
    fn check(split: Option<&[(&str, u64)]>, (before, after): (Standing, Standing), expected: &[(&str, i64)]) {
        let party = |name: &str| match name {
            "platform" => Party::Platform,
            id => Party::Partner(PartnerId::new(id).unwrap()),
        };
        let split = split.map(|parts| {
            Split::new(parts.iter().map(|(name, weight)| (party(name), *weight)).collect()).unwrap()
        });
        let sale = SaleKey {
            app: AppId::new("app_1").unwrap(),
            id: "o-1".to_owned(),
            currency: "CNY".parse().unwrap(),
        };
        let change = ShareChange {
            event: EventKey { sale, kind: TransactionKind::Settlement, id: "s-1".to_owned() },
            usage: uuid::Uuid::from_u128(7),
            at: Timestamp::default(),
            period: "2026-11".parse().unwrap(),
            partner: PartnerId::new("acme").unwrap(),
            payer: party("acme"),
            split,
            before,
            after,
        };
        let posted = transaction(&change).unwrap();
        let postings = posted.iter().flat_map(LedgerTransaction::postings);
        let seen: Vec<(String, i64)> =
            postings.map(|posting| (posting.account.to_string(), posting.amount.minor)).collect();
        let expected: Vec<(String, i64)> =
            expected.iter().map(|(account, minor)| ((*account).to_owned(), *minor)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_share_is_pending_then_earned_and_goes_back_as_it_came() {
        let (none, pending, earned) = (standing(0, 0), standing(0, 250), standing(250, 0));
        check(None, (none, pending), &[("partner:acme:pending", 250), ("platform:pending", -250)]);
        let settled = [
            ("partner:acme:pending", -250),
            ("partner:acme:receivable", 250),
            ("platform:pending", 250),
            ("platform:revenue:share", -250),
        ];
        check(None, (pending, earned), &settled);
        check(None, (earned, none), &[("partner:acme:receivable", -250), ("platform:revenue:share", 250)]);
        check(None, (earned, earned), &[]);
    }

    #[test]
    fn what_tiers_come_to_beside_a_share_is_split_with_it() {
        let split: &[(&str, u64)] = &[("platform", 70), ("acme", 30)];
        let walked = |earned, walked| Standing { walked, ..standing(earned, 0) };
        let lower =
            [("partner:acme:receivable", -101), ("platform:revenue:share", 71), ("partner:acme:payable", 30)];
        check(Some(split), (walked(100, 0), walked(0, -1)), &lower);
        check(Some(split), (walked(100, 0), walked(200, -100)), &[]);
    }

    #[test]
    fn parts_go_to_those_whom_the_split_names_and_what_one_owes_itself_is_no_posting() {
        let split: &[(&str, u64)] = &[("platform", 70), ("acme", 20), ("haulier", 10)];
        let pending =
            [("partner:acme:pending", 204), ("platform:pending", -179), ("partner:haulier:pending", -25)];
        check(Some(split), (standing(0, 0), standing(0, 255)), &pending);
        let earned = [
            ("partner:acme:receivable", 255),
            ("platform:revenue:share", -179),
            ("partner:acme:payable", -51),
            ("partner:haulier:payable", -25),
        ];
        check(Some(split), (standing(0, 0), standing(255, 0)), &earned);
        check(Some(&[("acme", 1)]), (standing(0, 0), standing(0, 255)), &[]);
    }
}
