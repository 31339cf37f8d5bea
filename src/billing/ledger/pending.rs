//! Amounts that wait in the ledger: taken by one cause, and resolved each time by another. A cause that comes again changes
//! nothing.
//!
//! All of it happens within a transaction of the caller's, which holds [`Exclusive::Billing`]: with what it is for, or not at all.

use crate::billing::books::believed::believed;
use crate::domain::ledger::{LedgerTransaction, Unbalanced};
use crate::domain::pending::{Pending, PendingError, Resolution};
use crate::domain::time::Timestamp;
use crate::policy::journal_terms::RecordTimes;
use crate::store::pending::Expired;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError, Transaction};

/// Most amounts that one call times out.
const AT_ONCE: i64 = 1_000;

/// Whether anything was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was.
    Now,
    /// It was done before by the same cause, and nothing has changed.
    Before,
}

/// Why an amount does not wait, or nothing becomes of it.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// It cannot wait, or that cannot become of it.
    #[error(transparent)]
    Pending(#[from] PendingError),
    /// It cannot be posted.
    #[error("it cannot be posted")]
    Unbalanced(#[from] Unbalanced),
    /// Nothing waits by that cause.
    #[error("nothing waits by the cause {0}")]
    Unknown(String),
    /// What is kept of what waits by that cause is damaged.
    #[error("what waits by the cause {cause} cannot be read ({what}): see `tollgate ledger check`")]
    Damaged {
        /// The cause.
        cause: String,
        /// What of it cannot be read.
        what: String,
    },
    /// Another thing was posted by that cause.
    #[error("by the cause {0} something else was posted; it stays as it is")]
    Another(String),
}

/// Takes what is `pending`, all of which is left, and has it wait from `now` on.
///
/// # Errors
/// [`WaitError`].
pub async fn wait(
    transaction: &mut Transaction,
    cause: &str,
    pending: &Pending,
    now: Timestamp,
) -> Result<Done, WaitError> {
    if let Some(kept) = transaction.pending(cause).await? {
        let first = kept.pending.after(0)?;
        return if first == *pending { Ok(Done::Before) } else { Err(WaitError::Another(cause.to_owned())) };
    }
    if transaction.is_posted(cause).await? {
        return Err(WaitError::Another(cause.to_owned()));
    }
    let accounts = (pending.source().clone(), pending.held().clone());
    let made = LedgerTransaction::moving(cause.to_owned(), now, accounts, pending.amount())?;
    transaction.keep_pending(&made, pending).await?;
    Ok(Done::Now)
}

/// Has `resolution` become of what waits by the cause `waiting`; `cause` is the resolution's own.
///
/// # Errors
/// [`WaitError`].
pub async fn resolve(
    transaction: &mut Transaction,
    (waiting, cause): (&str, &str),
    resolution: &Resolution,
    now: Timestamp,
) -> Result<Done, WaitError> {
    if let Some(kept) = transaction.resolution_by(cause).await? {
        let is_same = kept.pending == waiting
            && kept.outcome == resolution.name()
            && match resolution {
                Resolution::Posted { minor, to } => kept.minor == *minor && kept.to == to.to_string(),
                Resolution::Voided | Resolution::TimedOut => true,
            };
        return if is_same { Ok(Done::Before) } else { Err(WaitError::Another(cause.to_owned())) };
    }
    if transaction.is_posted(cause).await? {
        return Err(WaitError::Another(cause.to_owned()));
    }
    let kept = match transaction.pending(waiting).await {
        Err(StoreError::Corrupt { what }) => {
            return Err(WaitError::Damaged { cause: waiting.to_owned(), what });
        }
        kept => kept?.ok_or_else(|| WaitError::Unknown(waiting.to_owned()))?,
    };
    let moved = kept.pending.clone().resolve(resolution, now)?;
    let accounts = (kept.pending.held().clone(), moved.to.clone());
    let made = LedgerTransaction::moving(cause.to_owned(), now, accounts, moved.amount)?;
    transaction.keep_resolution(&made, (&kept, resolution), &moved).await?;
    Ok(Done::Now)
}

/// Gives back what waits although its time ran out by `now`, some of it at a time: how many amounts that were. Call again until
/// there are none. What cannot time out waits on, and holds up none of the others. A clock that jumps ahead gives nothing back: by the
/// calls that the books believe it is no later than these, and what the `times` let one be ahead.
///
/// # Errors
/// [`WaitError`].
pub async fn time_out(store: &Store, now: Timestamp, times: &RecordTimes) -> Result<usize, WaitError> {
    // Nearly always there are none: nobody's turn to write is taken for that.
    if !store.has_expired_pending(now).await? {
        return Ok(0);
    }
    let now = believed(store, now, times).await?;
    if !store.has_expired_pending(now).await? {
        return Ok(0);
    }
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let (mut timed_out, mut stuck, mut first, mut last) = (0_usize, 0_usize, None, None);
    // Behind as many as cannot time out, others may.
    while timed_out == 0 {
        let mut expired = transaction.expired_pending(now, last.as_ref(), AT_ONCE).await?;
        for Expired { cause: waiting, .. } in &expired {
            let cause = format!("{waiting} timed out");
            match resolve(&mut transaction, (waiting, &cause), &Resolution::TimedOut, now).await {
                Ok(Done::Now) => timed_out = timed_out.saturating_add(1),
                Ok(Done::Before) => {}
                Err(error @ WaitError::Store(_)) => return Err(error),
                // Nothing was written of it.
                Err(error) => {
                    stuck = stuck.saturating_add(1);
                    first.get_or_insert_with(|| (waiting.clone(), error));
                }
            }
        }
        last = expired.pop();
        if last.is_none() {
            break;
        }
    }
    if let Some((first, error)) = first {
        tracing::error!(amounts = stuck, first, %error, "what waits in the ledger cannot time out");
    }
    transaction.commit().await?;
    Ok(timed_out)
}
