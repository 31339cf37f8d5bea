//! API keys. A key is in the answer to its creation, and nowhere after that.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::Fields;
use super::key_fields::{app_of, check_within, new_key};
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::api_key::ApiKey;
use crate::domain::id::{AppId, KeyId};
use crate::domain::identity::{App, Environment, KeyRecord};
use crate::domain::random::new_id;
use crate::domain::scope::ScopeSet;
use crate::policy::mask::Mask;

/// `POST /admin/keys`.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let now = state.clock.now();
    let new = new_key(&mut body, now);
    let new = body.finish(new)?;
    let app = app_of(&state, &new.app).await?;
    check_within(&new, (&app, &state.store.subscriptions_of(&app.id).await?), now)?;
    let (id, key) = new_id_and_key(&state, app.environment)?;
    let record = KeyRecord {
        id,
        app: app.id.clone(),
        scopes: new.scopes,
        narrowing: new.narrowing,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        rotated_from: None,
        last_used_at: None,
    };
    let mut shown = show::key(&record);
    let store = who.recording(&state, (Action::KeyCreate, show::key_itself(&record)), (None, Some(&shown)));
    store.create_key(&record, &key.hash()).await?;
    state.invalidation.learn_key(&key.hash());
    tracing::info!(key = %record.id, app = %record.app, "an API key was made");
    (shown["key"], shown["permits"]) = (json!(key.reveal()), permits(&state, &app, &record));
    created(&format!("/admin/keys/{}", record.id), shown)
}

/// What a key permits by now: its scopes, and those of them that let personal data through on some route.
fn permits(state: &AdminState, app: &App, key: &KeyRecord) -> Value {
    let policies = state.policies.load();
    let masks = policies.routes.iter().filter_map(|route| route.mask.as_ref());
    let lifting: ScopeSet = masks.flat_map(Mask::scopes).cloned().collect();
    let scopes = key.scopes.as_ref().map_or_else(|| app.scopes.clone(), |own| own.intersection(&app.scopes));
    let names = |scopes: &ScopeSet| scopes.iter().map(|scope| json!(scope.as_str())).collect::<Vec<_>>();
    json!({ "scopes": names(&scopes), "personal_data": names(&scopes.intersection(&lifting)) })
}

/// A key that nobody has yet, and an id for it.
pub(super) fn new_id_and_key(
    state: &AdminState,
    environment: Environment,
) -> Result<(KeyId, ApiKey), Problem> {
    let mut random = Zeroizing::new([0; 32]);
    state.random.fill(&mut *random)?;
    let id = KeyId::new(&new_id("key_", &*state.random)?).map_err(|_| Problem::Internal)?;
    Ok((id, ApiKey::from_random(environment, &random)))
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
    let what = (Action::KeyRevoke, show::key_itself(&key));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_key(&key.id);
    tracing::info!(key = %key.id, app = %key.app, "an API key was revoked");
    ok(after)
}

pub(super) async fn find(state: &AdminState, id: &str) -> Result<KeyRecord, Problem> {
    let missing = Problem::NotFound("API key");
    let Ok(id) = KeyId::new(id) else { return Err(missing) };
    state.store.key(&id).await?.ok_or(missing)
}
