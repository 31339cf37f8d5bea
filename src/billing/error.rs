//! Why usage cannot be recorded, rated or resolved.

use super::ledger::posting::PostingError;
use super::rating::Unrated;
use crate::domain::id::NodeId;
use crate::domain::money::MoneyError;
use crate::domain::plan::PlanRef;
use crate::metering::drain::SinkError;
use crate::store::StoreError;
use crate::store::exception_resolution::Resolution;

/// Why usage cannot be recorded, rated or resolved. Whatever it is, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The books know another journal under this node's name.
    #[error(
        "usage of node {node} was recorded from another journal (identity {known}; the one in this node's data folder \
         is {given}). Either another node has the same name, or the data folder is a new one. Give this node a name \
         of its own (--node NAME, or TOLLGATE_NODE); or, if its old data folder is still there, start it with that \
         one: it may hold usage that is not recorded yet"
    )]
    AnotherJournal {
        /// The node.
        node: NodeId,
        /// The identity of the journal that the books know.
        known: String,
        /// The identity of the one that was given.
        given: String,
    },
    /// A batch does not begin right after what was recorded of its journal.
    #[error("the batch begins after record {first}, and the journal is recorded up to {recorded}")]
    Gap {
        /// The last record that the books have.
        recorded: u64,
        /// The one before the batch.
        first: u64,
    },
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
    /// It was resolved before, in another way, by another, or for another reason.
    #[error(
        "exception {} was resolved before: {}, by {} at {} ({})",
        .0.exception, .0.outcome.name(), .0.resolver, .0.at, .0.reason
    )]
    ResolvedOtherwise(Box<Resolution>),
    /// An exception that cannot be rated.
    #[error("it cannot be rated: {0}")]
    NotRatable(&'static str),
    /// An exception that cannot be written off.
    #[error("it cannot be written off: {0}")]
    NotWrittenOff(&'static str),
    /// Rating it again came to the same.
    #[error("it cannot be rated: {0}")]
    Unrated(#[from] Unrated),
}

impl From<BillingError> for SinkError {
    fn from(error: BillingError) -> Self {
        let reason = chain(&error);
        match error {
            BillingError::Gap { recorded, .. } => Self::Behind(recorded),
            // Nothing is wrong with the records: they wait until someone has told the nodes apart, or mended the store.
            BillingError::AnotherJournal { .. }
            | BillingError::Store(
                StoreError::Unavailable { .. } | StoreError::Damaged { .. } | StoreError::NewerSchema { .. },
            ) => Self::Unavailable(reason),
            BillingError::Store(
                StoreError::Conflict { .. }
                | StoreError::Missing { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Address { .. },
            )
            | BillingError::Money(_)
            | BillingError::Posting(_)
            | BillingError::PlanUnknown(_)
            | BillingError::NotOpen(_)
            | BillingError::ResolvedOtherwise(_)
            | BillingError::NotRatable(_)
            | BillingError::NotWrittenOff(_)
            | BillingError::Unrated(_) => Self::Refused(reason),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
