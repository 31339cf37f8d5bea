//! What administrators post that waits until it is known what becomes of it, and what they decide about it. Append-only, by triggers
//! of both stores.

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use super::transaction::Transaction;
use crate::domain::account::Account;
use crate::domain::id::PostingName;
use crate::domain::manual_posting::ManualPosting;
use crate::domain::money::Amount;
use crate::domain::time::Timestamp;

/// A posting that waits, or waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPosting {
    /// The number of the ledger transaction that took the amount.
    pub number: i64,
    /// What is to be posted.
    pub posting: ManualPosting,
    /// Who has it wait.
    pub poster: String,
    /// Since when.
    pub at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// How many minor units wait still.
    pub left: i64,
}

row! {
    WaitingRow {
        number: i64,
        cause: String,
        at: i64,
        debit: String,
        target: Option<String>,
        currency: String,
        minor: i64,
        expires_at: i64,
        gone: i64,
        poster: String,
        reason: String,
    }
}

impl TryFrom<WaitingRow> for WaitingPosting {
    type Error = StoreError;

    fn try_from(row: WaitingRow) -> Result<Self, StoreError> {
        let target = known("ledger_by_hand.target", row.target)?;
        let currency = parse("ledger_transaction.currency", &row.currency)?;
        let posting = ManualPosting {
            name: known("ledger_transaction.cause", ManualPosting::name_in(&row.cause))?,
            debit: parse("ledger_pending.source", &row.debit)?,
            credit: parse("ledger_by_hand.target", &target)?,
            amount: Amount { minor: row.minor, currency },
            reason: row.reason,
        };
        Ok(Self {
            number: row.number,
            posting,
            poster: row.poster,
            at: Timestamp::from_micros(row.at),
            expires_at: Timestamp::from_micros(row.expires_at),
            left: row.minor.saturating_sub(row.gone),
        })
    }
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "select p.number, t.cause, t.at, s.party || ':' || s.purpose as debit, h.target, t.currency, p.minor, p.expires_at, \
             cast(coalesce((select sum(r.minor) from ledger_resolution r where r.pending = p.number), 0) as bigint) as gone, \
             h.poster, h.reason from ledger_by_hand h join ledger_pending p on p.number = h.number \
             join ledger_transaction t on t.number = p.number join ledger_account s on s.number = p.source ",
            $which
        )
    };
}

impl Store {
    /// A page of the postings that wait, in the order in which they began to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn waiting_postings(&self, page: &Page) -> Result<Vec<WaitingPosting>, StoreError> {
        let rows: Vec<WaitingRow> = on!(self.reader(), db => {
            sqlx::query_as(select!(
                "join ledger_waiting w on w.pending = p.number where p.number > $1 order by p.number limit $2"
            ))
            .bind(page.cursor().parse::<i64>().unwrap_or(0))
            .bind(page.limit())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}

impl Transaction {
    /// The posting of that name that waits, or waited.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn waiting_posting(
        &mut self,
        name: &PostingName,
    ) -> Result<Option<WaitingPosting>, StoreError> {
        let row: Option<WaitingRow> = on!(self.connection(), db => {
            sqlx::query_as(select!("where t.cause = $1"))
                .bind(ManualPosting::cause_of(name))
                .fetch_optional(db)
                .await
        })?;
        row.map(WaitingPosting::try_from).transpose()
    }

    /// Notes who has the amount wait that `cause` took, and to which account it is to be posted; or who decided about one, by that
    /// cause, and then to none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if that is noted already; [`StoreError::Unavailable`].
    pub async fn note_by_hand(
        &mut self,
        cause: &str,
        target: Option<&Account>,
        (poster, reason): (&str, &str),
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into ledger_by_hand (number, target, poster, reason) \
                 select number, $2, $3, $4 from ledger_transaction where cause = $1",
            )
            .bind(cause)
            .bind(target.map(ToString::to_string))
            .bind(poster)
            .bind(reason)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
