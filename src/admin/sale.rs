//! Sales that wait for their settlement, and transactions that wait for their sales. What becomes of one, its
//! upstream says, by a call or a notification.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::page::page;
use super::parameters::Parameters;
use super::state::AdminState;
use crate::domain::time::Timestamp;
use crate::store::pending_sale::PendingSale;
use crate::store::waiting_transaction::ListedWaiting;

/// `GET /admin/sales/pending`: sales of which a share is pending, the oldest first, page by page.
pub(super) async fn pending(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let (sales, now) = (state.store.pending_sales(&paging.page).await?, state.clock.now());
    ok(page(&sales, paging.size, |sale| &sale.usage, |sale| shown(sale, now)))
}

/// `GET /admin/sales/waiting`: transactions whose sales have not come, and about which nothing was decided, the oldest first, page by
/// page.
pub(super) async fn waiting(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let (waiting, now) = (state.store.waiting_for_sales(&paging.page).await?, state.clock.now());
    ok(page(&waiting, paging.size, |one| &one.usage, |one| waiting_shown(one, now)))
}

fn waiting_shown(one: &ListedWaiting, now: Timestamp) -> Value {
    json!({
        "sale": one.sale,
        "kind": one.kind.name(),
        "id": one.id,
        "app": one.app.as_str(),
        "usage": one.usage,
        "at": one.at.to_string(),
        "age_seconds": now.since(one.at).as_secs(),
        "currency": one.currency.code(),
        "amount": one.amount.map(|amount| amount.to_string()),
        "asked": one.is_asked,
    })
}

fn shown(sale: &PendingSale, now: Timestamp) -> Value {
    json!({
        "id": sale.id,
        "app": sale.app.as_str(),
        "partner": sale.partner.as_ref().map(|partner| partner.as_str()),
        "usage": sale.usage,
        "at": sale.at.to_string(),
        "age_seconds": now.since(sale.at).as_secs(),
        "currency": sale.amount.currency.code(),
        "amount": sale.amount.to_string(),
        "share": sale.share.to_string(),
        "pending": sale.pending.to_string(),
        "settles_within_seconds": sale.settles_within.map(|span| span.as_secs()),
        "unsettled": sale.is_unsettled(now),
    })
}
