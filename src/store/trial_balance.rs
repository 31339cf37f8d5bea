//! What accounts come to, page by page, and what all of them do by currency: the stores sum, as there may be very many.

use super::error::StoreError;
use super::ledger::{Balance, by_account, whole};
use super::page::Page;
use super::transaction::Transaction;
use crate::domain::account::Party;
use crate::domain::time::Timestamp;

/// Some accounts with what they come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancePage {
    /// Those to which anything was posted, in the order of accounts and currencies.
    pub balances: Vec<Balance>,
    /// What the next page is after, if there may be one.
    pub next: Option<String>,
}

/// What the accounts of one currency come to, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides {
    /// The balances above zero.
    pub debits: i128,
    /// Those below, without their sign.
    pub credits: i128,
    /// How many accounts there are.
    pub accounts: u64,
}

impl Sides {
    /// What debits come to more than credits: zero, if all is right.
    #[must_use]
    pub fn difference(self) -> i128 {
        self.debits.saturating_sub(self.credits)
    }
}

row! {
    KeyedRow { account: String, currency: String, high: i64, low: i64, is_posted_to: i64 }
}

row! {
    SidesRow {
        currency: String,
        debit_high: i64,
        debit_low: i64,
        credit_high: i64,
        credit_low: i64,
        accounts: i64,
    }
}

/// What stands between the account and the currency of a cursor; neither has one.
const BETWEEN: char = '/';

/// Some accounts, of one party ($2) or of all, in order: those that are named by number, and what older programs posted to by name.
/// Only to these is summed up what was posted.
const PAGE: &str = concat!(
    "with keys as (select k.account, k.currency, max(k.number) as number from \
     (select a.party || ':' || a.purpose as account, a.currency, a.number from ledger_account a \
     where $2 = '' or a.party = $2 union all \
     select p.account, t.currency, 0 from ledger_posting p join ledger_transaction t on t.number = p.number \
     where $2 = '' or substr(p.account, 1, length($2) + 1) = $2 || ':') k \
     where k.account > $3 or (k.account = $3 and k.currency > $4) group by k.account, k.currency \
     order by k.account, k.currency limit $5) \
     select k.account, k.currency, cast(coalesce(sum(b.high), 0) as bigint) as high, \
     cast(coalesce(sum(b.low), 0) as bigint) as low, cast(count(b.account) as bigint) as is_posted_to \
     from keys k left join (",
    by_account!("p.account in (select account from keys)", "p.account in (select number from keys)"),
    ") b on b.account = k.account and b.currency = k.currency group by k.account, k.currency order by k.account, k.currency"
);

/// Some names of accounts, in order: of those that are named by number, and of what older programs posted to by name.
const NAMES: &str = "select k.account from (select party || ':' || purpose as account from ledger_account \
                     union select account from ledger_posting) k where k.account > $1 order by k.account limit $2";

/// Each account's balance as a part above a billion and one below, of one sign, and then the sums of these by currency and side.
const SIDES: &str = concat!(
    "with n as (select b.currency, cast(sum(b.high) as bigint) + cast(sum(b.low) as bigint) / 1000000000 as high, \
     cast(sum(b.low) as bigint) % 1000000000 as low from (",
    by_account!("1 = 1", "1 = 1"),
    ") b group by b.account, b.currency), s as (select currency, high, low, \
     case when high > 0 or (high = 0 and low > 0) then 1 else 0 end as is_debit from n) \
     select currency, cast(sum(high * is_debit) as bigint) as debit_high, cast(sum(low * is_debit) as bigint) as debit_low, \
     cast(sum(high * (1 - is_debit)) as bigint) as credit_high, cast(sum(low * (1 - is_debit)) as bigint) as credit_low, \
     cast(count(*) as bigint) as accounts from s group by currency order by currency"
);

impl Transaction {
    /// A page of the accounts, of one party or of all, with what each came to by `as_of`, as far as that is known now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account_balances(
        &mut self,
        party: Option<&Party>,
        as_of: Option<Timestamp>,
        page: &Page,
    ) -> Result<BalancePage, StoreError> {
        let (account, currency) = page.cursor().rsplit_once(BETWEEN).unwrap_or((page.cursor(), ""));
        let time = self.answer_time();
        let rows: Vec<KeyedRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(PAGE)
                .bind(as_of.map_or(i64::MAX, Timestamp::as_micros))
                .bind(party.map(ToString::to_string).unwrap_or_default())
                .bind(account)
                .bind(currency)
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= page.limit());
        let last = rows.last().filter(|_| is_full);
        let next = last.map(|row| format!("{}{BETWEEN}{}", row.account, row.currency));
        let balance = |row: KeyedRow| Balance {
            minor: whole(row.high, row.low),
            account: row.account,
            currency: row.currency,
        };
        let balances = rows.into_iter().filter(|row| row.is_posted_to > 0).map(balance).collect();
        Ok(BalancePage { balances, next })
    }

    /// A page of the names of accounts, each of which may be of several currencies.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account_names(&mut self, page: &Page) -> Result<Vec<String>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<(String,)> = on!(self.connection(), within time, db => {
            sqlx::query_as(NAMES).bind(page.cursor()).bind(page.limit()).fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// By currency, what accounts came to by `as_of`, as far as that is known now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn trial_balance(
        &mut self,
        as_of: Option<Timestamp>,
    ) -> Result<Vec<(String, Sides)>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<SidesRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(SIDES).bind(as_of.map_or(i64::MAX, Timestamp::as_micros)).fetch_all(db).await
        })?;
        let sides = |row: SidesRow| {
            let sides = Sides {
                debits: whole(row.debit_high, row.debit_low),
                credits: whole(row.credit_high, row.credit_low).saturating_neg(),
                accounts: row.accounts.unsigned_abs(),
            };
            (row.currency, sides)
        };
        Ok(rows.into_iter().map(sides).collect())
    }
}
