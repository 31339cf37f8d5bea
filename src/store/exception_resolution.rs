//! How exceptions were resolved. Append-only.

use super::error::StoreError;
use super::open::Store;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::time::Timestamp;

/// How an exception was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The exception's id.
    pub exception: String,
    /// What was done.
    pub outcome: ResolutionOutcome,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub resolver: String,
    /// Why.
    pub reason: String,
    /// By what it was rated, or what is lost by estimate, as JSON, if someone gave that.
    pub evidence: Option<String>,
}

/// What was done about an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolutionOutcome {
    /// It was rated after all.
    Rated,
    /// Nothing is charged for it.
    Waived,
    /// It is given up as lost: nothing is charged for it, and no money is waited for any more.
    WrittenOff,
}

impl ResolutionOutcome {
    /// The name used in the store and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rated => "rated",
            Self::Waived => "waived",
            Self::WrittenOff => "written_off",
        }
    }

    /// As columns `outcome` and `written_off` have it: to older programs what is written off is waived.
    fn columns(self) -> (&'static str, i64) {
        match self {
            Self::Rated | Self::Waived => (self.name(), 0),
            Self::WrittenOff => (Self::Waived.name(), 1),
        }
    }

    fn of_columns(outcome: &str, written_off: i64) -> Option<Self> {
        let all = [Self::Rated, Self::Waived, Self::WrittenOff];
        all.into_iter().find(|one| one.columns() == (outcome, written_off))
    }
}

row! {
    ResolutionRow {
        exception: String,
        outcome: String,
        written_off: i64,
        at: i64,
        resolver: String,
        reason: String,
        evidence: Option<String>,
    }
}

impl TryFrom<ResolutionRow> for Resolution {
    type Error = StoreError;

    fn try_from(row: ResolutionRow) -> Result<Self, StoreError> {
        Ok(Self {
            exception: row.exception,
            outcome: known(
                "exception_resolution.outcome",
                ResolutionOutcome::of_columns(&row.outcome, row.written_off),
            )?,
            at: Timestamp::from_micros(row.at),
            resolver: row.resolver,
            reason: row.reason,
            evidence: row.evidence,
        })
    }
}

const RESOLVED: &str = "select exception, outcome, written_off, at, resolver, reason, evidence from exception_resolution \
                        where exception = $1";

impl Store {
    /// How an exception was resolved, if it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn resolution(&self, exception: &str) -> Result<Option<Resolution>, StoreError> {
        let row: Option<ResolutionRow> = on!(self.reader(), db => {
            sqlx::query_as(RESOLVED).bind(exception).fetch_optional(db).await
        })?;
        row.map(Resolution::try_from).transpose()
    }
}

impl Transaction {
    /// How an exception was resolved, if it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn resolution(&mut self, exception: &str) -> Result<Option<Resolution>, StoreError> {
        let row: Option<ResolutionRow> = on!(self.connection(), db => {
            sqlx::query_as(RESOLVED).bind(exception).fetch_optional(db).await
        })?;
        row.map(Resolution::try_from).transpose()
    }

    /// Notes how exceptions were resolved.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one was resolved before; [`StoreError::Unavailable`].
    pub async fn insert_resolutions(&mut self, resolutions: &[Resolution]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into exception_resolution (exception, outcome, written_off, at, resolver, reason, evidence) ",
            7,
            resolutions,
            "",
            |row, resolution| {
                let (outcome, written_off) = resolution.outcome.columns();
                row.push_bind(&resolution.exception)
                    .push_bind(outcome)
                    .push_bind(written_off)
                    .push_bind(resolution.at.as_micros())
                    .push_bind(&resolution.resolver)
                    .push_bind(&resolution.reason)
                    .push_bind(resolution.evidence.as_deref());
            }
        )?;
        Ok(())
    }
}
