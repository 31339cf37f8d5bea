//! Calls and sales as the store has them, and what is asked of a call in the books.

use crate::billing::rating::{Billable, Standing, Unrated, standing};
use crate::domain::id::{MerchantId, RouteName};
use crate::domain::sale::{Sale, SaleKey};
use crate::domain::time::Timestamp;
use crate::domain::transaction::{Transaction, TransactionKind};
use crate::store::sale::NewSale;
use crate::store::usage::UsageRow;
use crate::store::usage_exception::{ExceptionKind, UsageException};

/// A call as it was recorded; `None` if it was under no plan.
pub(super) fn billable(row: &UsageRow) -> Option<Billable> {
    let (product, plan) = row.subscribed.clone()?;
    Some(Billable {
        usage: row.id.parse().ok()?,
        at: row.at,
        partner: row.partner.clone(),
        app: row.app.clone(),
        merchant: row.merchant.as_deref().map(MerchantId::new).transpose().ok()?,
        route: row.route.as_deref().map(RouteName::new).transpose().ok()?,
        product,
        plan,
        units: row.units,
        transaction: row.transaction.clone(),
        sale_app: None,
    })
}

/// The id of the exception that a call becomes.
pub(super) fn exception_id(call: &Billable) -> String {
    format!("usage:{}", call.usage)
}

/// The exception that a call becomes `now`.
pub(super) fn exception(
    call: &Billable,
    (kind, unrated): (ExceptionKind, Option<&Unrated>),
    now: Timestamp,
) -> UsageException {
    let plan_unknown = || format!("the prices of plan {} are not known", call.plan);
    let kind = match (kind, unrated) {
        (ExceptionKind::Transaction, Some(unrated)) => mismatch(unrated),
        (kind, _) => kind,
    };
    UsageException {
        id: exception_id(call),
        kind,
        at: call.at,
        noted_at: now,
        usage: Some(call.usage.to_string()),
        app: Some(call.app.to_string()),
        sale: unrated.and_then(Unrated::lacking_sale).map(str::to_owned),
        reason: unrated.map_or_else(plan_unknown, ToString::to_string),
        payload: None,
    }
}

/// What kind of question it is that a transaction was not rated.
fn mismatch(unrated: &Unrated) -> ExceptionKind {
    match unrated {
        Unrated::SaleUnknown { .. } | Unrated::SaleAmbiguous { .. } => ExceptionKind::Unknown,
        Unrated::SaleElsewhere { .. } => ExceptionKind::Currency,
        Unrated::SaleDiffers { .. }
        | Unrated::EventDiffers { .. }
        | Unrated::Exceeds { .. }
        | Unrated::Contradicted { .. } => ExceptionKind::Amount,
        Unrated::TooLarge
        | Unrated::SumTooLarge
        | Unrated::Lacks(_)
        | Unrated::HoldsMore(_)
        | Unrated::PartyUnknown(_)
        | Unrated::OtherCurrency { .. }
        | Unrated::PricesUnknown(_)
        | Unrated::TiersUnknown(_)
        | Unrated::SaleShared { .. }
        | Unrated::EventUnnamed { .. } => ExceptionKind::Transaction,
    }
}

/// The id of the sale of which it cancels all that is left.
pub(super) fn whose_rest_is_cancelled(transaction: &Transaction) -> Option<&str> {
    let is_rest = transaction.kind == TransactionKind::Cancellation && transaction.minor().is_none();
    is_rest.then(|| transaction.sale())
}

/// Whether it is of a sale, and not one itself.
pub(super) fn is_event(transaction: &Transaction) -> bool {
    transaction.kind != TransactionKind::Sale
}

/// A sale as it is kept.
pub(super) fn new_sale<'s>((key, sale): (&'s SaleKey, &'s Sale)) -> Result<NewSale<'s>, Unrated> {
    let Standing { returned, pending, earned_base, .. } = standing(sale)?;
    let net = if sale.family.is_some() { earned_base } else { 0 };
    Ok(NewSale { key, sale, returned, pending, net })
}
