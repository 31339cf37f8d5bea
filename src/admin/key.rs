//! API keys. A key is in the answer to its creation, and nowhere after that.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;
use zeroize::Zeroizing;

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::app;
use super::fields::{self, Fields};
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::{FieldError, Problem};
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::api_key::ApiKey;
use crate::domain::audit::Subject;
use crate::domain::id::{AppId, KeyId};
use crate::domain::identity::KeyRecord;
use crate::domain::random::new_id;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// `POST /admin/keys`.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let now = state.clock.now();
    let app = body.required("app", fields::text::<AppId>);
    let scopes = body.optional("scopes", fields::scopes);
    let expires_at = body.optional("expires_at", fields::text::<Timestamp>);
    if expires_at.flatten().is_some_and(|expiry| expiry <= now) {
        body.wrong("expires_at", "must be in the future".to_owned());
    }
    let built = (|| Some((app?, scopes?, expires_at?)))();
    let (app, scopes, expires_at) = body.finish(built)?;
    let app = app::find(&state, app.as_str()).await.map_err(|problem| match problem {
        Problem::NotFound(_) => wrong("/app", format!("there is no app {app}")),
        other => other,
    })?;
    if let Some(beyond) = scopes.as_ref().map(|scopes| app.scopes.missing(scopes)).filter(|s| !s.is_empty()) {
        return Err(wrong("/scopes", format!("must be within the app's scopes; {beyond} is not")));
    }
    let mut random = Zeroizing::new([0; 32]);
    state.random.fill(&mut *random)?;
    let key = ApiKey::from_random(app.environment, &random);
    let record = record(&state, (app.id, scopes), (now, expires_at))?;
    let mut shown = show::key(&record);
    let store = who.recording(&state, (Action::KeyCreate, subject(&record)), (None, Some(&shown)));
    store.create_key(&record, &key.hash()).await?;
    tracing::info!(key = %record.id, app = %record.app, "an API key was made");
    shown["key"] = json!(key.reveal());
    created(&format!("/admin/keys/{}", record.id), shown)
}

fn record(
    state: &AdminState,
    (app, scopes): (AppId, Option<ScopeSet>),
    (created_at, expires_at): (Timestamp, Option<Timestamp>),
) -> Result<KeyRecord, Problem> {
    let id = KeyId::new(&new_id("key_", &*state.random)?).map_err(|_| Problem::Internal)?;
    Ok(KeyRecord { id, app, scopes, created_at, expires_at, revoked_at: None })
}

fn wrong(pointer: &str, detail: String) -> Problem {
    Problem::Invalid(vec![FieldError { pointer: pointer.to_owned(), detail }])
}

/// `GET /admin/keys?app=`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let app = parameters.required::<AppId>("app");
    parameters.finish()?;
    let keys = match app {
        Some(app) => state.store.keys_of(&app).await?,
        None => Vec::new(),
    };
    ok(whole(&keys, show::key))
}

/// `GET /admin/keys/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    ok(show::key(&find(&state, &id).await?))
}

/// `POST /admin/keys/{id}/revoke`.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let missing = Problem::NotFound("API key");
    let Ok(id) = KeyId::new(&id) else { return Err(missing) };
    let mut transaction = state.store.begin().await?;
    let key = transaction.lock_key(&id).await?.ok_or(missing)?;
    let now = state.clock.now();
    let after = KeyRecord { revoked_at: key.revoked_at.or(Some(now)), ..key.clone() };
    let (before, after) = (show::key(&key), show::key(&after));
    transaction.revoke_key(&key.id, now).await?;
    let what = (Action::KeyRevoke, subject(&key));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_key(&key.id);
    tracing::info!(key = %key.id, app = %key.app, "an API key was revoked");
    ok(after)
}

fn subject(key: &KeyRecord) -> Subject {
    Subject::new(key.id.as_str()).about(key.app.as_str())
}

async fn find(state: &AdminState, id: &str) -> Result<KeyRecord, Problem> {
    let missing = Problem::NotFound("API key");
    let Ok(id) = KeyId::new(id) else { return Err(missing) };
    state.store.key(&id).await?.ok_or(missing)
}
