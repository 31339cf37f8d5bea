//! Browsers in which merchants are logged in. A session goes by its id, which says nothing of the cookie.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::Fields;
use super::merchant::{find, lock};
use super::page::whole;
use super::parameters::{Id, Ids, Parameters};
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::id::SessionId;
use crate::store::recorded::session_itself;

/// `GET /admin/merchants/{id}/sessions`: those that go on, the youngest first.
pub(super) async fn list(State(state): State<Arc<AdminState>>, Id(id): Id, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let merchant = find(&state, &id).await?;
    let sessions = state.store.login_sessions_of(&merchant.id, state.clock.now()).await?;
    ok(whole(&sessions, show::session))
}

/// `POST /admin/merchants/{id}/sessions/{session}/end`: the browser has to log in again.
pub(super) async fn end(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Ids(id, session): Ids,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let missing = || Problem::NotFound("session");
    let mut transaction = state.store.begin().await?;
    let merchant = lock(&mut transaction, &id).await?;
    let session = SessionId::new(&session).map_err(|_| missing())?;
    let ended = transaction.end_login_session(&merchant.id, &session).await?.ok_or_else(missing)?;
    let (what, before) = ((Action::SessionEnd, session_itself(&ended)), show::session(&ended));
    who.record((&state, &mut transaction), what, (Some(&before), None)).await?;
    transaction.commit().await?;
    tracing::info!(merchant = %merchant.id, session = %ended.id, by = who.name(), "a merchant's session was ended");
    ok(before)
}

/// `POST /admin/merchants/{id}/sessions/end`: each browser has to log in again. Gives those that were ended.
pub(super) async fn end_all(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let mut transaction = state.store.begin().await?;
    let merchant = lock(&mut transaction, &id).await?;
    let ended = transaction.end_login_sessions(&merchant.id, state.clock.now()).await?;
    if !ended.is_empty() {
        let before = json!({ "sessions": ended.iter().map(show::session).collect::<Vec<Value>>() });
        let after = json!({ "sessions": [] });
        let what = (Action::MerchantEndSessions, merchant.id.as_str());
        who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
        let count = ended.len();
        tracing::info!(merchant = %merchant.id, count, by = who.name(), "all sessions of a merchant were ended");
    }
    ok(whole(&ended, show::session))
}
