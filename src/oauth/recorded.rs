//! What merchants change on their own pages leaves an audit record, in the transaction of the change.

use axum::http::HeaderMap;
use serde_json::Value;

use super::router::OAuth;
use super::throttle::address_of;
use crate::domain::audit::{Actor, Change};
use crate::domain::id::MerchantId;
use crate::store::Store;

/// The store, that records with what it changes next that `merchant` did `action` to `subject`, which was and became what is
/// given of it.
#[must_use]
pub fn recording(
    oauth: &OAuth,
    (headers, merchant): (&HeaderMap, &MerchantId),
    (action, subject): (&str, &str),
    (before, after): (Option<&Value>, Option<&Value>),
) -> Store {
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    oauth.store.recording(Change {
        at: oauth.clock.now(),
        actor: Actor::Merchant(merchant.clone()),
        credential: None,
        address: Some(address_of(headers)),
        request_id: request_id.map(str::to_owned),
        action: action.to_owned(),
        subject: subject.to_owned(),
        before: before.map(Value::to_string),
        after: after.map(Value::to_string),
    })
}
