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
use crate::domain::action::Action;
use crate::policy::live::{PolicyStatus, Reloaded};
use crate::policy::load::LoadError;

/// What is reloaded, in audit records.
const SUBJECT: &str = "policies";

/// `GET /admin/policy`.
pub(super) async fn status(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    ok(shown(&state))
}

/// `GET /admin/policy/files`: those in force, as they were written.
pub(super) async fn files(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let snapshot = state.policies.load();
    let files =
        snapshot.source.files.iter().filter_map(|file| Some((&*file.path, file.text.as_deref().ok()?)));
    let files: Vec<Value> = files.map(|(path, text)| json!({ "path": path, "text": text })).collect();
    ok(json!({ "hash": snapshot.hash.as_str(), "files": files }))
}

/// `POST /admin/policy/reload`. That he asked for it is recorded before what he asked for comes into force.
pub(super) async fn reload(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    fields: Fields,
) -> Answer {
    fields.finish(Some(()))?;
    let asked = who.change(&state, (Action::PolicyReload, SUBJECT.into()), (None, None));
    let policies = state.policies.clone();
    let reloaded = tokio::task::spawn_blocking(move || policies.reload_for(Some(&asked))).await;
    let outcome = match reloaded.map_err(|_| Problem::Internal)? {
        Ok(Reloaded::Swapped(_)) => "swapped",
        Ok(Reloaded::Unchanged(hash)) => {
            let same = json!({ "hash": hash.as_str() });
            let asked =
                who.change(&state, (Action::PolicyReload, SUBJECT.into()), (Some(&same), Some(&same)));
            state.store.record_changes(&[asked]).await?;
            "unchanged"
        }
        Err(LoadError::Invalid(report)) => return Err(Problem::PolicyInvalid(report)),
        Err(LoadError::Unreadable(reason)) => return Err(Problem::PolicyUnreadable(reason)),
        Err(LoadError::Refused(reason)) => return Err(Problem::PolicyRefused(reason)),
        // The log has it.
        Err(LoadError::Unavailable(_)) => return Err(Problem::Unavailable("The store")),
    };
    let mut answer = shown(&state);
    answer["outcome"] = json!(outcome);
    ok(answer)
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
