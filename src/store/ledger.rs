//! The ledger: transactions and their postings, append-only by triggers of both stores.

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use crate::domain::ledger::{LedgerTransaction, Posting};
use crate::domain::time::{Period, Timestamp};

/// The balance of an account in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Minor units: debits less credits.
    pub minor: i64,
}

row! {
    BalanceRow { account: String, currency: String, minor: i64 }
}

row! {
    CauseRow { cause: String }
}

row! {
    SumRow { total: i64 }
}

impl Store {
    /// All balances.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn balances(&self) -> Result<Vec<Balance>, StoreError> {
        let rows: Vec<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select account, currency, cast(sum(minor) as bigint) as minor from ledger_posting \
                 join ledger_transaction using (cause) group by account, currency order by account, currency",
            )
            .fetch_all(db)
            .await
        })?;
        let balance =
            |row: BalanceRow| Balance { account: row.account, currency: row.currency, minor: row.minor };
        Ok(rows.into_iter().map(balance).collect())
    }

    /// Transactions whose postings do not sum to zero: there can be none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unbalanced(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<CauseRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select t.cause as cause from ledger_transaction t left join ledger_posting p on p.cause = t.cause \
                 group by t.cause having coalesce(sum(p.minor), 1) <> 0 limit 100",
            )
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|row| row.cause).collect())
    }

    /// What all statement lines have posted, in minor units of a currency: what partners owe, too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn posted_total(&self, currency: &str) -> Result<i64, StoreError> {
        let row: SumRow = on!(self.reader(), db => {
            sqlx::query_as(
                "select cast(coalesce(sum(posted), 0) as bigint) as total from line_total where currency = $1",
            )
            .bind(currency)
            .fetch_one(db)
            .await
        })?;
        Ok(row.total)
    }

    /// Billable usage records of rated plans without a charge, and charges without usage: there can be none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn uncharged(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<CauseRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select u.id as cause from usage u left join plan_version v on v.plan = u.plan and v.version = u.plan_version \
                 where u.outcome = 'billable' and (v.plan is null or (v.fee is not null and not exists \
                 (select 1 from charge c where c.usage = u.id and c.kind = 'service_fee')) \
                 or (v.share is not null and u.transaction_id is not null and not exists \
                 (select 1 from charge c where c.usage = u.id and c.kind = 'revenue_share'))) limit 100",
            )
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|row| row.cause).collect())
    }
}

impl Transaction {
    /// Posts transactions.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a cause was posted before; [`StoreError::Unavailable`].
    pub async fn post(
        &mut self,
        transactions: &[LedgerTransaction],
        period: Period,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into ledger_transaction (cause, at, period, currency) ",
            4,
            transactions,
            "",
            |row, transaction| {
                row.push_bind(transaction.cause())
                    .push_bind(now.as_micros())
                    .push_bind(period.to_string())
                    .push_bind(transaction.currency().to_string());
            }
        )?;
        let postings: Vec<(&str, i64, &Posting)> = transactions
            .iter()
            .flat_map(|transaction| {
                (0_i64..)
                    .zip(transaction.postings())
                    .map(|(position, posting)| (transaction.cause(), position, posting))
            })
            .collect();
        insert_rows!(
            self,
            "insert into ledger_posting (cause, position, account, minor) ",
            4,
            postings,
            "",
            |row, posting| {
                row.push_bind(posting.0)
                    .push_bind(posting.1)
                    .push_bind(posting.2.account.to_string())
                    .push_bind(posting.2.minor);
            }
        )?;
        Ok(())
    }
}
