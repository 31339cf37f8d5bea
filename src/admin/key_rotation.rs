//! A key takes another's place: as narrow as that, and beside it for a while, so that nobody is cut off.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created};
use super::app;
use super::fields::{self, Fields};
use super::key::{find, new_id_and_key};
use super::key_fields::expiry;
use super::parameters::Id;
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::identity::KeyRecord;
use crate::domain::time::Timestamp;
use crate::store::Transaction;

/// How long the old key works yet if nothing is said.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// Most keys of which is asked what took their place.
const MAX_CHAIN: usize = 100;
/// Longest that may be said.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3600);

/// `POST /admin/keys/{id}/rotate`. The new key is in this answer, and nowhere after that. A key that has another in its place
/// already is not rotated: its successor is.
pub(super) async fn rotate(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let now = state.clock.now();
    let overlap = body.optional("overlap", overlap);
    let expires_at = expiry(&mut body, now);
    let (overlap, expires_at) = body.finish((|| Some((overlap?, expires_at?)))())?;
    let found = find(&state, &id).await?;
    let environment = app::find(&state, found.app.as_str()).await?.environment;
    let mut transaction = state.store.begin().await?;
    let old = transaction.lock_key(&found.id).await?.ok_or(Problem::NotFound("API key"))?;
    let before = transaction.successor_of_key(&old).await?;
    check_is_last(&old, before.as_ref(), now)?;
    let last = last_after(&mut transaction, before.unwrap_or_else(|| old.clone())).await?;
    let (id, key) = new_id_and_key(&state, environment)?;
    let successor = KeyRecord {
        id,
        created_at: now,
        expires_at: expires_at.or_else(|| end_of_as_long_a_life(&last, now)),
        rotated_from: Some(old.id.clone()),
        last_used_at: None,
        ..old.clone()
    };
    let end = now.plus(overlap.unwrap_or(OVERLAP));
    let after = ended(&old, end);
    transaction.end_key(&old.id, end).await?;
    transaction.create_key(&successor, &key.hash()).await?;
    let mut shown = show::key(&successor);
    let (was, mut became) = (show::key(&old), show::key(&after));
    became["successor"] = shown.clone();
    let what = (Action::KeyRotate, show::key_itself(&old).about(successor.id.as_str()));
    who.record((&state, &mut transaction), what, (Some(&was), Some(&became))).await?;
    transaction.commit().await?;
    state.invalidation.learn_key(&key.hash());
    state.invalidation.forget_key(&old.id);
    tracing::info!(key = %old.id, successor = %successor.id, app = %old.app, "an API key was rotated");
    (shown["predecessor"], shown["key"]) = (show::key(&after), json!(key.reveal()));
    created(&format!("/admin/keys/{}", successor.id), shown)
}

/// Whether a key works at `now`, and no other does in its place.
fn check_is_last(key: &KeyRecord, successor: Option<&KeyRecord>, now: Timestamp) -> Result<(), Problem> {
    if !key.is_valid(now) {
        let told = "This key no longer works, so that nothing has to take its place: make a new one.";
        return Err(Problem::Conflict(told.to_owned()));
    }
    match successor.filter(|successor| successor.is_valid(now)) {
        Some(successor) => Err(Problem::Conflict(format!(
            "The key {0} has taken this one's place: rotate {0}, or revoke it first if nobody has it.",
            successor.id
        ))),
        None => Ok(()),
    }
}

/// The last of the keys that took each other's place from `key` on: only its end is still the one with which it was made.
async fn last_after(transaction: &mut Transaction, key: KeyRecord) -> Result<KeyRecord, Problem> {
    let mut last = key;
    for _ in 0..MAX_CHAIN {
        match transaction.successor_of_key(&last).await? {
            Some(next) => last = next,
            None => break,
        }
    }
    Ok(last)
}

/// A key that ends at `end`, unless it ends before.
fn ended(key: &KeyRecord, end: Timestamp) -> KeyRecord {
    KeyRecord { expires_at: Some(key.expires_at.map_or(end, |known| known.min(end))), ..key.clone() }
}

/// When a key ends that is made at `now` to live as long as `other` was.
fn end_of_as_long_a_life(other: &KeyRecord, now: Timestamp) -> Option<Timestamp> {
    other.expires_at.map(|end| now.plus(end.since(other.created_at)))
}

fn overlap(value: &Value) -> Result<Duration, String> {
    let span = fields::span(value)?;
    if span > MAX_OVERLAP { Err("must be 30d at most".to_owned()) } else { Ok(span) }
}
