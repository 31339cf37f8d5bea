//! Why a line of a statement is what it is: how it is reckoned, by which prices, what its charges come to one by one, and what the ledger
//! posts of them. The three sums must be one.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::call::{CallPlace, place_of};
use crate::billing::statement::{StatementError, arrange, content, tell_workings};
use crate::domain::charge::LineKey;
use crate::domain::id::AppId;
use crate::domain::money::MoneyError;
use crate::domain::statement::{Statement, StatementLine};
use crate::domain::time::Period;
use crate::domain::working::LineName;
use crate::store::line_sum::LineSum;
use crate::store::plan_version::KeptVersion;
use crate::store::{Store, StoreError, Transaction};

/// Which line is to be explained.
#[derive(Debug, Clone, Copy)]
pub enum Which<'w> {
    /// One of a final statement.
    Named(LineName),
    /// That of an [`crate::domain::charge::LineKey::id`] on a statement of an app and period, which may be a draft.
    Of(Period, &'w AppId, &'w str),
}

/// Why nothing is explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such line.
    #[error("there is no such line")]
    NoLine,
    /// The statement cannot be made, or not be read.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl From<StoreError> for ExplainError {
    fn from(error: StoreError) -> Self {
        Self::Statement(error.into())
    }
}

/// A line with all that it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Its statement, which has [`Self::line`] too.
    pub statement: Statement,
    /// Its name, on a final statement.
    pub name: Option<LineName>,
    /// The line, with how it is reckoned, if that is known.
    pub line: StatementLine,
    /// Its plan version, as it is kept.
    pub version: Option<KeptVersion>,
    /// What its charges come to.
    pub sum: LineSum,
    /// Where a call that was asked about stands among the units of the line; none, if that cannot be told.
    pub call: Option<CallPlace>,
}

impl Explanation {
    /// What the ledger has of the line, in minor units.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn posted(&self) -> Result<i64, MoneyError> {
        let add = |sum: i64, posted: i64| sum.checked_add(posted).ok_or(MoneyError::Overflow);
        self.sum.postings.iter().try_fold(0, |sum, posting| add(sum, posting.posted))
    }

    /// Whether charges, ledger and line come to the same.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let minor = self.line.amount.minor;
        self.sum.charges == self.line.charges && self.sum.minor == minor && self.posted() == Ok(minor)
    }
}

/// What the charges of a line have in common.
///
/// # Errors
/// [`ExplainError`].
pub async fn key_of(store: &Store, which: Which<'_>) -> Result<LineKey, ExplainError> {
    let mut transaction = store.begin_reading().await?;
    let found = find(&mut transaction, which).await?;
    transaction.roll_back().await?;
    let line = found.and_then(|(statement, place)| statement.lines.into_iter().nth(place));
    Ok(line.ok_or(ExplainError::NoLine)?.key)
}

/// Explains a line, as the books stand at one moment; with a call of it, if one is asked about. What is due by the month at the close of
/// a period that runs is not charged yet, and not explained.
///
/// # Errors
/// [`ExplainError`].
pub async fn explain(
    store: &Store,
    which: Which<'_>,
    usage: Option<&str>,
) -> Result<Explanation, ExplainError> {
    let mut transaction = store.begin_reading().await?;
    let explained = explain_within(&mut transaction, which, usage).await?;
    transaction.roll_back().await?;
    Ok(explained)
}

async fn explain_within(
    transaction: &mut Transaction,
    which: Which<'_>,
    usage: Option<&str>,
) -> Result<Explanation, ExplainError> {
    let (mut statement, place) = find(transaction, which).await?.ok_or(ExplainError::NoLine)?;
    let told = statement.lines.get(place).ok_or(ExplainError::NoLine)?.clone();
    if told.working.is_none() {
        // Of a draft, or one that an older program closed.
        let period = statement.period;
        tell_workings(transaction, period, std::slice::from_mut(&mut statement)).await?;
    }
    let line = statement.lines.get(place).ok_or(ExplainError::NoLine)?.clone();
    let version = match transaction.plan_version(&line.key.plan).await {
        Err(StoreError::Corrupt { .. }) => None,
        version => version?,
    };
    let call = match usage {
        Some(usage) => place_of(transaction, (&line, version.as_ref()), usage).await?,
        None => None,
    };
    let sum = transaction.line_sum(&line.key).await?;
    let name = statement.line_name(place);
    Ok(Explanation { statement, name, line, version, sum, call })
}

/// The statement that has the line, and its place there, from 0.
async fn find(
    transaction: &mut Transaction,
    which: Which<'_>,
) -> Result<Option<(Statement, usize)>, StatementError> {
    match which {
        Which::Named(LineName { statement, place }) => {
            let kept = transaction.statement_of_number(statement).await?;
            let statement = kept.as_ref().map(content::read).transpose()?;
            let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            Ok(statement.zip(place))
        }
        Which::Of(period, app, id) => {
            let statements = statements(transaction, period, app).await?;
            let place = |statement: &Statement| {
                statement.lines.iter().position(|line| line.key.id().to_string() == id)
            };
            Ok(statements.into_iter().find_map(|statement| place(&statement).map(|place| (statement, place))))
        }
    }
}

/// An app's statements of a period, as they are charged by now.
async fn statements(
    transaction: &mut Transaction,
    period: Period,
    app: &AppId,
) -> Result<Vec<Statement>, StatementError> {
    if transaction.closed_at(period).await?.is_some() {
        let kept = transaction.statements(period, Some(app)).await?;
        return Ok(kept.iter().map(content::read).collect::<Result<_, _>>()?);
    }
    Ok(arrange(transaction.line_totals(period, Some(app)).await?, period)?)
}
