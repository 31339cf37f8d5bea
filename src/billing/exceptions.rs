//! What could not be rated, and what someone decides about it. Nothing is dropped, and nothing is guessed.

use serde_json::{Value, json};

use super::books::{Books, BooksTime, billable, tariffs};
use super::error::BillingError;
use super::posting::Origin;
use super::rating::Billable;
use crate::domain::usage::Transaction;
use crate::store::transaction::Exclusive;
use crate::store::usage_exception::{ExceptionKind, Resolution, ResolutionOutcome, UsageException};
use crate::store::{self, Store};

/// What to do about an exception.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Charge nothing for it.
    Waive,
    /// Rate it by the evidence that it has: whatever was missing has come.
    RateAgain,
    /// Rate it by this evidence.
    RateBy {
        /// How many units; of an exception in the transaction, these are charged already.
        units: u64,
        /// The transaction.
        transaction: Option<Transaction>,
    },
}

/// Who decides, and why. Both are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
}

/// Resolves an exception by its id. What is charged goes to the call's own period, or to the current one if that is
/// closed.
///
/// # Errors
/// [`BillingError::NotOpen`], [`BillingError::NotRatable`], [`BillingError::Unrated`], [`BillingError::PlanUnknown`],
/// or [`BillingError::Store`]; then it stays open.
pub async fn resolve(
    store: &Store,
    id: &str,
    decision: Decision,
    reason: Reason,
    time: BooksTime,
) -> Result<(), BillingError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let not_open = || BillingError::NotOpen(id.to_owned());
    let exception = transaction.open_exception(id).await?.ok_or_else(not_open)?;
    match decision {
        Decision::Waive => {
            let resolution = Resolution {
                exception: exception.id,
                outcome: ResolutionOutcome::Waived,
                at: time.now,
                resolver: reason.who,
                reason: reason.why,
                evidence: None,
            };
            transaction.insert_resolutions(&[resolution]).await?;
        }
        Decision::RateAgain => rate(&mut transaction, &exception, None, (reason, time)).await?,
        Decision::RateBy { units, transaction: given } => {
            rate(&mut transaction, &exception, Some((units, given)), (reason, time)).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Units and transaction that someone gives.
type Evidence = (u64, Option<Transaction>);

/// The evidence as it is kept beside the decision.
fn to_json((units, transaction): &Evidence) -> String {
    json!({ "units": units, "transaction": transaction.as_ref().map(transaction_to_json) }).to_string()
}

/// A transaction as it is shown, and as evidence of it is given.
#[must_use]
pub fn transaction_to_json(transaction: &Transaction) -> Value {
    json!({
        "id": transaction.id,
        "of": transaction.of,
        "kind": transaction.kind.name(),
        "amount": transaction.amount.to_string(),
        "currency": transaction.amount.currency.code(),
    })
}

async fn rate(
    transaction: &mut store::Transaction,
    exception: &UsageException,
    given: Option<Evidence>,
    (reason, time): (Reason, BooksTime),
) -> Result<(), BillingError> {
    let evidence = given.as_ref().map(to_json);
    let call = call(transaction, exception, given).await?;
    let mut books = Books::open(transaction, time, tariffs(), std::slice::from_ref(&call)).await?;
    match exception.kind {
        ExceptionKind::Transaction => books.rate_its_transaction(&call).await??,
        ExceptionKind::Evidence | ExceptionKind::Plan | ExceptionKind::Journal => {
            books.rate_one(&call).await?.map_err(|(_, unrated)| match unrated {
                Some(unrated) => BillingError::Unrated(unrated),
                None => BillingError::PlanUnknown(call.plan.clone()),
            })?;
        }
    }
    books.rate_waiting().await?;
    books.resolve(&call, (&reason.who, reason.why), evidence);
    books.write(&Origin::Resolved(call.usage)).await
}

/// The call as it is to be rated.
async fn call(
    transaction: &mut store::Transaction,
    exception: &UsageException,
    given: Option<Evidence>,
) -> Result<Billable, BillingError> {
    let unread = "its usage record could not be read; it can only be waived";
    let id = exception.usage.clone().ok_or(BillingError::NotRatable(unread))?;
    let rows = transaction.usage_records(&[id]).await?;
    let row = rows.first().ok_or(BillingError::NotRatable(unread))?;
    let no_plan = "the call was under no plan; it can only be waived";
    let mut call = billable(row).ok_or(BillingError::NotRatable(no_plan))?;
    match given {
        Some((units, transaction)) => (call.units, call.transaction) = (units, transaction),
        None if row.outcome == "exception" => {
            return Err(BillingError::NotRatable("its evidence could not be read: give it"));
        }
        None => {}
    }
    Ok(call)
}
