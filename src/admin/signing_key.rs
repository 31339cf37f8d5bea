//! The keys that sign access tokens: which there are, the next one, and what to do about one that others know.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::Fields;
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::credential::signing_keys::{KeyState, Part, SigningKeysError};
use crate::domain::action::Action;

/// `GET /admin/signing-keys`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    ok(whole(&state.signing_keys.states().await?, show))
}

/// `GET /admin/signing-keys/{kid}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(kid): Id) -> Answer {
    ok(find(&state, &kid).await?)
}

/// `POST /admin/signing-keys`: the next key, which signs once it has been published long enough. `waits_behind` names the keys
/// that waited already, if any: they sign first.
pub(super) async fn rotate(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    body.finish(Some(()))?;
    let terms = state.policies.load().platform.signing_keys;
    let next = state.signing_keys.prepare(terms).await?;
    let mut shown = show(&KeyState { key: next.key.clone(), part: Part::Waits, believed_until: None });
    let waiting = state.signing_keys.states().await?.into_iter().filter(|state| state.part == Part::Waits);
    let waiting: Vec<String> = waiting.map(|state| state.key.kid).collect();
    let kid = &next.key.kid;
    let store = who.recording(&state, (Action::SigningKeyRotate, &**kid), (None, Some(&shown)));
    if !state.signing_keys.adopt(&next, &store).await? {
        return Err(Problem::Conflict("Another node has just made the next signing key.".to_owned()));
    }
    if !waiting.is_empty() {
        shown["waits_behind"] = json!(waiting);
    }
    created(&format!("/admin/signing-keys/{kid}"), shown)
}

/// `POST /admin/signing-keys/{kid}/revoke`: what it signed holds no more, and it signs nothing more.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(kid): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let spare = state.signing_keys.spare(state.policies.load().platform.signing_keys.algorithm).await?;
    let mut transaction = state.store.begin().await?;
    let states = state.signing_keys.states_of(transaction.lock_signing_keys().await?);
    let before = named(&states, &kid)?;
    let mut after = before.clone();
    after["state"] = json!(Part::Revoked.name());
    let what = (Action::SigningKeyRevoke, kid.as_str());
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    state.signing_keys.revoke(&kid, &spare, transaction).await?;
    // Also for one that was revoked before: the answer says that it is so here, too.
    state.invalidation.forget_all();
    ok(find(&state, &kid).await?)
}

async fn find(state: &AdminState, kid: &str) -> Result<Value, Problem> {
    named(&state.signing_keys.states().await?, kid)
}

fn named(states: &[KeyState], kid: &str) -> Result<Value, Problem> {
    let found = states.iter().find(|state| state.key.kid == kid);
    found.map(show).ok_or(Problem::NotFound("signing key"))
}

fn show(state: &KeyState) -> Value {
    json!({
        "kid": state.key.kid,
        "algorithm": state.key.algorithm.name(),
        "state": state.part.name(),
        "created_at": state.key.created_at.to_string(),
        "signs_from": state.key.active_from.to_string(),
        "believed_until": state.believed_until.map(|at| at.to_string()),
    })
}

impl From<SigningKeysError> for Problem {
    fn from(error: SigningKeysError) -> Self {
        match error {
            SigningKeysError::Store(error) => error.into(),
            SigningKeysError::TooMany => Self::Conflict(error.to_string()),
            SigningKeysError::Key(_) | SigningKeysError::Seal(_) | SigningKeysError::Sealed(_) => {
                tracing::error!(%error, "an admin call failed");
                Self::Internal
            }
        }
    }
}
