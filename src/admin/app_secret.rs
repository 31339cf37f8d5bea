//! Client secrets of apps. A secret is in the answer to its creation, and nowhere after that.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::app::{ended_from, find, lock_client};
use super::fields::{self, Fields};
use super::page::whole;
use super::parameters::{Id, Ids, Parameters};
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::client::SecretRecord;
use crate::domain::id::{AppId, SecretId};
use crate::domain::identity::SecretHash;
use crate::domain::random::{new_id, new_secret};
use crate::domain::time::Timestamp;
use crate::store::app_secret::{AddedSecret, MAX_ALIVE, Others};

/// What every client secret begins with, so that a leaked one is known for what it is.
const SECRET_PREFIX: &str = "tgs_";

/// A secret that was just made.
pub(super) struct NewSecret {
    /// The secret itself.
    pub(super) text: String,
    /// What is kept of it.
    pub(super) record: SecretRecord,
    /// By which it is known again.
    pub(super) hash: SecretHash,
}

/// Makes a secret for an app.
pub(super) fn new_record(
    state: &AdminState,
    app: &AppId,
    expires_at: Option<Timestamp>,
) -> Result<NewSecret, Problem> {
    let text = new_secret(SECRET_PREFIX, &*state.random)?;
    let id = SecretId::new(&new_id("sec_", &*state.random)?).map_err(|_| Problem::Internal)?;
    let created_at = state.clock.now();
    let record =
        SecretRecord { id, app: app.clone(), created_at, expires_at, revoked_at: None, last_used_at: None };
    Ok(NewSecret { hash: SecretHash::of(&text), text, record })
}

/// `POST /admin/apps/{id}/secrets`: another client secret, in this answer alone. The older ones keep working; with
/// `expire_others_in` for that long, with `revoke_others` no longer, nor the access tokens that they may have been used for.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let now = state.clock.now();
    let revoke_others = body.optional("revoke_others", fields::flag);
    let expire_others_in = body.optional("expire_others_in", fields::span);
    let expires_at = body.optional("expires_at", fields::text::<Timestamp>);
    if expires_at.flatten().is_some_and(|expiry| expiry <= now) {
        body.wrong("expires_at", "must be in the future".to_owned());
    }
    let others = match (revoke_others.flatten(), expire_others_in.flatten()) {
        (Some(true), Some(_)) => {
            body.wrong("expire_others_in", "may not be given beside revoke_others".to_owned());
            Others::Stay
        }
        (Some(true), None) => Others::Revoked,
        (Some(false) | None, Some(span)) => Others::EndAt(now.plus(span)),
        (Some(false) | None, None) => Others::Stay,
    };
    let built = (|| {
        let (_, _) = (revoke_others?, expire_others_in?);
        expires_at
    })();
    let expires_at = body.finish(built)?;
    let mut transaction = state.store.begin().await?;
    let client = lock_client(&mut transaction, &id).await?;
    if !client.settings.needs_secret() {
        return Err(Problem::Conflict(
            "This app gets no secret: none of its token_endpoint_auth_methods goes by one.".to_owned(),
        ));
    }
    let secret = new_record(&state, &client.app.id, expires_at)?;
    let what = json!({ "secret": show::secret(&secret.record), "others": shown_others(others) });
    let changed = match transaction.add_app_secret((&secret.record, &secret.hash), others).await? {
        AddedSecret::Added(changed) => changed,
        AddedSecret::TooMany => {
            return Err(Problem::Conflict(format!(
                "This app has {MAX_ALIVE} secrets that work, which is the most: revoke one, or say what becomes of them."
            )));
        }
    };
    if others == Others::Revoked {
        transaction.end_app_tokens(&client.app.id, ended_from(&state)).await?;
    }
    let subject = Subject::new(client.app.id.as_str()).about(secret.record.id.as_str());
    who.record((&state, &mut transaction), (Action::AppAddSecret, subject), (None, Some(&what))).await?;
    transaction.commit().await?;
    state.invalidation.forget_app(&client.app.id);
    tracing::info!(app = %client.app.id, secret = %secret.record.id, changed, "an app got another client secret");
    let mut shown = show::client(&client.app, &client.settings);
    (shown["client_secret"], shown["secret"]) = (json!(secret.text), show::secret(&secret.record));
    let told = match others {
        Others::Revoked | Others::Stay => "revoked_secrets",
        Others::EndAt(_) => "expiring_secrets",
    };
    shown[told] = json!(changed);
    created(&format!("/admin/apps/{}/secrets", client.app.id), shown)
}

/// `GET /admin/apps/{id}/secrets`: those that no longer work too.
pub(super) async fn list(State(state): State<Arc<AdminState>>, Id(id): Id, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let app = find(&state, &id).await?;
    ok(whole(&state.store.secrets_of(&app.id).await?, show::secret))
}

/// `POST /admin/apps/{id}/secrets/{secret}/revoke`: with the secret end the access tokens that the app got for itself. Of one that
/// is revoked already nothing changes.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Ids(id, secret): Ids,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let secret = SecretId::new(&secret).map_err(|_| Problem::NotFound("client secret"))?;
    let mut transaction = state.store.begin().await?;
    let app = lock_client(&mut transaction, &id).await?.app;
    let known = transaction.app_secret(&app.id, &secret).await?;
    let known = known.ok_or(Problem::NotFound("client secret"))?;
    let before = show::secret(&known);
    if known.revoked_at.is_some() {
        return ok(before);
    }
    let revoked = transaction.revoke_app_secret(&app.id, &secret, state.clock.now()).await?;
    transaction.end_app_tokens(&app.id, ended_from(&state)).await?;
    let subject = Subject::new(app.id.as_str()).about(secret.as_str());
    let (what, after) = ((Action::AppRevokeSecret, subject), show::secret(&revoked));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_app(&app.id);
    tracing::info!(app = %app.id, %secret, "a client secret was revoked");
    ok(after)
}

/// What becomes of the others, for the record.
fn shown_others(others: Others) -> Value {
    match others {
        Others::Stay => json!("stay"),
        Others::EndAt(end) => json!({ "end_at": end.to_string() }),
        Others::Revoked => json!("revoked"),
    }
}
