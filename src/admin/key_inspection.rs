//! What the store knows of a key that somebody found. The key, or its hash, comes in the body: a URL would stand in logs.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::app;
use super::fields::Fields;
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::api_key::{ApiKey, KeyHash};
use crate::domain::app_credential::CredentialState;
use crate::domain::hexadecimal::{from_hexadecimal, hexadecimal};
use crate::domain::id::KeyId;
use crate::domain::identity::{App, Partner, Standing};

/// `POST /admin/keys/inspect`. Changes nothing, so that a token for reading is enough.
pub(super) async fn inspect(State(state): State<Arc<AdminState>>, mut body: Fields) -> Answer {
    let key = body.optional("key", key);
    let sha256 = body.optional("sha256", sha256);
    let hash = match (key.flatten(), sha256.flatten()) {
        (Some(_), Some(_)) => {
            body.wrong("sha256", "may not be given beside key".to_owned());
            None
        }
        (None, None) => {
            if !body.is_wrong("key") && !body.is_wrong("sha256") {
                body.wrong("key", "is missing, or sha256".to_owned());
            }
            None
        }
        (key, sha256) => key.or(sha256),
    };
    let hash = body.finish(hash)?;
    let found = state.store.key_by_hash(&hash).await?;
    let mut told = json!({ "sha256": hexadecimal(&hash.0), "known": found.is_some() });
    if let Some(key) = found {
        let successor = state.store.successor_of::<KeyId>(&key).await?;
        let app = app::find(&state, key.app.as_str()).await?;
        let partner = state.store.partner(&app.partner).await?.ok_or(Problem::NotFound("partner"))?;
        told["state"] = json!(state_of(key.state(successor.as_ref(), state.clock.now()), &app, &partner));
        told["key"] = show::credential(&key);
        told["app"] = json!({ "id": app.id.as_str(), "name": app.name });
        told["partner"] = json!({ "id": partner.id.as_str(), "name": partner.name });
    }
    ok(told)
}

/// How a key stands, or who is suspended, if it would work but for that.
fn state_of(key: CredentialState, app: &App, partner: &Partner) -> &'static str {
    match (key, partner.standing, app.standing) {
        (CredentialState::Revoked | CredentialState::Expired, _, _)
        | (_, Standing::Active, Standing::Active) => key.name(),
        (CredentialState::Active | CredentialState::Rotated, Standing::Suspended, _) => "partner_suspended",
        (CredentialState::Active | CredentialState::Rotated, Standing::Active, Standing::Suspended) => {
            "app_suspended"
        }
    }
}

/// Never tells what was sent: it may be a key that lacks a character.
fn key(value: &Value) -> Result<KeyHash, String> {
    let text = value.as_str().ok_or("must be a string")?;
    ApiKey::check(text.trim()).map(|(_, hash)| hash).map_err(|error| error.to_string())
}

fn sha256(value: &Value) -> Result<KeyHash, String> {
    let bytes = value.as_str().and_then(from_hexadecimal);
    bytes.map(KeyHash).ok_or_else(|| "must be the SHA-256 of a key: 64 hexadecimal digits".to_owned())
}
