//! What merchants change on their own pages leaves an audit record, in the transaction of the change.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::router::OAuth;
use super::throttle::address_of;
use crate::domain::action::Action;
use crate::domain::audit::{Actor, Change, Subject};
use crate::domain::authentication::LoginMethod;
use crate::domain::id::{AppId, GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::store::login_session::LoginSession;
use crate::store::{Store, StoreError, Transaction};

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

/// A grant of `merchant` to `app`, by which its records are found too.
#[must_use]
pub fn grant_of(grant: &GrantId, (merchant, app): (&MerchantId, &AppId)) -> Subject {
    Subject::new(grant.as_str()).about(merchant.as_str()).about(app.as_str())
}

/// What is recorded of a grant of `merchant` to `app` with those scopes.
#[must_use]
pub fn shown_grant((merchant, app): (&MerchantId, &AppId), scopes: &ScopeSet) -> Value {
    json!({"merchant": merchant.as_str(), "app": app.as_str(), "scopes": scopes.to_string()})
}

/// What is recorded of a session that ended.
#[must_use]
pub fn session(session: &LoginSession) -> Value {
    json!({
        "merchant": session.merchant.as_str(),
        "created_at": session.created_at.to_string(),
        "address": session.address.map(|address| address.to_string()),
        "method": session.method.map(LoginMethod::name),
    })
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
