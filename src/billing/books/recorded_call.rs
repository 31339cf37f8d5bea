//! Calls and sales as the store has them, and what is asked of a call in the books.

use crate::billing::rating::{Billable, Standing, Unrated, standing};
use crate::domain::id::{MerchantId, RouteName};
use crate::domain::sale::{Sale, SaleKey};
use crate::domain::transaction::{Transaction, TransactionKind};
use crate::store::sale::NewSale;
use crate::store::usage::UsageRow;

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
