//! Apps: partners' registered clients, and their client secrets.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::administrator::{Administrator, of_standing};
use super::answer::{Answer, created, ok};
use super::app_fields::new_app;
use super::fields::{self, Fields};
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::{FieldError, Problem};
use super::show;
use super::state::AdminState;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::identity::{App, ClientKind, SecretHash, Standing};
use crate::domain::random::{new_id, new_secret};
use crate::store::StoreError;

/// What every client secret begins with, so that a leaked one is known for what it is.
const SECRET_PREFIX: &str = "tgs_";

/// `POST /admin/apps`. The client secret is in this answer alone.
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
    let secret = match app.kind {
        ClientKind::Confidential => Some(new_secret(SECRET_PREFIX, &*state.random)?),
        ClientKind::Public => None,
    };
    let mut shown = show::app(&app);
    let store = who.recording(&state, ("app.create", app.id.as_str()), (None, Some(&shown)));
    let made = store.create_app(&app, secret.as_deref().map(SecretHash::of)).await;
    made.map_err(|error| match error {
        StoreError::Missing { .. } => no_such_partner(&app.partner),
        other => other.into(),
    })?;
    tracing::info!(app = %app.id, partner = %app.partner, "an app was registered");
    if let Some(secret) = &secret {
        shown["client_secret"] = json!(secret);
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
    ok(show::app(&find(&state, &id).await?))
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

/// `POST /admin/apps/{id}/secrets`: another client secret, in this answer alone. With `revoke_others`, the older ones end, and
/// with them the access tokens that they may have been used for.
pub(super) async fn add_secret(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let revoke_others = body.optional("revoke_others", fields::flag);
    let revoke_others = body.finish(revoke_others)?.unwrap_or(false);
    let app = find(&state, &id).await?;
    match app.kind {
        ClientKind::Confidential => {}
        ClientKind::Public => {
            return Err(Problem::Conflict("A public app cannot keep a secret, so it gets none.".to_owned()));
        }
    }
    let secret = new_secret(SECRET_PREFIX, &*state.random)?;
    let (hash, now) = (SecretHash::of(&secret), state.clock.now());
    let what = json!({ "revoke_others": revoke_others });
    let store = who.recording(&state, ("app.add_secret", app.id.as_str()), (None, Some(&what)));
    store.add_app_secret(&app.id, hash, now).await?;
    let revoked = match revoke_others {
        true => state.store.revoke_app_secrets(&app.id, Some(hash), now).await?,
        false => 0,
    };
    if revoke_others {
        // Only now: a token that was asked for with an older secret while it was being revoked is ended too.
        state.store.end_app_tokens(&app.id, state.clock.now()).await?;
    }
    state.invalidation.forget_app(&app.id);
    tracing::info!(app = %app.id, revoked, "an app got another client secret");
    let mut shown = show::app(&app);
    (shown["client_secret"], shown["revoked_secrets"]) = (json!(secret), json!(revoked));
    created(&format!("/admin/apps/{}", app.id), shown)
}

async fn set_standing((state, who): (&AdminState, &Administrator), id: &str, standing: Standing) -> Answer {
    let app = find(state, id).await?;
    let (before, after) = (show::app(&app), show::app(&App { standing, ..app.clone() }));
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
