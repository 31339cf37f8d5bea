//! What was posted to one account, in the order of posting, page by page.

use super::error::StoreError;
use super::ledger::whole;
use super::transaction::Transaction;
use crate::domain::account::Account;
use crate::domain::money::Currency;
use crate::domain::time::Timestamp;

/// A posting to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its transaction's number: a later one is higher.
    pub number: i64,
    /// What caused its transaction.
    pub cause: String,
    /// When that happened.
    pub at: Timestamp,
    /// The app that it is about; empty: it stands on no statement.
    pub app: String,
    /// On whose statement it stands; empty: on none.
    pub period: String,
    /// Why, if an administrator posted it.
    pub reason: Option<String>,
    /// Minor units: a debit above zero, a credit below.
    pub minor: i64,
}

row! {
    HistoryRow {
        number: i64,
        cause: String,
        at: i64,
        app: String,
        period: String,
        reason: Option<String>,
        minor: i64,
    }
}

row! {
    SumRow { high: i64, low: i64 }
}

/// What was posted to one account, by what older programs posted to or by the entries of today: each has its own index, and is read
/// in its order.
macro_rules! select_from {
    ($table:literal) => {
        concat!(
            "select t.number, t.cause, t.at, t.app, t.period, coalesce(m.reason, b.reason) as reason, p.minor from ",
            $table,
            " p join ledger_transaction t on t.number = p.number left join ledger_manual m on m.number = p.number \
             left join ledger_by_hand b on b.number = p.number where p.account = $1 and p.number > $2 and t.currency = $3 order by p.number limit $4"
        )
    };
}

impl Transaction {
    /// The currencies in which anything was posted to an account, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn currencies_of(&mut self, account: &Account) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select a.currency from ledger_account a where a.party = $1 and a.purpose = $2 \
                 and exists (select 1 from ledger_entry e where e.account = a.number) union \
                 select t.currency from ledger_posting p join ledger_transaction t on t.number = p.number \
                 where p.account = $3 order by 1",
            )
            .bind(account.party.to_string())
            .bind(account.purpose.name())
            .bind(account.to_string())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(currency,)| currency).collect())
    }

    /// What an account came to, in minor units, with all transactions up to the number `up_to`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn balance_up_to(
        &mut self,
        (account, currency): (&Account, Currency),
        up_to: i64,
    ) -> Result<i128, StoreError> {
        let number = self.account_number(account, currency).await?;
        let time = self.answer_time();
        let rows: Vec<SumRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select cast(coalesce(sum(e.minor / 1000000000), 0) as bigint) as high, \
                 cast(coalesce(sum(e.minor % 1000000000), 0) as bigint) as low \
                 from ledger_entry e where e.account = $1 and e.number <= $2 union all \
                 select cast(coalesce(sum(p.minor / 1000000000), 0) as bigint), \
                 cast(coalesce(sum(p.minor % 1000000000), 0) as bigint) \
                 from ledger_posting p join ledger_transaction t on t.number = p.number \
                 where p.account = $3 and p.number <= $2 and t.currency = $4",
            )
            .bind(number)
            .bind(up_to)
            .bind(account.to_string())
            .bind(currency.to_string())
            .fetch_all(db)
            .await
        })?;
        Ok(rows.iter().fold(0, |sum: i128, row| sum.saturating_add(whole(row.high, row.low))))
    }

    /// What was posted to an account by transactions of numbers above `after`, `limit` of them at most, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account_history(
        &mut self,
        (account, currency): (&Account, Currency),
        after: i64,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let number = self.account_number(account, currency).await?;
        let time = self.answer_time();
        let mut rows: Vec<HistoryRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(select_from!("ledger_posting"))
                .bind(account.to_string())
                .bind(after)
                .bind(currency.to_string())
                .bind(limit)
                .fetch_all(db)
                .await
        })?;
        let new: Vec<HistoryRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(select_from!("ledger_entry"))
                .bind(number)
                .bind(after)
                .bind(currency.to_string())
                .bind(limit)
                .fetch_all(db)
                .await
        })?;
        rows.extend(new);
        rows.sort_by_key(|row| row.number);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows.into_iter().map(HistoryEntry::from).collect())
    }

    /// The number of an account; 0, which none has, if nothing was posted to it by number.
    async fn account_number(&mut self, account: &Account, currency: Currency) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select number from ledger_account where party = $1 and purpose = $2 and currency = $3",
            )
            .bind(account.party.to_string())
            .bind(account.purpose.name())
            .bind(currency.to_string())
            .fetch_optional(db)
            .await
        })?;
        Ok(row.map_or(0, |(number,)| number))
    }
}

impl From<HistoryRow> for HistoryEntry {
    fn from(row: HistoryRow) -> Self {
        Self {
            number: row.number,
            cause: row.cause,
            at: Timestamp::from_micros(row.at),
            app: row.app,
            period: row.period,
            reason: row.reason,
            minor: row.minor,
        }
    }
}
