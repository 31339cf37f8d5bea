//! The keys that sign heads of closed periods: which there are, the next one, and what to do about one that others know.

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
use crate::billing::proof::keys::write_key;
use crate::credential::proof_keys::{KeyState, ProofKeysError};
use crate::credential::signing_keys::Part;
use crate::domain::action::Action;

/// `GET /admin/proof-keys`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    ok(whole(&state.proof_keys.states().await?, show))
}

/// `GET /admin/proof-keys/{kid}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(kid): Id) -> Answer {
    ok(named(&state.proof_keys.states().await?, &kid)?)
}

/// `POST /admin/proof-keys`: the next key, which signs once it has been published long enough.
pub(super) async fn rotate(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    body.finish(Some(()))?;
    let mut transaction = state.store.begin().await?;
    let key = state.proof_keys.rotate(&mut transaction).await?;
    let kid = key.key.kid.clone();
    let shown = show(&KeyState { key, part: Part::Waits });
    let what = (Action::ProofKeyRotate, kid.as_str());
    who.record((&state, &mut transaction), what, (None, Some(&shown))).await?;
    transaction.commit().await?;
    state.proof_keys.publish().await?;
    created(&format!("/admin/proof-keys/{kid}"), shown)
}

/// `POST /admin/proof-keys/{kid}/revoke`: it is not believed by itself any more, and signs nothing more.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(kid): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let mut transaction = state.store.begin().await?;
    let before = named(&state.proof_keys.states_of(transaction.lock_proof_keys().await?), &kid)?;
    if state.proof_keys.revoke(&kid, &mut transaction).await? {
        let after = named(&state.proof_keys.states_of(transaction.lock_proof_keys().await?), &kid)?;
        let what = (Action::ProofKeyRevoke, kid.as_str());
        who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
    } else {
        transaction.roll_back().await?;
    }
    state.proof_keys.publish().await?;
    ok(named(&state.proof_keys.states().await?, &kid)?)
}

fn named(states: &[KeyState], kid: &str) -> Result<Value, Problem> {
    let found = states.iter().find(|state| state.key.key.kid == kid);
    found.map(show).ok_or(Problem::NotFound("proof key"))
}

/// As all may read it, and what it does at present.
fn show(state: &KeyState) -> Value {
    let mut shown = write_key(&state.key.key);
    shown["state"] = json!(state.part.name());
    shown["created_at"] = json!(state.key.created_at.to_string());
    shown
}

impl From<ProofKeysError> for Problem {
    fn from(error: ProofKeysError) -> Self {
        match error {
            ProofKeysError::Store(error) => error.into(),
            ProofKeysError::Key(_)
            | ProofKeysError::Seal(_)
            | ProofKeysError::Signing(_)
            | ProofKeysError::Sealed(_)
            | ProofKeysError::Missing => {
                tracing::error!(%error, "an admin call failed");
                Self::Internal
            }
        }
    }
}
