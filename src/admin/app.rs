//! Apps: partners' registered clients.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::{Administrator, of_standing};
use super::answer::{Answer, created, ok};
use super::app_fields::{changed_app, new_app};
use super::app_secret::new_record;
use super::client_fields::is_less;
use super::fields::Fields;
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::{FieldError, Problem};
use super::show;
use super::standing::Standable;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::identity::{App, Standing};
use crate::domain::random::new_id;
use crate::domain::time::Timestamp;
use crate::store::client::Client;
use crate::store::{StoreError, Transaction};

/// What a transaction may take from its last look at the clock until others see what it did. An app that proves itself meanwhile
/// by what is taken from it gets a token that is ended too; one that it gets afterwards is as of later.
const COMMIT_TIME: Duration = Duration::from_secs(2);

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
    let shown = show::client(&app, &new.settings);
    let store = who.recording(
        &state,
        (Action::AppCreate, Subject::new(app.id.as_str()).about(app.partner.as_str())),
        (None, Some(&shown)),
    );
    let made = store.create_app(&app, &new.settings, kept).await;
    made.map_err(|error| match error {
        StoreError::Missing { .. } => no_such_partner(&app.partner),
        other => other.into(),
    })?;
    tracing::info!(app = %app.id, partner = %app.partner, "an app was registered");
    let partner = state.store.partner(&app.partner).await?.ok_or(Problem::Internal)?;
    let mut shown = show::with_partner(shown, &partner);
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
    let apps = state.store.clients(partner.as_ref(), &paging.page).await?;
    ok(page(&apps, paging.size, |client| client.app.id.as_str(), shown))
}

/// `GET /admin/apps/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    ok(shown(&find_client(&state, &id).await?))
}

/// An app as it is answered.
fn shown(client: &Client) -> Value {
    show::with_partner(show::client(&client.app, &client.settings), &client.partner)
}

/// `PATCH /admin/apps/{id}`: what the body has is changed, the rest stays. Where that takes from the app by what it could prove
/// itself, the access tokens end that it got for itself.
pub(super) async fn update(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    let mut transaction = state.store.begin().await?;
    let Client { app, partner, settings, .. } = lock_client(&mut transaction, &id).await?;
    let (before, had) = (show::client(&app, &settings), settings.clone());
    let (app, settings) = changed_app(body, &state.policies.load(), (app, settings))?;
    let after = show::client(&app, &settings);
    transaction.update_app(&app, &settings).await?;
    if is_less(&had, &settings) {
        transaction.end_app_tokens(&app.id, ended_from(&state)).await?;
    }
    let what = (Action::AppUpdate, app.id.as_str());
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_app(&app.id);
    tracing::info!(app = %app.id, "an app was changed");
    ok(show::with_partner(after, &partner))
}

impl Standable for App {
    async fn set_standing(
        (state, who): (&AdminState, &Administrator),
        id: &str,
        standing: Standing,
    ) -> Answer {
        let mut transaction = state.store.begin().await?;
        let Client { app, partner, settings, .. } = lock_client(&mut transaction, id).await?;
        let shown = |standing| show::client(&App { standing, ..app.clone() }, &settings);
        let (before, after) = (shown(app.standing), shown(standing));
        let action = of_standing(standing, (Action::AppSuspend, Action::AppResume));
        transaction.set_app_standing(&app.id, standing).await?;
        match standing {
            Standing::Active => {}
            Standing::Suspended => transaction.end_app_tokens(&app.id, ended_from(state)).await?,
        }
        let what = (action, app.id.as_str());
        who.record((state, &mut transaction), what, (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
        state.invalidation.forget_app(&app.id);
        tracing::info!(app = %app.id, standing = standing.name(), "an app's standing changed");
        ok(show::with_partner(after, &partner))
    }
}

pub(super) async fn find(state: &AdminState, id: &str) -> Result<App, Problem> {
    let missing = Problem::NotFound("app");
    let Ok(id) = AppId::new(id) else { return Err(missing) };
    state.store.app(&id).await?.ok_or(missing)
}

/// The app that is changed by `transaction`, and by nobody else meanwhile.
pub(super) async fn lock_client(transaction: &mut Transaction, id: &str) -> Result<Client, Problem> {
    let missing = Problem::NotFound("app");
    let Ok(id) = AppId::new(id) else { return Err(missing) };
    transaction.lock_client(&id).await?.ok_or(missing)
}

/// From when on an app's tokens hold if those are to end that it gets before the transaction is committed.
pub(super) fn ended_from(state: &AdminState) -> Timestamp {
    state.clock.now().plus(COMMIT_TIME)
}

async fn find_client(state: &AdminState, id: &str) -> Result<Client, Problem> {
    let missing = Problem::NotFound("app");
    let Ok(id) = AppId::new(id) else { return Err(missing) };
    state.store.client(&id).await?.ok_or(missing)
}
