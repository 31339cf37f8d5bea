//! API keys. A key is in the answer to its creation, and nowhere after that.

use std::sync::Arc;

use axum::extract::State;
use serde_json::Value;
use zeroize::Zeroizing;

use super::administrator::Administrator;
use super::answer::Answer;
use super::credential::{Administered, find, made, new_id_of};
use super::credential_fields::{app_for, new_credential};
use super::fields::Fields;
use super::parameters::Id;
use super::problem::Problem;
use super::rotation::rotation;
use super::show;
use super::state::{AdminState, Invalidation};
use crate::domain::action::Action;
use crate::domain::api_key::{ApiKey, KEY_ID_PREFIX};
use crate::domain::id::KeyId;
use crate::domain::identity::{Environment, KeyRecord};

impl Administered for KeyId {
    const PATH: &'static str = "/admin/keys";
    const PREFIX: &'static str = KEY_ID_PREFIX;
    const REVOKE: Action = Action::KeyRevoke;

    fn show(key: &KeyRecord) -> Value {
        show::credential(key)
    }

    fn forget(key: &KeyRecord, invalidation: &dyn Invalidation) {
        invalidation.forget_key(&key.id);
    }
}

/// `POST /admin/keys`.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let now = state.clock.now();
    let new = new_credential(&mut body, now);
    let new = body.finish(new)?;
    let reach = app_for(&state, &new, now).await?;
    let key = new_key(&state, reach.app.environment)?;
    let record: KeyRecord = new.made(new_id_of(&state)?, (), now);
    let what = (Action::KeyCreate, show::credential_itself(&record));
    let shown = show::credential(&record);
    who.recording(&state, what, (None, Some(&shown))).create_key(&record, &key.hash()).await?;
    state.invalidation.learn_key(&key.hash());
    made::<KeyId>((&state, &reach), &record, Some(("key", key.reveal())))
}

/// `POST /admin/keys/{id}/rotate`.
pub(super) async fn rotate(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let rotation = rotation(&mut body, state.clock.now());
    let found = find::<KeyId>(&state, &id).await?;
    let rotation = body.finish(rotation)?;
    let reach = rotation.reach::<KeyId>(&state, &found).await?;
    let key = new_key(&state, reach.app.environment)?;
    let mut transaction = state.store.begin().await?;
    let rotated = rotation.begin(&mut transaction, &found.id, (new_id_of(&state)?, ())).await?;
    transaction.create_key(&rotated.successor, &key.hash()).await?;
    let told = (Action::KeyRotate, Some(("key", key.reveal())));
    let answer = rotated.finish((&state, &reach, &who), transaction, told).await?;
    state.invalidation.learn_key(&key.hash());
    Ok(answer)
}

/// A key that nobody has yet.
fn new_key(state: &AdminState, environment: Environment) -> Result<ApiKey, Problem> {
    let mut random = Zeroizing::new([0; 32]);
    state.random.fill(&mut *random)?;
    Ok(ApiKey::from_random(environment, &random))
}
