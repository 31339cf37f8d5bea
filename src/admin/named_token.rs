//! Named admin tokens: one for each administrator and program, so that it is known who did what.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use super::token::OF_THE_NODE;
use crate::domain::action::Action;
use crate::domain::admin_access::AdminAccess;
use crate::domain::random::{new_id, new_secret};
use crate::domain::secret_hash::AdminTokenHash;
use crate::domain::time::Timestamp;
use crate::store::admin_token::AdminTokenRecord;

/// `POST /admin/tokens`. The token is in this answer alone.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let now = state.clock.now();
    let name = body.required("name", name);
    let expires_at = body.optional("expires_at", fields::text::<Timestamp>);
    if expires_at.flatten().is_some_and(|end| end <= now) {
        body.wrong("expires_at", "must be in the future".to_owned());
    }
    let access = body.optional("access", fields::one_of(AdminAccess::named, "read or write"));
    let built = name.zip(expires_at.zip(access));
    let (name, (expires_at, access)) = body.finish(built)?;
    let access = access.unwrap_or(AdminAccess::Write);
    let id = new_id("adm_", &*state.random)?;
    let record = AdminTokenRecord { id, name, access, created_at: now, expires_at, revoked_at: None };
    let token = new_secret("tga_", &*state.random)?;
    let mut shown = show(&record);
    let store = who.recording(&state, (Action::TokenCreate, &*record.id), (None, Some(&shown)));
    store.create_admin_token(&record, &AdminTokenHash::of(&token)).await?;
    tracing::info!(token = record.id, name = record.name, by = who.name(), "an admin token was made");
    shown["token"] = json!(token);
    created(&format!("/admin/tokens/{}", record.id), shown)
}

/// `GET /admin/tokens`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    ok(whole(&state.store.admin_tokens().await?, show))
}

/// `GET /admin/tokens/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    ok(show(&find(&state, &id).await?))
}

/// `POST /admin/tokens/{id}/revoke`. A token may revoke itself.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let mut transaction = state.store.begin().await?;
    let found = transaction.lock_admin_token(&id).await?;
    let (token, now) = (found.ok_or(Problem::NotFound("admin token"))?, state.clock.now());
    let after = AdminTokenRecord { revoked_at: token.revoked_at.or(Some(now)), ..token.clone() };
    let (before, after) = (show(&token), show(&after));
    transaction.revoke_admin_token(&token.id, now).await?;
    let what = (Action::TokenRevoke, token.id.as_str());
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    tracing::info!(token = token.id, name = token.name, by = who.name(), "an admin token was revoked");
    ok(after)
}

async fn find(state: &AdminState, id: &str) -> Result<AdminTokenRecord, Problem> {
    state.store.admin_token(id).await?.ok_or(Problem::NotFound("admin token"))
}

fn show(token: &AdminTokenRecord) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "access": token.access.name(),
        "created_at": token.created_at.to_string(),
        "expires_at": token.expires_at.map(|at| at.to_string()),
        "revoked_at": token.revoked_at.map(|at| at.to_string()),
    })
}

fn name(value: &Value) -> Result<String, String> {
    match fields::name(value)? {
        name if name == OF_THE_NODE => {
            Err(format!("{OF_THE_NODE} is the token that the node was started with"))
        }
        name => Ok(name),
    }
}
