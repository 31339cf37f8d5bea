//! Apps: partners' registered clients.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::administrator::{Administrator, of_standing};
use super::answer::{Answer, created, ok};
use super::app_fields::{changed_app, new_app};
use super::app_secret::new_record;
use super::fields::Fields;
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::{FieldError, Problem};
use super::show;
use super::state::AdminState;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::identity::{App, Standing};
use crate::domain::random::new_id;
use crate::store::StoreError;
use crate::store::client::Client;

/// `POST /admin/apps`. The client secret, which an app gets that needs one, is in this answer alone.
pub(super) async fn create(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    let new = new_app(body, &state.policies.load())?;
    let app = App {
        id: AppId::new(&new_id("app_", &*state.random)?).map_err(|_| Problem::Internal)?,
        partner: new.partner,
        name: new.name,
        environment: new.environment,
        kind: new.kind,
        redirect_uris: new.redirect_uris,
        scopes: new.scopes,
        default_scopes: new.default_scopes,
        requires_pkce: new.requires_pkce,
        standing: Standing::Active,
        created_at: state.clock.now(),
    };
    let secret = match new.settings.needs_secret() {
        true => Some(new_record(&state, &app.id, None)?),
        false => None,
    };
    let kept = secret.as_ref().map(|secret| (&secret.record, &secret.hash));
    let mut shown = show::client(&app, &new.settings);
    let store = who.recording(&state, ("app.create", app.id.as_str()), (None, Some(&shown)));
    let made = store.create_app(&app, &new.settings, kept).await;
    made.map_err(|error| match error {
        StoreError::Missing { .. } => no_such_partner(&app.partner),
        other => other.into(),
    })?;
    tracing::info!(app = %app.id, partner = %app.partner, "an app was registered");
    if let Some(secret) = &secret {
        shown["client_secret"] = json!(secret.text);
    }
    created(&format!("/admin/apps/{}", app.id), shown)
}

fn no_such_partner(partner: &PartnerId) -> Problem {
    let detail = format!("there is no partner {partner}");
    Problem::Invalid(vec![FieldError { pointer: "/partner".to_owned(), detail }])
}

/// `GET /admin/apps?partner=`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let (paging, partner) = (parameters.page(), parameters.optional::<PartnerId>("partner"));
    parameters.finish()?;
    let apps = match &partner {
        Some(partner) => state.store.apps_of(partner, &paging.page).await?,
        None => state.store.apps(&paging.page).await?,
    };
    ok(page(&apps, paging.size, |app| app.id.as_str(), show::app))
}

/// `GET /admin/apps/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let Client { app, settings, .. } = find_client(&state, &id).await?;
    ok(show::client(&app, &settings))
}

/// `PATCH /admin/apps/{id}`: what the body has is changed, the rest stays.
pub(super) async fn update(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    let client = find_client(&state, &id).await?;
    let before = show::client(&client.app, &client.settings);
    let (app, settings) = changed_app(body, &state.policies.load(), (client.app, client.settings))?;
    let after = show::client(&app, &settings);
    let store = who.recording(&state, ("app.update", app.id.as_str()), (Some(&before), Some(&after)));
    store.update_app(&app, &settings).await?;
    state.invalidation.forget_app(&app.id);
    tracing::info!(app = %app.id, "an app was changed");
    ok(after)
}

/// `POST /admin/apps/{id}/suspend`.
pub(super) async fn suspend(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    set_standing((&state, &who), &id, Standing::Suspended).await
}

/// `POST /admin/apps/{id}/resume`.
pub(super) async fn resume(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    set_standing((&state, &who), &id, Standing::Active).await
}

async fn set_standing((state, who): (&AdminState, &Administrator), id: &str, standing: Standing) -> Answer {
    let Client { app, settings, .. } = find_client(state, id).await?;
    let shown = |standing| show::client(&App { standing, ..app.clone() }, &settings);
    let (before, after) = (shown(app.standing), shown(standing));
    let action = of_standing("app", standing);
    let store = who.recording(state, (&action, app.id.as_str()), (Some(&before), Some(&after)));
    store.set_app_standing(&app.id, standing).await?;
    match standing {
        Standing::Active => {}
        Standing::Suspended => state.store.end_app_tokens(&app.id, state.clock.now()).await?,
    }
    state.invalidation.forget_app(&app.id);
    tracing::info!(app = %app.id, standing = standing.name(), "an app's standing changed");
    ok(after)
}

pub(super) async fn find(state: &AdminState, id: &str) -> Result<App, Problem> {
    let missing = Problem::NotFound("app");
    let Ok(id) = AppId::new(id) else { return Err(missing) };
    state.store.app(&id).await?.ok_or(missing)
}

pub(super) async fn find_client(state: &AdminState, id: &str) -> Result<Client, Problem> {
    let missing = Problem::NotFound("app");
    let Ok(id) = AppId::new(id) else { return Err(missing) };
    state.store.client(&id).await?.ok_or(missing)
}
