//! Whose tokens an app may ask about at the introspection endpoint.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::app;
use super::fields::{self, Fields};
use super::parameters::Id;
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::identity::{App, ClientKind};
use crate::domain::introspection::Introspects;

/// `GET /admin/apps/{id}/introspection`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let app = app::find(&state, &id).await?;
    ok(show(&app, of(&state, &app).await?))
}

/// `POST /admin/apps/{id}/introspection`: `of` is `own`, or `all` for a resource server.
pub(super) async fn set(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let whose = body.required("of", fields::one_of(Introspects::named, "own or all"));
    let whose = body.finish(whose)?;
    let app = app::find(&state, &id).await?;
    match app.kind {
        ClientKind::Confidential => {}
        ClientKind::Public => {
            let told = "A public app cannot prove itself, so it may ask about no token.";
            return Err(Problem::Conflict(told.to_owned()));
        }
    }
    let mut transaction = state.store.begin().await?;
    let before = transaction.lock_introspects(&app.id).await?.ok_or(Problem::NotFound("app"))?;
    let (before, after) = (show(&app, before), show(&app, whose));
    transaction.set_introspects(&app.id, whose).await?;
    let what = (Action::AppIntrospection, app.id.as_str());
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    tracing::info!(app = %app.id, of = whose.name(), "whose tokens an app may ask about has changed");
    ok(after)
}

async fn of(state: &AdminState, app: &App) -> Result<Introspects, Problem> {
    state.store.introspects(&app.id).await?.ok_or(Problem::NotFound("app"))
}

fn show(app: &App, whose: Introspects) -> Value {
    json!({"app": app.id.as_str(), "of": whose.name()})
}
