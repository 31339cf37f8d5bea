//! What administrators do alike with API keys, signature keys and client certificates: they list an app's, look at one, and revoke it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::Fields;
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::reach::Reach;
use super::show;
use super::state::{AdminState, Invalidation};
use crate::domain::action::Action;
use crate::domain::id::AppId;
use crate::domain::random::new_id;
use crate::domain::time::Timestamp;
use crate::store::credential::{Credential, CredentialId};

/// The id of a credential, by which it is known what is done with those of its kind.
pub(super) trait Administered: CredentialId {
    /// Where the API has them.
    const PATH: &'static str;
    /// What their ids begin with.
    const PREFIX: &'static str;
    /// What is recorded of one that is revoked.
    const REVOKE: Action;

    /// A credential as it is recorded.
    fn show(credential: &Credential<Self>) -> Value;

    /// Has the data plane forget what it remembers of a credential.
    fn forget(credential: &Credential<Self>, invalidation: &dyn Invalidation);
}

/// A credential as the API shows it: also how it stands at `now`, and what was the last to take its place.
pub(super) fn with_state<I: Administered>(
    credential: &Credential<I>,
    successor: Option<&Credential<I>>,
    now: Timestamp,
) -> Value {
    let mut shown = I::show(credential);
    shown["state"] = json!(credential.state(successor, now).name());
    shown["successor"] = json!(successor.map(|successor| successor.id.to_string()));
    shown
}

/// A credential that has just been made, as it is shown this once: also what it permits, and its secret by its name, if it has one.
pub(super) fn shown_once<I: Administered>(
    (state, reach): (&AdminState, &Reach),
    credential: &Credential<I>,
    secret: Option<(&str, &str)>,
) -> Value {
    let mut shown = with_state::<I>(credential, None, credential.created_at);
    shown["permits"] = reach.permits(state, credential);
    if let Some((name, secret)) = secret {
        shown[name] = json!(secret);
    }
    shown
}

/// Answers with a credential that was made, as [`shown_once`] has it.
pub(super) fn made<I: Administered>(
    reached: (&AdminState, &Reach),
    credential: &Credential<I>,
    secret: Option<(&str, &str)>,
) -> Answer {
    let (id, app, kind) = (&credential.id, &credential.app, I::KEPT.name);
    tracing::info!(credential = %id, %app, kind, "a credential was made");
    created(&format!("{}/{id}", I::PATH), shown_once::<I>(reached, credential, secret))
}

/// `GET /admin/…?app=`.
pub(super) async fn list<I: Administered>(
    State(state): State<Arc<AdminState>>,
    mut parameters: Parameters,
) -> Answer {
    let app = parameters.required::<AppId>("app");
    parameters.finish()?;
    let found = match app {
        Some(app) => state.store.credentials_of::<I>(&app).await?,
        None => Vec::new(),
    };
    // In the order of `successor_of`: of several that took one's place, the first in the list stays in the map.
    let pairs = found.iter().rev().filter_map(|one| Some((one.rotated_from.as_ref()?, one)));
    let (successors, now) = (pairs.collect::<BTreeMap<_, _>>(), state.clock.now());
    ok(whole(&found, |one| with_state::<I>(one, successors.get(&one.id).copied(), now)))
}

/// `GET /admin/…/{id}`.
pub(super) async fn get<I: Administered>(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let found = find::<I>(&state, &id).await?;
    let successor = state.store.successor_of::<I>(&found).await?;
    ok(with_state::<I>(&found, successor.as_ref(), state.clock.now()))
}

/// `POST /admin/…/{id}/revoke`.
pub(super) async fn revoke<I: Administered>(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let missing = Problem::NotFound(I::KEPT.name);
    let Ok(id) = id.parse::<I>() else { return Err(missing) };
    let mut transaction = state.store.begin().await?;
    let found = transaction.lock_credential(&id).await?.ok_or(missing)?;
    let (now, successor) = (state.clock.now(), transaction.successor_of::<I>(&found).await?);
    let revoked = found.revoked(now);
    let (before, after) = (I::show(&found), I::show(&revoked));
    transaction.revoke_credential(&id, now).await?;
    let what = (I::REVOKE, show::credential_itself(&found));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    I::forget(&found, &*state.invalidation);
    tracing::info!(credential = %id, app = %found.app, kind = I::KEPT.name, "a credential was revoked");
    ok(with_state::<I>(&revoked, successor.as_ref(), now))
}

/// The credential of that id.
pub(super) async fn find<I: Administered>(state: &AdminState, id: &str) -> Result<Credential<I>, Problem> {
    let missing = Problem::NotFound(I::KEPT.name);
    let Ok(id) = id.parse::<I>() else { return Err(missing) };
    state.store.credential(&id).await?.ok_or(missing)
}

/// An id that none has yet.
pub(super) fn new_id_of<I: Administered>(state: &AdminState) -> Result<I, Problem> {
    new_id(I::PREFIX, &*state.random)?.parse().map_err(|_| Problem::Internal)
}
