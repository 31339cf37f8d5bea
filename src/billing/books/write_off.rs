//! What someone gives up as lost. What a sale still waits for is counted as cancelled, so that its share goes with it, of what is pending
//! first, as by any cancellation; of what is no mismatch of a sale nothing is charged, and what it may have been worth is kept.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::batch::Books;
use super::calendar::BooksTime;
use super::exceptions::{COUNTED, changes_share, is_counted};
use super::prices::tariffs;
use super::recorded_call::billable;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::Origin;
use crate::billing::rating::{Billable, Unrated, standing};
use crate::domain::money::Amount;
use crate::domain::sale::{Sale, SaleKey};
use crate::domain::transaction::{Details, Transaction, TransactionKind};
use crate::store;
use crate::store::exception_resolution::Resolution;
use crate::store::numbers::Numbers;
use crate::store::usage_batch::Batch;
use crate::store::usage_exception::{ExceptionKind, UsageException};

/// The id of the cancellation by which what an exception is about is written off.
#[must_use]
pub fn written_off_as(exception: &str) -> String {
    format!("write-off:{exception}")
}

/// Writes off what an exception is about, and gives whether the share of a sale changed, if a sale waited for money.
///
/// # Errors
/// [`BillingError::NotWrittenOff`], [`BillingError::Unrated`], [`BillingError::PlanUnknown`], or [`BillingError::Store`].
pub(super) async fn write_off(
    transaction: &mut store::Transaction,
    exception: &UsageException,
    (resolution, time): (Resolution, BooksTime),
) -> Result<Option<bool>, BillingError> {
    match exception.kind {
        ExceptionKind::Currency | ExceptionKind::Amount | ExceptionKind::Short => {
            cancel(transaction, exception, (resolution, time)).await
        }
        ExceptionKind::Evidence
        | ExceptionKind::Plan
        | ExceptionKind::Transaction
        | ExceptionKind::Unknown
        | ExceptionKind::Journal
        | ExceptionKind::Time
        | ExceptionKind::Omitted => {
            transaction.insert_resolutions(&[resolution]).await?;
            Ok(None)
        }
    }
}

/// Has what its sale still waits for count as cancelled.
async fn cancel(
    transaction: &mut store::Transaction,
    exception: &UsageException,
    (resolution, time): (Resolution, BooksTime),
) -> Result<Option<bool>, BillingError> {
    if resolution.evidence.is_some() {
        return Err(BillingError::NotWrittenOff(
            "what is lost is what its sale waits for: leave the estimate out",
        ));
    }
    let mut call = call(transaction, exception).await?;
    let mut books = Books::open(transaction, time, &tariffs(), std::slice::from_ref(&call)).await?;
    let (key, sale) = sale_of(&books, exception.kind, &call)?;
    let missing = missing(sale)?;
    if exception.kind == ExceptionKind::Short {
        // As it was booked: its call's own time may not have been believed.
        call.at = sale.at;
    }
    if let Some(cancelled) = &mut call.transaction {
        cancelled.amount = Amount { minor: missing, currency: key.currency };
    }
    call.sale_app = Some(key.app);
    books.rate_its_transaction(&call).await??;
    books.resolve(resolution);
    books.write(&Origin::Resolved(call.usage), Batch::default(), &mut Numbers::default()).await?;
    changes_share(transaction, &call).await
}

/// The call that an exception is about, with a cancellation of its sale in place of what passed through.
async fn call(
    transaction: &mut store::Transaction,
    exception: &UsageException,
) -> Result<Billable, BillingError> {
    let unread = || BillingError::NotWrittenOff("its usage record is not known: waive it");
    let Some(id) = exception.usage.clone() else { return Err(unread()) };
    let rows = transaction.usage_records(std::slice::from_ref(&id)).await?;
    let Some(mut call) = rows.first().and_then(billable) else { return Err(unread()) };
    let (sale, currency, reach) = if exception.kind == ExceptionKind::Short {
        let Some(key) = transaction.sale_made_by(&id).await? else { return Err(unread()) };
        call.app = key.app;
        (key.id, key.currency, Details::default().reach)
    } else {
        if is_counted(transaction, &call).await? {
            return Err(BillingError::NotWrittenOff(COUNTED));
        }
        let Some(passed) = &call.transaction else { return Err(unread()) };
        (passed.sale().to_owned(), passed.amount.currency, passed.details.reach)
    };
    call.transaction = Some(Transaction {
        id: written_off_as(&exception.id),
        of: Some(sale),
        amount: Amount::zero(currency),
        kind: TransactionKind::Cancellation,
        details: Details { reach, ..Details::default() },
    });
    Ok(call)
}

/// The sale that waits for money: of what is in another currency, the one of its id that there is.
fn sale_of<'b>(
    books: &'b Books<'_>,
    kind: ExceptionKind,
    call: &Billable,
) -> Result<(SaleKey, &'b Sale), BillingError> {
    let none = || BillingError::NotWrittenOff("no sale is known that it is of: waive it");
    let Some(cancelled) = &call.transaction else { return Err(none()) };
    if kind != ExceptionKind::Currency {
        return Ok(books.totals.sale_of(call, cancelled)?);
    }
    let mut sales = books.totals.elsewhere(call, cancelled).into_iter();
    let (Some(key), rest) = (sales.next(), sales.next()) else { return Err(none()) };
    if rest.is_some() {
        return Err(BillingError::NotWrittenOff(
            "several sales of its id are known in other currencies: rate it by the right one, or waive it",
        ));
    }
    let Some(sale) = books.totals.sale(&key) else { return Err(none()) };
    Ok((key, sale))
}

/// What of a sale is neither settled nor gone, in minor units, above zero.
fn missing(sale: &Sale) -> Result<i64, BillingError> {
    let stands = standing(sale)?;
    let over = stands.gone.checked_add(stands.settled).ok_or(Unrated::TooLarge)?;
    let missing = sale.amount.minor.checked_sub(over).ok_or(Unrated::TooLarge)?;
    let nothing = BillingError::NotWrittenOff("its sale waits for no money: waive it");
    if missing > 0 { Ok(missing) } else { Err(nothing) }
}
