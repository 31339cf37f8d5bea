//! What balances have paid of statements. Fees are paid in the order of the periods on whose statements they stand, and within one in that
//! of apps: so what is paid is told once, on one statement, and what comes in later pays the oldest that is left. If less of those on
//! closed statements is paid than was when the last one was closed, as a deposit was corrected, the next statement tells it; also one on
//! which nothing more stands on that balance.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use super::error::StatementError;
use crate::domain::charge::LineKey;
use crate::domain::id::{AppId, BalanceId, PartnerId};
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::statement::{Paid, Statement};
use crate::domain::time::Period;
use crate::store::Transaction;
use crate::store::balance_spent::Billed;
use crate::store::closing::PaidOf;

/// Who owes a statement: of which app, which partner, in which currency.
pub(in crate::billing) type Payer = (AppId, PartnerId, Currency);

/// Who owes this one.
pub(in crate::billing) fn payer_of(statement: &Statement) -> Payer {
    (statement.app.clone(), statement.partner.clone(), statement.currency)
}

/// Who owes the statement on which a line stands.
pub(super) fn payer_of_line(key: &LineKey) -> Payer {
    (key.app.clone(), key.partner.clone(), key.currency)
}

/// What balances have paid by now of the statements of a period that `payers` owe: of all, or of one app, if it is named.
///
/// # Errors
/// [`StatementError`].
pub(super) async fn paid_by_now(
    transaction: &mut Transaction,
    (period, app): (Period, Option<&AppId>),
    payers: &BTreeSet<Payer>,
) -> Result<FromBalances, StatementError> {
    let mut billed = transaction.billed(period, app).await?;
    let mut fallen = transaction.fallen(period, app).await?;
    // The others are on a later one.
    fallen.retain(|one| payers.contains(&payer(one)));
    billed.append(&mut fallen);
    Ok(from_balances(&billed)?)
}

/// Has draft statements tell what balances had `paid` of them.
///
/// # Errors
/// [`MoneyError`].
pub(super) fn tell_paid(statements: &mut [Statement], paid: &PaidOf) -> Result<(), MoneyError> {
    for statement in statements {
        let from_balance = Amount {
            minor: paid.get(&payer_of(statement)).copied().unwrap_or(0),
            currency: statement.currency,
        };
        let minor = from_balance.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        let left = statement.totals.total.checked_add(Amount { minor, ..from_balance })?;
        statement.paid = Some(Paid { from_balance, left });
    }
    Ok(())
}

/// What balances have paid, in minor units.
#[derive(Debug, Default)]
pub(super) struct FromBalances {
    /// Of what stands on the statements of a period.
    pub(super) paid: PaidOf,
    /// Of all that stands on statements by then.
    pub(super) settled: BTreeMap<BalanceId, i64>,
}

/// What balances have paid of fees, of which `billed` says, in the order of balances and apps, what stands on which. What is not paid
/// any more of earlier ones is told with the first of each balance.
fn from_balances(billed: &[Billed]) -> Result<FromBalances, MoneyError> {
    let mut told = FromBalances::default();
    let mut before: Option<(&BalanceId, i64)> = None;
    for Billed { balance, app, partner, currency, minor, earlier, paid: in_all, settled } in billed {
        let (first, from) = match before {
            Some((last, sum)) if last == balance => (sum, sum.min(*in_all)),
            // What came in since pays what was asked for then, and is not told.
            Some(_) | None => {
                let paid = (*earlier).min(*in_all);
                (*earlier, settled.map_or(paid, |settled| paid.max(settled)))
            }
        };
        let sum = first.checked_add(*minor).ok_or(MoneyError::Overflow)?;
        before = Some((balance, sum));
        let more = sum.min(*in_all).checked_sub(from).ok_or(MoneyError::Overflow)?;
        let of_app = told.paid.entry((app.clone(), partner.clone(), *currency)).or_default();
        *of_app = of_app.checked_add(more).ok_or(MoneyError::Overflow)?;
        told.settled.insert(balance.clone(), sum.min(*in_all));
    }
    Ok(told)
}

/// What is wrong with what balances had settled when a period was closed, and with what its statements `tell` of it. What was paid by then
/// follows from what was settled, unless more of it was taken off by adjustments than can be told: of such apps nothing is looked at.
///
/// # Errors
/// [`StatementError`].
pub(in crate::billing) async fn check_paid(
    transaction: &mut Transaction,
    period: Period,
    tell: &[(Payer, Option<Paid>)],
) -> Result<Vec<String>, StatementError> {
    // Older programs told nothing of balances, and kept nothing.
    if tell.iter().any(|(_, paid)| paid.is_none()) {
        return Ok(Vec::new());
    }
    let mut billed = transaction.billed(period, None).await?;
    let kept = transaction.settled(period).await?;
    let (mut findings, mut untold) = (Vec::new(), BTreeSet::new());
    for of_balance in billed.chunk_by_mut(|one, other| one.balance == other.balance) {
        match paid_by_then(of_balance, &kept)? {
            Ok(Some(paid)) => of_balance.iter_mut().for_each(|row| row.paid = paid),
            Ok(None) => untold.extend(of_balance.iter().map(payer)),
            Err(finding) => {
                findings.push(format!("{period}: {finding}"));
                untold.extend(of_balance.iter().map(payer));
            }
        }
    }
    let FromBalances { paid, .. } = from_balances(&billed)?;
    for (payer, told) in tell {
        let told = told.map_or(0, |told| told.from_balance.minor);
        if !untold.contains(payer) && told != paid.get(payer).copied().unwrap_or(0) {
            let (app, partner, currency) = payer;
            findings.push(format!(
                "{period}: the statement of {app} of {partner} in {currency} tells that balances paid {told} minor units, which is \
                 not what they had settled"
            ));
        }
    }
    Ok(findings)
}

fn payer(billed: &Billed) -> Payer {
    (billed.app.clone(), billed.partner.clone(), billed.currency)
}

/// What a balance had paid in all when a period was closed, from what it had settled by then, or enough for what stood on statements;
/// none, if that cannot be told; or what is wrong with it.
fn paid_by_then(
    of_balance: &[Billed],
    kept: &BTreeMap<BalanceId, i64>,
) -> Result<Result<Option<i64>, String>, MoneyError> {
    let Some(Billed { balance, earlier, .. }) = of_balance.first() else { return Ok(Ok(None)) };
    let (mut sum, mut highest) = (*earlier, *earlier);
    for row in of_balance {
        sum = sum.checked_add(row.minor).ok_or(MoneyError::Overflow)?;
        highest = highest.max(sum);
    }
    Ok(match kept.get(balance) {
        None => Err(format!("it is not kept what balance {balance} had settled")),
        Some(settled) if *settled > sum => {
            Err(format!("balance {balance} had settled more than stands on statements"))
        }
        Some(settled) if *settled < sum => Ok(Some(*settled)),
        // It had paid as much, or more.
        Some(_) => Ok((highest == sum).then_some(sum)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

    use proptest::prelude::*;

    use super::*;

    fn billed(balance: &str, app: &str, minor: i64, (earlier, paid): (i64, i64)) -> Billed {
        let balance = BalanceId::new(balance).unwrap();
        let (partner, currency) = ("partner_1".parse().unwrap(), "CNY".parse().unwrap());
        Billed { balance, app: app.parse().unwrap(), partner, currency, minor, earlier, paid, settled: None }
    }

    fn of(told: &FromBalances) -> Vec<(&str, i64)> {
        told.paid.iter().map(|((app, ..), minor)| (app.as_str(), *minor)).collect()
    }

    #[test]
    fn what_was_paid_goes_to_the_oldest_fees_first() {
        let rows =
            |paid| [billed("bal_1", "app_1", 50, (100, paid)), billed("bal_1", "app_2", 30, (100, paid))];
        for (in_all, expected) in
            [(0, [0, 0]), (100, [0, 0]), (120, [20, 0]), (160, [50, 10]), (180, [50, 30])]
        {
            let told = from_balances(&rows(in_all)).unwrap();
            assert_eq!(of(&told), [("app_1", expected[0]), ("app_2", expected[1])], "{in_all}");
        }
        // What an adjustment took off is not paid; and an app whose first balance has ended has two.
        let rows = [billed("bal_1", "app_1", -10, (50, 100)), billed("bal_2", "app_1", 30, (0, 100))];
        assert_eq!(of(&from_balances(&rows).unwrap()), [("app_1", 20)]);
    }

    #[test]
    fn each_partner_of_an_app_is_told_of_its_own_fees() {
        let first = billed("bal_1", "app_1", 10, (0, 25));
        let second = Billed { partner: "partner_2".parse().unwrap(), minor: 20, ..first.clone() };
        let told = from_balances(&[first, second]).unwrap();
        let told = told.paid.iter().map(|((_, partner, _), minor)| (partner.as_str(), *minor));
        assert_eq!(told.collect::<Vec<_>>(), [("partner_1", 10), ("partner_2", 15)]);
    }

    #[test]
    fn what_is_not_paid_any_more_is_told_once_and_what_comes_in_pays_what_was_asked_for() {
        let rows = |paid, settled| {
            let rows = [billed("bal_1", "app_1", 20, (100, paid)), billed("bal_1", "app_2", 5, (100, paid))];
            rows.map(|row| Billed { settled, ..row })
        };
        for (in_all, settled, expected, by_then) in [
            (125, Some(100), [20, 5], 125),
            (90, Some(100), [-10, 0], 90),
            (90, Some(90), [0, 0], 90),
            (110, Some(90), [10, 0], 110),
            (125, Some(60), [20, 5], 125),
            (90, None, [0, 0], 90),
        ] {
            let told = from_balances(&rows(in_all, settled)).unwrap();
            assert_eq!(of(&told), [("app_1", expected[0]), ("app_2", expected[1])], "{in_all} {settled:?}");
            assert_eq!(told.settled.into_values().collect::<Vec<_>>(), [by_then]);
        }
        // What an adjustment took off was paid, and is the balance's again.
        let off = Billed { settled: Some(50), ..billed("bal_1", "app_1", -10, (50, 40)) };
        assert_eq!(of(&from_balances(&[off]).unwrap()), [("app_1", -10)]);
        let next = Billed { settled: Some(40), ..billed("bal_1", "app_1", 20, (40, 60)) };
        assert_eq!(of(&from_balances(&[next]).unwrap()), [("app_1", 20)]);
    }

    #[test]
    fn what_was_paid_when_a_period_was_closed_follows_from_what_was_settled() {
        let rows = |last| [billed("bal_1", "app_1", 20, (100, 0)), billed("bal_1", "app_2", last, (100, 0))];
        let by_then = |last, settled: Option<i64>| {
            let kept = settled.map(|settled| (BalanceId::new("bal_1").unwrap(), settled));
            paid_by_then(&rows(last), &kept.into_iter().collect()).unwrap()
        };
        assert_eq!(by_then(5, Some(110)), Ok(Some(110)));
        assert_eq!(by_then(5, Some(125)), Ok(Some(125)), "or more, which comes to the same");
        assert_eq!(by_then(-5, Some(115)), Ok(None), "what was taken off again may have been paid, or not");
        assert_eq!(by_then(-5, Some(114)), Ok(Some(114)));
        assert!(by_then(5, Some(126)).is_err() && by_then(5, None).is_err());
    }

    proptest! {
        #[test]
        fn statements_tell_all_that_was_paid_and_nothing_twice(
            months in prop::collection::vec(prop::collection::vec(0..500_i64, 3), 1..8), share in 0..=100_i64,
        ) {
            let all: i64 = months.iter().flatten().sum();
            let in_all = all * share / 100;
            let (mut earlier, mut told) = (0, 0);
            for month in &months {
                let rows: Vec<Billed> = month.iter().zip(["app_1", "app_2", "app_3"])
                    .map(|(minor, app)| billed("bal_1", app, *minor, (earlier, in_all)))
                    .collect();
                told += from_balances(&rows).unwrap().paid.values().sum::<i64>();
                earlier += month.iter().sum::<i64>();
            }
            prop_assert_eq!(told, in_all);
        }
    }
}
