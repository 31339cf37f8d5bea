//! Numbers of what many rows of the books have in common: apps, accounts, the contexts of calls, the terms of charges.
//!
//! A number never means another thing. What is not remembered here is kept anew under a new number, so a memory may be
//! lost at any time; one that an uncommitted transaction has added to must be, as its numbers may be given again.

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::error::StoreError;
use super::transaction::Transaction;
use crate::domain::account::Account;
use crate::domain::charge::{Charge, LineKey, Position};
use crate::domain::id::AppId;
use crate::domain::location::Location;
use crate::domain::money::Currency;
use crate::domain::usage::{Evidence, UsageRecord};

/// Most entries of a kind that are remembered; beyond, all of them are forgotten.
const MAX_REMEMBERED: usize = 100_000;

/// Most terms of a line that are remembered: one for each band, and a rule moves when its file is edited.
const MAX_TERMS: usize = 64;

type Table<K> = HashMap<K, i64, foldhash::fast::RandomState>;

/// What is remembered, and the numbers that were given last.
#[derive(Debug, Default)]
pub struct Numbers {
    apps: Table<AppId>,
    accounts: HashMap<Account, Vec<(Currency, i64)>, foldhash::fast::RandomState>,
    contexts: Table<Box<[u8]>>,
    terms: HashMap<LineKey, Vec<(Terms, i64)>, foldhash::fast::RandomState>,
    /// Those that were asked for last, as most are asked for several times one after another.
    last_context: (Vec<u8>, i64),
    last_terms: Option<(LineKey, Terms, i64)>,
    room: Vec<u8>,
    last: Last,
}

/// What the charges of a statement line have in common: mostly for as long as the line is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) rate: Decimal,
    pub(super) position: Position,
    pub(super) words: Option<Arc<str>>,
    pub(super) rule: Location,
}

/// The numbers that were given last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Last {
    usage: i64,
    context: i64,
    terms: i64,
    app: i64,
    ledger: i64,
    account: i64,
}

row! {
    LastRow { usage: i64, context: i64, terms: i64, app: i64, ledger: i64, account: i64 }
}

row! {
    AccountRow { number: i64, account: String, currency: String }
}

fn next(last: &mut i64) -> i64 {
    *last = last.saturating_add(1);
    *last
}

impl Numbers {
    pub(super) fn next_usage(&mut self) -> i64 {
        next(&mut self.last.usage)
    }

    pub(super) fn next_ledger(&mut self) -> i64 {
        next(&mut self.last.ledger)
    }

    /// A number for terms of a charge that shares them with no other.
    pub(super) fn next_terms(&mut self) -> i64 {
        next(&mut self.last.terms)
    }

    /// The number of a record's context. A new one is given to `new` with it.
    pub(super) fn context<'r>(
        &mut self,
        usage: &'r UsageRecord,
        new: &mut Vec<(i64, &'r UsageRecord)>,
    ) -> i64 {
        let mut room = std::mem::take(&mut self.room);
        write_context(usage, &mut room);
        if self.last_context.0 != room {
            let number = match self.contexts.get(room.as_slice()) {
                Some(number) => *number,
                None => {
                    let number = next(&mut self.last.context);
                    if self.contexts.len() >= MAX_REMEMBERED {
                        self.contexts.clear();
                    }
                    self.contexts.insert(room.clone().into_boxed_slice(), number);
                    new.push((number, usage));
                    number
                }
            };
            std::mem::swap(&mut self.last_context.0, &mut room);
            self.last_context.1 = number;
        }
        self.room = room;
        self.last_context.1
    }

    /// The number of the terms of a charge. New ones are given to `new` with their line.
    pub(super) fn terms<'c>(&mut self, charge: &'c Charge, new: &mut Vec<(i64, &'c LineKey, Terms)>) -> i64 {
        let (rate, position, words) = (charge.price.rate(), charge.price.position(), charge.price.words());
        let is_same = |terms: &Terms| {
            terms.rate == rate
                && terms.position == position
                && terms.words.as_ref() == words
                && terms.rule == charge.rule
        };
        if let Some((line, terms, number)) = &self.last_terms
            && *line == charge.line
            && is_same(terms)
        {
            return *number;
        }
        let known = self.terms.get(&charge.line);
        let known = known.and_then(|kept| kept.iter().find(|(terms, _)| is_same(terms)).cloned());
        let (terms, number) = known.unwrap_or_else(|| {
            let terms = Terms { rate, position, words: words.cloned(), rule: charge.rule.clone() };
            let number = next(&mut self.last.terms);
            new.push((number, &charge.line, terms.clone()));
            if self.terms.len() >= MAX_REMEMBERED {
                self.terms.clear();
            }
            let kept = self.terms.entry(charge.line.clone()).or_default();
            if kept.len() >= MAX_TERMS {
                kept.clear();
            }
            kept.push((terms.clone(), number));
            (terms, number)
        });
        self.last_terms = Some((charge.line.clone(), terms, number));
        number
    }

    /// The number of an app that is remembered.
    pub(super) fn app(&self, app: &AppId) -> Option<i64> {
        self.apps.get(app).copied()
    }

    /// The number of an account in a currency that is remembered.
    pub(super) fn account(&self, account: &Account, currency: Currency) -> Option<i64> {
        let kept = self.accounts.get(account)?;
        kept.iter().find(|(kept, _)| *kept == currency).map(|(_, number)| *number)
    }

    fn keep_account(&mut self, account: Account, currency: Currency, number: i64) {
        let kept = self.accounts.entry(account).or_default();
        kept.retain(|(known, _)| *known != currency);
        kept.push((currency, number));
    }
}

/// Writes what makes a context, so that no two different ones are written alike: each text after its length.
fn write_context(usage: &UsageRecord, room: &mut Vec<u8>) {
    room.clear();
    let mut text = |text: Option<&str>| {
        let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
        room.extend_from_slice(&length.to_le_bytes());
        room.extend_from_slice(text.unwrap_or_default().as_bytes());
    };
    let subscribed = usage.subscribed.as_ref();
    text(Some(usage.node.as_str()));
    text(Some(usage.snapshot.as_str()));
    text(Some(usage.app.as_str()));
    text(Some(usage.partner.as_str()));
    text(Some(usage.credential.name()));
    text(Some(&usage.credential_id));
    text(usage.merchant.as_ref().map(|id| id.as_str()));
    text(usage.grant.as_ref().map(|id| id.as_str()));
    text(usage.route.as_ref().map(|name| name.as_str()));
    text(subscribed.map(|(product, _)| product.as_str()));
    text(subscribed.map(|(_, plan)| plan.name.as_str()));
    text(Some(&usage.method));
    text(usage.refusal.as_deref());
    text(Some(outcome(&usage.evidence)));
    room.extend_from_slice(&subscribed.map_or(0, |(_, plan)| plan.version).to_le_bytes());
    room.extend_from_slice(&usage.status.to_le_bytes());
}

/// Evidence in one word.
pub(super) fn outcome(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::Free => "free",
        Evidence::Billable { .. } => "billable",
        Evidence::Exception { .. } => "exception",
    }
}

impl Transaction {
    /// Learns which numbers were given last. The transaction must hold [`super::transaction::Exclusive::Billing`].
    pub(super) async fn learn_last(&mut self, numbers: &mut Numbers) -> Result<(), StoreError> {
        numbers.last = self.last().await?;
        Ok(())
    }

    /// Whether nobody has given numbers since `numbers` did: then nobody else has recorded or charged anything, as whoever does
    /// gives numbers to usage records or to terms. The transaction must hold [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_as_numbered(&mut self, numbers: &Numbers) -> Result<bool, StoreError> {
        // What else is posted, by hand or to wait, changes nothing of what is rated.
        let (now, then) = (self.last().await?, numbers.last);
        Ok((now.usage, now.terms) == (then.usage, then.terms))
    }

    async fn last(&mut self) -> Result<Last, StoreError> {
        let row: LastRow = on!(self.connection(), db => {
            sqlx::query_as(
                "select coalesce((select max(number) from usage), 0) as usage, \
                 coalesce((select max(number) from usage_context), 0) as context, \
                 coalesce((select max(number) from charge_terms), 0) as terms, \
                 coalesce((select max(number) from usage_app), 0) as app, \
                 coalesce((select max(number) from ledger_transaction), 0) as ledger, \
                 coalesce((select max(number) from ledger_account), 0) as account",
            )
            .fetch_one(db)
            .await
        })?;
        let LastRow { usage, context, terms, app, ledger, account } = row;
        Ok(Last { usage, context, terms, app, ledger, account })
    }

    /// Has every app in `apps` have its number.
    pub(super) async fn number_apps<'a>(
        &mut self,
        apps: impl Iterator<Item = &'a AppId>,
        numbers: &mut Numbers,
    ) -> Result<(), StoreError> {
        if numbers.apps.len() >= MAX_REMEMBERED {
            numbers.apps.clear();
        }
        let mut last = None;
        let mut unknown: Vec<&AppId> =
            apps.filter(|app| last.replace(*app) != Some(*app) && numbers.app(app).is_none()).collect();
        unknown.sort_unstable();
        unknown.dedup();
        for some in unknown.chunks(super::arm::MAX_PARAMETERS) {
            let known: Vec<(i64, String)> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new("select number, app from usage_app where app in ");
                push_list!(statement, some.iter().map(|app| app.as_str()));
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            for (number, app) in known {
                numbers.apps.insert(super::row::parse("usage_app.app", &app)?, number);
            }
        }
        unknown.retain(|app| numbers.app(app).is_none());
        let new: Vec<(i64, &AppId)> =
            unknown.into_iter().map(|app| (next(&mut numbers.last.app), app)).collect();
        insert_rows!(self, "insert into usage_app (number, app) ", 2, new, "", |row, kept| {
            row.push_bind(kept.0).push_bind(kept.1.as_str());
        })?;
        numbers.apps.extend(new.into_iter().map(|(number, app)| (app.clone(), number)));
        Ok(())
    }

    /// Has every one of `accounts` have its number.
    pub(super) async fn number_accounts(
        &mut self,
        accounts: Vec<(&Account, Currency)>,
        numbers: &mut Numbers,
    ) -> Result<(), StoreError> {
        if numbers.accounts.len() >= MAX_REMEMBERED {
            numbers.accounts.clear();
        }
        let mut unknown = accounts;
        unknown.retain(|(account, currency)| numbers.account(account, *currency).is_none());
        unknown.sort_unstable();
        unknown.dedup();
        let mut parties: Vec<String> = unknown.iter().map(|(account, _)| account.party.to_string()).collect();
        parties.dedup();
        for some in parties.chunks(super::arm::MAX_PARAMETERS) {
            let known: Vec<AccountRow> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new(
                    "select number, party || ':' || purpose as account, currency from ledger_account where party in ",
                );
                push_list!(statement, some);
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            for row in known {
                // What a newer program keeps accounts for is none of this one's.
                if let (Ok(account), Ok(currency)) = (row.account.parse(), row.currency.parse()) {
                    numbers.keep_account(account, currency, row.number);
                }
            }
        }
        unknown.retain(|(account, currency)| numbers.account(account, *currency).is_none());
        let new: Vec<(i64, &Account, Currency)> = unknown
            .into_iter()
            .map(|(account, currency)| (next(&mut numbers.last.account), account, currency))
            .collect();
        insert_rows!(
            self,
            "insert into ledger_account (number, party, purpose, currency) ",
            4,
            new,
            "",
            |row, kept| {
                let (number, account, currency) = kept;
                row.push_bind(*number)
                    .push_bind(account.party.to_string())
                    .push_bind(account.purpose.name())
                    .push_bind(currency.to_string());
            }
        )?;
        for (number, account, currency) in new {
            numbers.keep_account(account.clone(), currency, number);
        }
        Ok(())
    }
}
