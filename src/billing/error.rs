//! Why usage cannot be recorded, rated or resolved.

use super::posting::PostingError;
use super::rating::Unrated;
use crate::domain::money::MoneyError;
use crate::domain::plan::PlanRef;
use crate::store::StoreError;

/// Why usage cannot be recorded, rated or resolved. Whatever it is, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// Sums of a batch do not fit.
    #[error("the charges of a batch do not fit")]
    Money(#[from] MoneyError),
    /// Charges cannot be posted.
    #[error("charges cannot be posted")]
    Posting(#[from] PostingError),
    /// The prices of a plan version are not known.
    #[error("the prices of plan {0} are not known")]
    PlanUnknown(PlanRef),
    /// There is no open exception of that id.
    #[error("there is no open exception {0}")]
    NotOpen(String),
    /// An exception that cannot be rated.
    #[error("it cannot be rated: {0}")]
    NotRatable(&'static str),
    /// Rating it again came to the same.
    #[error("it cannot be rated: {0}")]
    Unrated(#[from] Unrated),
}
