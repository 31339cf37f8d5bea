//! How the policies stand, and reading their files anew. A broken set changes nothing.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::Fields;
use super::parameters::Parameters;
use super::problem::Problem;
use super::state::AdminState;
use crate::policy::live::{PolicyStatus, Reloaded};
use crate::policy::load::LoadError;

/// `GET /admin/policy`.
pub(super) async fn status(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    ok(shown(&state))
}

/// `POST /admin/policy/reload`. The policies are no store's: it is recorded once they are in force.
pub(super) async fn reload(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    fields: Fields,
) -> Answer {
    fields.finish(Some(()))?;
    let before = in_force(&state);
    let policies = state.policies.clone();
    let reloaded = tokio::task::spawn_blocking(move || policies.reload()).await;
    let outcome = match reloaded.map_err(|_| Problem::Internal)? {
        Ok(Reloaded::Swapped(_)) => "swapped",
        Ok(Reloaded::Unchanged(_)) => "unchanged",
        Err(LoadError::Invalid(report)) => return Err(Problem::PolicyInvalid(report)),
        Err(LoadError::Unreadable(reason)) => return Err(Problem::PolicyUnreadable(reason)),
        Err(LoadError::Refused(reason)) => return Err(Problem::PolicyRefused(reason)),
    };
    let mut transaction = state.store.begin().await?;
    let change = (Some(&before), Some(&in_force(&state)));
    who.record((&state, &mut transaction), ("policy.reload", "policies"), change).await?;
    transaction.commit().await?;
    let mut answer = shown(&state);
    answer["outcome"] = json!(outcome);
    ok(answer)
}

/// Which policies are in force, for the record.
fn in_force(state: &AdminState) -> Value {
    json!({ "hash": state.policies.status().hash.as_str() })
}

fn shown(state: &AdminState) -> Value {
    let PolicyStatus { hash, active_since, last_error, last_attempt } = &*state.policies.status();
    json!({
        "hash": hash.as_str(),
        "active_since": active_since.to_string(),
        "last_attempt": last_attempt.to_string(),
        "failed_attempts": state.policies.failures(),
        "last_error": last_error.as_ref().map(error),
    })
}

fn error(error: &LoadError) -> Value {
    let mut shown = json!({ "text": error.to_string() });
    if let LoadError::Invalid(report) = error {
        shown["errors"] = report.to_json()["errors"].clone();
    }
    shown
}
