//! The ledger: transactions and what they post to accounts. Append-only, and none goes to a closed period, by triggers of both
//! stores.
//!
//! Accounts are rows ([`super::numbers`]); what older programs posted to accounts by their texts is read too.

use std::sync::Arc;

use super::error::StoreError;
use super::numbers::Numbers;
use super::row::SameText;
use super::transaction::Transaction;
use crate::domain::ledger::LedgerTransaction;

/// The balance of an account in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account, as kept: [`crate::domain::account::Account`]'s text.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Minor units: debits less credits.
    pub minor: i128,
}

row! {
    BalanceRow { account: String, currency: String, high: i64, low: i64 }
}

impl From<BalanceRow> for Balance {
    fn from(row: BalanceRow) -> Self {
        Self { minor: whole(row.high, row.low), account: row.account, currency: row.currency }
    }
}

/// Accounts are summed in two parts, so that no balance is too large for the stores' integers.
const BALANCE_PART: i128 = 1_000_000_000;

/// A sum of its two parts.
pub(super) fn whole(high: i64, low: i64) -> i128 {
    i128::from(high).saturating_mul(BALANCE_PART).saturating_add(i128::from(low))
}

/// What was posted to each account until $1, by what older programs posted to and by the entries of today: of those alone for which
/// the two conditions are. The sums are in two parts.
macro_rules! by_account {
    ($posted:literal, $entered:literal) => {
        concat!(
            "select p.account, t.currency, sum(p.minor / 1000000000) as high, sum(p.minor % 1000000000) as low \
             from ledger_posting p join ledger_transaction t on t.number = p.number where t.at <= $1 and ",
            $posted,
            " group by p.account, t.currency union all \
             select a.party || ':' || a.purpose, a.currency, e.high, e.low from \
             (select p.account, sum(p.minor / 1000000000) as high, sum(p.minor % 1000000000) as low \
             from ledger_entry p join ledger_transaction t on t.number = p.number where t.at <= $1 and ",
            $entered,
            " group by p.account) e join ledger_account a on a.number = e.account"
        )
    };
}
pub(super) use by_account;

impl Transaction {
    /// What sales have posted to accounts of what is pending, by account and currency.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn pending_of_sales(&mut self) -> Result<Vec<Balance>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<BalanceRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select p.account, t.currency, cast(sum(p.minor / 1000000000) as bigint) as high, \
                 cast(sum(p.minor % 1000000000) as bigint) as low from ledger_posted p \
                 join ledger_transaction t on t.number = p.number where p.account like '%:pending' \
                 and p.number in (select posting from sale_event where posting is not null) group by p.account, t.currency",
            )
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(Balance::from).collect())
    }

    /// Posts transactions that stand on no statement, and gives each its number. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if a cause was posted before; [`StoreError::Unavailable`].
    pub(super) async fn post_by_themselves(
        &mut self,
        transactions: &[LedgerTransaction],
    ) -> Result<(Vec<i64>, Numbers), StoreError> {
        let mut numbers = Numbers::default();
        self.learn_last(&mut numbers).await?;
        let posted = self.post(transactions, &mut numbers).await?;
        Ok((posted, numbers))
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
        let (mut periods, mut currencies) = (SameText::new(), SameText::new());
        insert_rows!(
            self,
            "insert into ledger_transaction (number, cause, at, app, period, currency) ",
            6,
            numbered,
            "",
            |row, kept| {
                let (number, transaction) = kept;
                let statement = transaction.statement();
                row.push_bind(*number)
                    .push_bind(transaction.cause())
                    .push_bind(transaction.at().as_micros())
                    .push_bind(statement.map_or_else(|| Arc::from(""), |(app, _)| Arc::<str>::from(app)))
                    .push_bind(statement.map_or_else(|| Arc::from(""), |(_, period)| periods.of(period)))
                    .push_bind(currencies.of(transaction.currency()));
            }
        )?;
        let mut accounts = Vec::with_capacity(numbered.len().saturating_mul(2));
        for transaction in transactions {
            let currency = transaction.currency();
            accounts.extend(transaction.postings().iter().map(|posting| (&posting.account, currency)));
        }
        self.number_accounts(accounts, numbers).await?;
        let mut entries: Vec<(i64, i64, i64)> = Vec::with_capacity(numbered.len().saturating_mul(2));
        for (number, transaction) in &numbered {
            for posting in transaction.postings() {
                let account = numbers.account(&posting.account, transaction.currency());
                let account = account.ok_or_else(|| StoreError::corrupt("an account without its number"))?;
                entries.push((*number, account, posting.amount.minor));
            }
        }
        insert_rows!(
            self,
            "insert into ledger_entry (number, account, minor) ",
            3,
            entries,
            "",
            |row, entry| {
                row.push_bind(entry.0).push_bind(entry.1).push_bind(entry.2);
            }
        )?;
        Ok(numbered.into_iter().map(|(number, _)| number).collect())
    }
}
