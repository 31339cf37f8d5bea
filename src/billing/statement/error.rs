//! Why a period cannot be closed, or a statement not be made.

use super::content::Unreadable;
use crate::billing::ledger::posting::PostingError;
use crate::domain::money::MoneyError;
use crate::domain::time::{Period, Timestamp};
use crate::store::StoreError;

/// Why a period cannot be closed, or a statement not be made.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The period has not ended.
    #[error("period {0} ends at {1}; a period is closed after its end")]
    StillOpen(Period, Timestamp),
    /// The period has ended, and is left open for what comes late.
    #[error("period {0} is left open until {1} for what comes late; it is closed after that")]
    InGrace(Period, Timestamp),
    /// The period has not begun.
    #[error("period {0} begins at {1}")]
    NotBegun(Period, Timestamp),
    /// An earlier period has charges, or some are due, and is open.
    #[error("period {1} is open; it is closed before {0}")]
    EarlierOpen(Period, Period),
    /// The statements of another period are still made.
    #[error("period {1} is closed and still gets its statements; {0} is closed after that")]
    Unfinished(Period, Period),
    /// What is kept of a final statement cannot be read.
    #[error(transparent)]
    Content(#[from] Unreadable),
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The lines do not add up.
    #[error("the lines do not add up")]
    Money(#[from] MoneyError),
    /// What subscriptions cost by the month cannot be posted.
    #[error("what subscriptions cost by the month cannot be posted")]
    Posting(#[from] PostingError),
}
