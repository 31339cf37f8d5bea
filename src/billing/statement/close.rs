//! Closing a period from its cut to its seal.

use std::time::Duration;

use super::closing::{Terms, begin, finish};
use super::error::StatementError;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::Store;
use crate::store::statement::KeptStatement;

/// Whether a period may be closed before its end, or before what comes late of it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseEarly {
    /// It may not.
    Refused,
    /// It may: what comes later in it goes to the next period.
    Allowed,
}

/// What closing a period came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Whether it was closed before: closing again changes nothing.
    pub was_closed: bool,
    /// The final statements.
    pub statements: Vec<KeptStatement>,
}

/// Closes a period without any grace: what its subscriptions cost by the month is charged, and its statements are final.
///
/// # Errors
/// [`StatementError`].
pub async fn close(
    store: &Store,
    period: Period,
    (zone, now): (&Zone, Timestamp),
    early: CloseEarly,
) -> Result<Closed, StatementError> {
    let terms = Terms { grace: Duration::ZERO, early };
    let was_closed = begin((store, store), period, (zone, now), terms).await?;
    finish(store, now).await?;
    let mut transaction = store.begin_reading().await?;
    let statements = transaction.statements(period, None).await?;
    transaction.roll_back().await?;
    Ok(Closed { was_closed, statements })
}
