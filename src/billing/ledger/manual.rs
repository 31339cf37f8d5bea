//! What administrators post by hand, each once: to say the same again changes nothing, and to say another thing by the same name is
//! refused.

use crate::domain::manual_posting::{InvalidPosting, KeptManualPosting, ManualPosting};
use crate::domain::time::Timestamp;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError};

/// What a posting by hand came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// What is posted under that name.
    pub kept: KeptManualPosting,
    /// It was posted before, and nothing has changed.
    pub was_posted: bool,
}

/// Why nothing was posted.
#[derive(Debug, thiserror::Error)]
pub enum ManualError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// It makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidPosting),
    /// Another was posted by that name.
    #[error(
        "{} was posted before, at {} by {}: {} {} to the debit of {} and the credit of {} ({})",
        .0.posting.name, .0.at, .0.poster, .0.posting.amount, .0.posting.amount.currency, .0.posting.debit,
        .0.posting.credit, .0.posting.reason
    )]
    Another(Box<KeptManualPosting>),
    /// An amount waits by that cause, or it is what became of one.
    #[error("{0} is the cause of an amount that waits, or of what became of one")]
    Waits(String),
}

/// Posts `posting` by hand of `poster` at `now`, unless it was posted before.
///
/// # Errors
/// [`ManualError`]; then nothing has changed.
pub async fn post(
    store: &Store,
    posting: ManualPosting,
    (poster, now): (&str, Timestamp),
) -> Result<Posted, ManualError> {
    let made = posting.transaction(now)?;
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    if let Some(kept) = transaction.manual_posting(&posting.name).await? {
        transaction.roll_back().await?;
        let is_same = kept.posting == posting;
        return if is_same {
            Ok(Posted { kept, was_posted: true })
        } else {
            Err(ManualError::Another(Box::new(kept)))
        };
    }
    if transaction.is_posted(&posting.cause()).await? {
        return Err(ManualError::Waits(posting.cause()));
    }
    transaction.post_manually(&made, &posting, poster).await?;
    transaction.commit().await?;
    let kept = KeptManualPosting { posting, poster: poster.to_owned(), at: now };
    Ok(Posted { kept, was_posted: false })
}
