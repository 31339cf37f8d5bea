//! The ledger: transactions and their postings. Append-only, and none goes to a closed period, by triggers of both stores.

use super::error::StoreError;
use super::numbers::Numbers;
use super::open::Store;
use super::transaction::Transaction;
use super::usage::MAX_LISTED;
use crate::domain::account::Account;
use crate::domain::ledger::{LedgerTransaction, Posting};
use crate::domain::time::Timestamp;

/// The balance of an account in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account, as kept: [`Account`]'s text.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Minor units: debits less credits.
    pub minor: i128,
}

/// A posting to an account, as its history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// What caused its transaction.
    pub cause: String,
    /// When that happened.
    pub at: Timestamp,
    /// The app that it is about.
    pub app: String,
    /// On whose statement it stands.
    pub period: String,
    /// The currency.
    pub currency: String,
    /// Minor units: a debit above zero, a credit below.
    pub minor: i64,
}

row! {
    BalanceRow { account: String, currency: String, high: i64, low: i64 }
}

/// Accounts are summed in two parts, so that no balance is too large for the stores' integers.
const BALANCE_PART: i128 = 1_000_000_000;

row! {
    HistoryRow { cause: String, at: i64, app: String, period: String, currency: String, minor: i64 }
}

impl Store {
    /// The postings to an account, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account_history(
        &self,
        account: &Account,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let rows: Vec<HistoryRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select t.cause, t.at, t.app, t.period, t.currency, p.minor from ledger_posting p \
                 join ledger_transaction t on t.number = p.number where p.account = $1 \
                 order by t.at desc, t.cause limit $2",
            )
            .bind(account.to_string())
            .bind(limit.clamp(1, MAX_LISTED.into()))
            .fetch_all(db)
            .await
        })?;
        let entry = |row: HistoryRow| HistoryEntry {
            cause: row.cause,
            at: Timestamp::from_micros(row.at),
            app: row.app,
            period: row.period,
            currency: row.currency,
            minor: row.minor,
        };
        Ok(rows.into_iter().map(entry).collect())
    }
}

impl Transaction {
    /// All balances, by account and currency.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn balances(&mut self) -> Result<Vec<Balance>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<BalanceRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select p.account, t.currency, cast(sum(p.minor / 1000000000) as bigint) as high, \
                 cast(sum(p.minor % 1000000000) as bigint) as low from ledger_posting p \
                 join ledger_transaction t on t.number = p.number group by p.account, t.currency \
                 order by p.account, t.currency",
            )
            .fetch_all(db)
            .await
        })?;
        let balance = |row: BalanceRow| Balance {
            minor: i128::from(row.high) * BALANCE_PART + i128::from(row.low),
            account: row.account,
            currency: row.currency,
        };
        Ok(rows.into_iter().map(balance).collect())
    }

    /// Posts transactions, and gives each its number.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a cause was posted before; [`StoreError::Corrupt`] if a period is closed;
    /// [`StoreError::Unavailable`].
    pub(super) async fn post(
        &mut self,
        transactions: &[LedgerTransaction],
        numbers: &mut Numbers,
    ) -> Result<Vec<i64>, StoreError> {
        let numbered: Vec<(i64, &LedgerTransaction)> =
            transactions.iter().map(|transaction| (numbers.next_ledger(), transaction)).collect();
        insert_rows!(
            self,
            "insert into ledger_transaction (number, cause, at, app, period, currency) ",
            6,
            numbered,
            "",
            |row, kept| {
                let (number, transaction) = kept;
                let about = transaction.about();
                row.push_bind(*number)
                    .push_bind(transaction.cause())
                    .push_bind(about.at.as_micros())
                    .push_bind(about.app.as_str())
                    .push_bind(about.period.to_string())
                    .push_bind(transaction.currency().to_string());
            }
        )?;
        let postings: Vec<(i64, &Posting)> = numbered
            .iter()
            .flat_map(|(number, transaction)| transaction.postings().iter().map(|posting| (*number, posting)))
            .collect();
        insert_rows!(
            self,
            "insert into ledger_posting (number, account, minor) ",
            3,
            postings,
            "",
            |row, kept| {
                let (number, posting) = kept;
                row.push_bind(*number).push_bind(posting.account.to_string()).push_bind(posting.amount.minor);
            }
        )?;
        Ok(numbered.into_iter().map(|(number, _)| number).collect())
    }
}
