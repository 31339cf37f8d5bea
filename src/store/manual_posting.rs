//! What administrators posted to the ledger by hand. Append-only, by triggers of both stores.

use super::error::StoreError;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::PostingName;
use crate::domain::ledger::LedgerTransaction;
use crate::domain::manual_posting::{KeptManualPosting, ManualPosting};
use crate::domain::money::Amount;
use crate::domain::time::Timestamp;

row! {
    ManualRow {
        at: i64,
        debit: String,
        credit: String,
        currency: String,
        minor: i64,
        poster: String,
        reason: String,
    }
}

impl Transaction {
    /// What was posted by hand under a name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn manual_posting(
        &mut self,
        name: &PostingName,
    ) -> Result<Option<KeptManualPosting>, StoreError> {
        let row: Option<ManualRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select t.at, m.debit, m.credit, t.currency, m.minor, m.poster, m.reason from ledger_transaction t \
                 join ledger_manual m on m.number = t.number where t.cause = $1",
            )
            .bind(ManualPosting::cause_of(name))
            .fetch_optional(db)
            .await
        })?;
        let Some(row) = row else { return Ok(None) };
        let posting = ManualPosting {
            name: name.clone(),
            debit: parse("ledger_manual.debit", &row.debit)?,
            credit: parse("ledger_manual.credit", &row.credit)?,
            amount: Amount {
                minor: row.minor,
                currency: parse("ledger_transaction.currency", &row.currency)?,
            },
            reason: row.reason,
        };
        Ok(Some(KeptManualPosting { posting, poster: row.poster, at: Timestamp::from_micros(row.at) }))
    }

    /// Posts `transaction`, which `posting` makes, by hand of `poster`. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its name was posted before; [`StoreError::Unavailable`].
    pub async fn post_manually(
        &mut self,
        transaction: &LedgerTransaction,
        posting: &ManualPosting,
        poster: &str,
    ) -> Result<(), StoreError> {
        let (posted, _) = self.post_by_themselves(std::slice::from_ref(transaction)).await?;
        on!(self.connection(), db => {
            sqlx::query(
                "insert into ledger_manual (number, debit, credit, minor, poster, reason) \
                 values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(posted.first().copied())
            .bind(posting.debit.to_string())
            .bind(posting.credit.to_string())
            .bind(posting.amount.minor)
            .bind(poster)
            .bind(&posting.reason)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
