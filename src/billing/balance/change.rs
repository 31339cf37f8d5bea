//! Changes of balances: of a limit, and that one ends. Each cause once.

use super::deposits::Deposited;
use crate::domain::balance::{Balance, BalanceKind};
use crate::domain::id::BalanceId;
use crate::domain::time::Timestamp;
use crate::store::balance::Change;
use crate::store::transaction::Exclusive;
use crate::store::{StoreError, Transaction};

/// Why a balance cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such balance.
    #[error("there is no such balance")]
    Missing,
    /// Money paid ahead is bounded by what is paid in.
    #[error("money paid ahead has no limit: what is paid in bounds it")]
    NoLimit,
    /// It has ended.
    #[error("it ended at {0}")]
    Ended(Timestamp),
    /// The cause changed it in another way.
    #[error("{0} changed it before, in another way: another change needs a cause of its own")]
    Differs(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes a balance; gives what it was before. Units that are leased already are not taken back: a lower limit is kept to by what is
/// leased from then on. Fees of calls from after its end are owed, or paid from another balance.
///
/// # Errors
/// [`ChangeError`]; nothing has changed then.
pub async fn change(
    transaction: &mut Transaction,
    id: &BalanceId,
    change: Change,
    (cause, at): (&str, Timestamp),
) -> Result<(Balance, Deposited), ChangeError> {
    // Whoever records usage has read when a balance ends.
    transaction.hold(Exclusive::Billing).await?;
    let balance = transaction.lock_balance(id).await?.ok_or(ChangeError::Missing)?;
    match (balance.kind, change) {
        (BalanceKind::Prepaid, Change::Limit(_)) => return Err(ChangeError::NoLimit),
        (BalanceKind::Prepaid | BalanceKind::Credit(_) | BalanceKind::Budget(_), _) => {}
    }
    match transaction.balance_change(id, cause).await? {
        Some(known) if known == change => return Ok((balance, Deposited::Before)),
        Some(_) => return Err(ChangeError::Differs(cause.to_owned())),
        None => {}
    }
    if let Some(ended) = balance.ended_at {
        return Err(ChangeError::Ended(ended));
    }
    transaction.change_balance(&balance, change, (cause, at)).await?;
    Ok((balance, Deposited::Now))
}
