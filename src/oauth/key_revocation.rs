//! `POST /oauth/keys/revoke`: whoever has found API keys presents them, and they are of no use from then on.
//!
//! It needs no login: who has a key may do all that it permits, and this is less. The answer says what anybody can see of what was
//! presented, and never whether there is such a key, or was. A key that there is not may be a guess, and is counted by its network.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::call::Call;
use super::error::EndpointError;
use super::observed::request_id;
use super::router::OAuth;
use super::throttle::address_of;
use crate::domain::action::Action;
use crate::domain::api_key::{ApiKey, KeyHash};
use crate::domain::audit::{Actor, Change};
use crate::domain::media_type::MediaType;
use crate::store::{StoreError, recorded};

/// Most keys of a call: no more than a network may guess at once.
const MAX_KEYS: usize = 50;

/// Revokes what is presented: `{"key": "…"}`, `{"keys": ["…"]}`, or as scanners report what they find, `[{"token": "…"}]`.
pub async fn revoke(State(oauth): State<OAuth>, call: Call, body: Bytes) -> Response {
    match try_revoke(&oauth, &call, &body).await {
        Ok(told) => {
            ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(told)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

async fn try_revoke(oauth: &OAuth, call: &Call, body: &[u8]) -> Result<Value, EndpointError> {
    let presented = presented(call, body)?;
    let checked: Vec<Option<KeyHash>> = presented.iter().map(|text| hash_of(text)).collect();
    let mut hashes: Vec<KeyHash> = checked.iter().flatten().copied().collect();
    hashes.sort_unstable_by_key(|hash| hash.0);
    hashes.dedup();
    let counted =
        oauth.throttle.presented_keys(hashes.len(), address_of(&call.headers), oauth.clock.monotonic());
    let counted = counted.map_err(EndpointError::TooManyAttempts)?;
    let mut tries = hashes.iter().zip(counted);
    while let Some((hash, attempt)) = tries.next() {
        match revoke_one(oauth, call, hash).await {
            Ok(Revoked::Now) => attempt.give_back(),
            Ok(Revoked::Before | Revoked::Never) => {}
            Err(error) => {
                attempt.give_back();
                // Nor does what was not tried any more prove anything.
                tries.for_each(|(_, attempt)| attempt.give_back());
                return Err(error.into());
            }
        }
    }
    let are_none = checked.iter().zip(0_usize..).filter(|(hash, _)| hash.is_none());
    let not_keys: Vec<usize> = are_none.map(|(_, place)| place).collect();
    Ok(json!({ "presented": checked.len(), "not_keys": not_keys }))
}

/// The texts that are presented as keys.
fn presented(call: &Call, body: &[u8]) -> Result<Vec<String>, EndpointError> {
    let media_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(MediaType::read);
    if !media_type.is_some_and(|found| found.is("application/json") && found.is_utf_8()) {
        return Err(EndpointError::InvalidRequest("the keys are sent as application/json"));
    }
    let shape = "the body is {\"key\": \"…\"}, {\"keys\": [\"…\"]} or [{\"token\": \"…\"}]";
    let texts = serde_json::from_slice(body).ok().and_then(texts);
    let texts = texts.ok_or(EndpointError::InvalidRequest(shape))?;
    match texts.len() {
        1..=MAX_KEYS => Ok(texts),
        _ => Err(EndpointError::InvalidRequest("1 to 50 keys may be presented at once")),
    }
}

fn texts(body: Value) -> Option<Vec<String>> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    match body {
        Value::Object(mut fields) if fields.len() == 1 => match (fields.remove("key"), fields.remove("keys"))
        {
            (Some(key), _) => Some(vec![text(key)?]),
            (None, Some(Value::Array(keys))) => keys.into_iter().map(text).collect(),
            (None, _) => None,
        },
        Value::Array(found) => {
            found.into_iter().map(|mut found| text(found.get_mut("token")?.take())).collect()
        }
        _ => None,
    }
}

/// The hash of what can be a key.
fn hash_of(text: &str) -> Option<KeyHash> {
    ApiKey::check(text.trim()).ok().map(|(_, hash)| hash)
}

/// When a key was revoked.
enum Revoked {
    Now,
    Before,
    /// There is no such key.
    Never,
}

async fn revoke_one(oauth: &OAuth, call: &Call, hash: &KeyHash) -> Result<Revoked, StoreError> {
    let Some(found) = oauth.store.key_by_hash(hash).await? else { return Ok(Revoked::Never) };
    if found.revoked_at.is_some() {
        // Another node may have done so a moment ago, and this one not have heard of it.
        oauth.directory.forget_key(&found.id);
        return Ok(Revoked::Before);
    }
    let mut transaction = oauth.store.begin().await?;
    let locked = transaction.lock_credential(&found.id).await?;
    let Some(key) = locked.filter(|key| key.revoked_at.is_none()) else {
        transaction.roll_back().await?;
        oauth.directory.forget_key(&found.id);
        return Ok(Revoked::Before);
    };
    let now = oauth.clock.now();
    transaction.revoke_credential(&key.id, now).await?;
    let address = address_of(&call.headers);
    let change = Change {
        at: now,
        actor: Actor::Presenter(address),
        credential: None,
        address: Some(address),
        request_id: Some(request_id(&call.headers).to_owned()),
        action: Action::KeyRevoke,
        subject: recorded::credential_itself(&key),
        before: Some(recorded::credential(&key).to_string()),
        after: Some(recorded::credential(&key.revoked(now)).to_string()),
    };
    transaction.record(&change).await?;
    transaction.commit().await?;
    oauth.directory.forget_key(&key.id);
    tracing::warn!(credential = %key.id, app = %key.app, "an API key was presented by whoever had found it, and is revoked");
    Ok(Revoked::Now)
}
