//! What administrators post that waits: they post it later, in parts perhaps, or void it, each once by its cause.

use std::time::Duration;

use super::pending::{Done, WaitError, resolve, wait};
use crate::domain::id::PostingName;
use crate::domain::manual_posting::ManualPosting;
use crate::domain::pending::Resolution;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::transaction::Exclusive;
use crate::store::waiting_posting::WaitingPosting;

/// A posting that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// As it is kept.
    pub kept: WaitingPosting,
    /// It waited before, by the same cause, and nothing has changed.
    pub was_posted: bool,
}

/// What an administrator decides about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// So many minor units are posted; all that is left, if that is not said.
    Post(Option<i64>),
    /// All that is left goes back.
    Void,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Became {
    /// As it is now.
    pub kept: WaitingPosting,
    /// The cause of what moved.
    pub cause: String,
    /// What was done: the name of a [`Resolution`].
    pub outcome: &'static str,
    /// It was done before, by the same cause, and nothing has changed.
    pub was_resolved: bool,
}

/// Has `posting` wait for `expires_in` from `now` on.
///
/// # Errors
/// [`WaitError`]; then nothing has changed.
pub async fn hold(
    store: &Store,
    (posting, expires_in): (&ManualPosting, Duration),
    (poster, now): (&str, Timestamp),
) -> Result<Waits, WaitError> {
    let cause = posting.cause();
    let pending = posting.pending(now.plus(expires_in))?;
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    if let Some(kept) = transaction.waiting_posting(&posting.name).await? {
        transaction.roll_back().await?;
        let is_same = kept.posting == *posting && kept.expires_at == kept.at.plus(expires_in);
        return if is_same { Ok(Waits { kept, was_posted: true }) } else { Err(WaitError::Another(cause)) };
    }
    wait(&mut transaction, &cause, &pending, now).await?;
    transaction.note_by_hand(&cause, Some(&posting.credit), (poster, &posting.reason)).await?;
    let kept = transaction.waiting_posting(&posting.name).await?.ok_or(WaitError::Unknown(cause))?;
    transaction.commit().await?;
    Ok(Waits { kept, was_posted: false })
}

/// Has what `who` decided, and why, become of the posting `name` that waits. It goes by `own`, or, as one that is posted or voided
/// whole, by what it is of.
///
/// # Errors
/// [`WaitError`]; then nothing has changed.
pub async fn decide(
    store: &Store,
    (name, own): (&PostingName, Option<&PostingName>),
    decided: Decided,
    (who, why): (&str, &str),
    now: Timestamp,
) -> Result<Became, WaitError> {
    let waiting = ManualPosting::cause_of(name);
    let unknown = || WaitError::Unknown(waiting.clone());
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let kept = transaction.waiting_posting(name).await?.ok_or_else(unknown)?;
    let cause = |outcome: &str| own.map_or_else(|| format!("{waiting} {outcome}"), ManualPosting::cause_of);
    let (cause, resolution) = match decided {
        Decided::Void => (cause(Resolution::Voided.name()), Resolution::Voided),
        Decided::Post(minor) => {
            let to = kept.posting.credit.clone();
            let all = Resolution::Posted { minor: kept.left, to: to.clone() };
            let cause = cause(all.name());
            // What was all that was left is it again.
            let before = transaction.resolution_by(&cause).await?;
            let minor = minor.unwrap_or_else(|| before.map_or(kept.left, |before| before.minor));
            (cause, Resolution::Posted { minor, to })
        }
    };
    let outcome = resolution.name();
    match resolve(&mut transaction, (&waiting, &cause), &resolution, now).await? {
        Done::Before => {
            transaction.roll_back().await?;
            Ok(Became { kept, cause, outcome, was_resolved: true })
        }
        Done::Now => {
            transaction.note_by_hand(&cause, None, (who, why)).await?;
            let kept = transaction.waiting_posting(name).await?.ok_or_else(unknown)?;
            transaction.commit().await?;
            Ok(Became { kept, cause, outcome, was_resolved: false })
        }
    }
}
