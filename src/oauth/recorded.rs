//! What merchants change on their own pages leaves an audit record, in the transaction of the change.

use axum::http::HeaderMap;
use serde_json::Value;

use super::router::OAuth;
use super::throttle::address_of;
use crate::domain::action::Action;
use crate::domain::audit::{Actor, Change, Subject};
use crate::domain::id::{GrantId, MerchantId};
use crate::domain::identity::Grant;
use crate::store::{Store, StoreError, Transaction, recorded};

/// The store, that records with what it changes next that `merchant` did `action` to `subject`, which was and became what is
/// given of it.
#[must_use]
pub fn recording(
    oauth: &OAuth,
    (headers, merchant): (&HeaderMap, &MerchantId),
    (action, subject): (Action, impl Into<Subject>),
    (before, after): (Option<&Value>, Option<&Value>),
) -> Store {
    oauth.store.recording(change(oauth, (headers, merchant), (action, subject.into()), (before, after)))
}

/// As [`recording`], by a transaction that makes the change.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn record(
    (oauth, transaction): (&OAuth, &mut Transaction),
    of: (&HeaderMap, &MerchantId),
    (action, subject): (Action, impl Into<Subject>),
    (before, after): (Option<&Value>, Option<&Value>),
) -> Result<(), StoreError> {
    transaction.record(&change(oauth, of, (action, subject.into()), (before, after))).await
}

/// As [`record`], that `merchant` consented to what the grant of that id now says, which `before` was if it was there.
///
/// # Errors
/// [`StoreError::Missing`] if the transaction sees no such grant; [`StoreError::Unavailable`].
pub async fn record_consent(
    (oauth, transaction): (&OAuth, &mut Transaction),
    of: (&HeaderMap, &MerchantId),
    (before, given): (Option<&Grant>, &GrantId),
) -> Result<(), StoreError> {
    let given = transaction.lock_grant(given).await?.ok_or(StoreError::Missing { what: "grant" })?;
    let (before, after) = (before.map(recorded::grant), recorded::grant(&given));
    let change = (Action::GrantGive, recorded::grant_itself(&given));
    record((oauth, transaction), of, change, (before.as_ref(), Some(&after))).await
}

fn change(
    oauth: &OAuth,
    (headers, merchant): (&HeaderMap, &MerchantId),
    (action, subject): (Action, Subject),
    (before, after): (Option<&Value>, Option<&Value>),
) -> Change {
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    Change {
        at: oauth.clock.now(),
        actor: Actor::Merchant(merchant.clone()),
        credential: None,
        address: Some(address_of(headers)),
        request_id: request_id.map(str::to_owned),
        action,
        subject,
        before: before.map(Value::to_string),
        after: after.map(Value::to_string),
    }
}
