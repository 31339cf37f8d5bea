//! What could not be rated or read, or waits for too long, and nobody has resolved: the list of it, and how much there is of each kind
//! and for how long.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::fields;
use super::page::page;
use super::parameters::Parameters;
use super::state::AdminState;
use crate::billing::books::exceptions::transaction_to_json;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::id::AppId;
use crate::domain::time::Timestamp;
use crate::store::open_exceptions::{OpenOfKind, Order, Wanted};
use crate::store::usage::UsageRow;
use crate::store::usage_exception::{ExceptionKind, UsageException};

/// Most bytes that are shown of what could not be read; the store has all of them.
const MAX_SHOWN: usize = 1024;

/// `GET /admin/exceptions?kind=&app=&older_than=7d&sort=at|age`: by the time of their calls, the newest first, or by how long they are
/// open, the oldest first; page by page.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    let now = state.clock.now();
    let wanted = wanted(&mut parameters, now);
    parameters.finish()?;
    let exceptions = state.store.wanted_exceptions(&wanted, &paging.page).await?;
    let ids: Vec<String> = exceptions.iter().filter_map(|exception| exception.usage.clone()).collect();
    let calls = state.store.usage_records(&ids).await?;
    let shown = |exception: &UsageException| {
        shown(exception, exception.usage.as_ref().and_then(|usage| calls.get(usage)), now)
    };
    ok(page(&exceptions, paging.size, |exception| &exception.id, shown))
}

fn wanted(parameters: &mut Parameters, now: Timestamp) -> Wanted {
    let kinds = || ExceptionKind::ALL.map(ExceptionKind::name).join(", ");
    let kind = named(parameters, "kind", |name| ExceptionKind::named(name).ok_or_else(kinds));
    let order = named(parameters, "sort", |name| Order::named(name).ok_or_else(|| "at, age".to_owned()));
    let older_than = parameters.optional::<String>("older_than").and_then(|text| {
        fields::span(&json!(text)).map_err(|detail| parameters.wrong("older_than", detail)).ok()
    });
    Wanted {
        kind,
        app: parameters.optional::<AppId>("app"),
        noted_by: older_than.map(|span| now.minus(span)),
        order: order.unwrap_or_default(),
    }
}

/// A parameter that is one of a closed set, by its name; else there are its names.
fn named<T>(
    parameters: &mut Parameters,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = parameters.optional::<String>(name)?;
    read(&text).map_err(|names| parameters.wrong(name, format!("is none of {names}"))).ok()
}

fn shown(exception: &UsageException, call: Option<&UsageRow>, now: Timestamp) -> Value {
    json!({
        "id": exception.id,
        "kind": exception.kind.name(),
        "at": exception.at.to_string(),
        "noted_at": exception.noted_at.to_string(),
        "age_seconds": now.since(exception.noted_at).as_secs(),
        "usage": exception.usage,
        "app": exception.app,
        "route": call.and_then(|call| call.route.as_deref()),
        "transaction": call.and_then(|call| call.transaction.as_ref()).map(transaction_to_json),
        "waits_for_sale": exception.sale,
        "reason": exception.reason,
        "payload_bytes": exception.payload.as_ref().map(Vec::len),
        "payload_hex": exception.payload.as_deref().map(|bytes| hexadecimal(bytes.get(..MAX_SHOWN).unwrap_or(bytes))),
    })
}

/// `GET /admin/exceptions/summary`: how many there are of each kind, for how long the oldest has been open, and how many for how long.
pub(super) async fn summary(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let now = state.clock.now();
    let kinds = state.store.open_exceptions_by_kind(now).await?;
    let open = kinds.iter().fold(0_u64, |sum, of_kind| sum.saturating_add(of_kind.open()));
    let kinds: Vec<Value> = kinds.iter().map(|of_kind| of_kind_shown(of_kind, now)).collect();
    ok(json!({ "open": open, "kinds": kinds }))
}

fn of_kind_shown(of_kind: &OpenOfKind, now: Timestamp) -> Value {
    let [first, second, third, older] = of_kind.by_age;
    json!({
        "kind": of_kind.kind.name(),
        "open": of_kind.open(),
        "oldest_noted_at": of_kind.oldest.to_string(),
        "oldest_age_seconds": now.since(of_kind.oldest).as_secs(),
        "under_1d": first,
        "1d_to_7d": second,
        "7d_to_30d": third,
        "over_30d": older,
    })
}
