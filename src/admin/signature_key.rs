//! Keys by which apps sign their requests. A secret is in the answer to its creation, and nowhere after that.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::key_fields::{app_of, expiry, invalid, scopes_beyond};
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::show;
use super::signature_style::signing;
use super::state::AdminState;
use crate::credential::request_key::{belongs_to, public_key};
use crate::credential::sealing::SealError;
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::id::{AppId, SignatureKeyId};
use crate::domain::random::{new_id, new_secret};
use crate::domain::scope::ScopeSet;
use crate::domain::signature_key::{
    SIGNATURE_KEY_PREFIX, SignatureAlgorithm, SignatureKeyMaterial, SignatureKeyRecord, StoredSignatureKey,
};
use crate::domain::signature_style::SignatureStyle;
use crate::domain::time::Timestamp;

/// What every secret begins with, so that a leaked one is known for what it is.
const SECRET_PREFIX: &str = "tgk_";

/// A key that is asked for.
struct Asked {
    app: AppId,
    style: SignatureStyle,
    algorithm: SignatureAlgorithm,
    /// The app's public key as a JWK, if the algorithm goes by one.
    public_key: Option<String>,
    scopes: Option<ScopeSet>,
    expires_at: Option<Timestamp>,
}

/// `POST /admin/signature-keys`.
pub(super) async fn create(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    let now = state.clock.now();
    let asked = asked(body, now)?;
    let app = app_of(&state, &asked.app).await?;
    if let Some(wrong) = scopes_beyond(&app, asked.scopes.as_ref()) {
        return Err(invalid(vec![wrong]));
    }
    let (key, secret) = make(&state, asked, now)?;
    let mut shown = show::signature_key(&key.record);
    let what = (Action::SignatureKeyCreate, subject(&key.record));
    who.recording(&state, what, (None, Some(&shown))).create_signature_key(&key).await?;
    tracing::info!(key = %key.record.id, app = %key.record.app, "a signature key was made");
    if let Some(secret) = secret {
        shown["secret"] = json!(*secret);
    }
    created(&format!("/admin/signature-keys/{}", key.record.id), shown)
}

fn asked(mut body: Fields, now: Timestamp) -> Result<Asked, Problem> {
    let app = body.required("app", fields::text::<AppId>);
    let (style, algorithm) = signing(&mut body);
    let public_key = body.optional("public_key", key_text);
    let public_key = check_public_key(&mut body, algorithm, public_key);
    let scopes = body.optional("scopes", fields::scopes);
    let expires_at = expiry(&mut body, now);
    let built = (|| {
        Some(Asked {
            app: app?,
            style: style?,
            algorithm: algorithm?,
            public_key: public_key?,
            scopes: scopes?,
            expires_at: expires_at?,
        })
    })();
    body.finish(built)
}

/// The app's public key as a JWK in its one form, if its algorithm goes by one; `None` if something is wrong, which is noted.
fn check_public_key(
    body: &mut Fields,
    algorithm: Option<SignatureAlgorithm>,
    text: Option<Option<String>>,
) -> Option<Option<String>> {
    let wrong = match (algorithm?, text?) {
        (algorithm, None) if algorithm.is_by_secret() => return Some(None),
        (algorithm, Some(_)) if algorithm.is_by_secret() => {
            format!("may not be given for {algorithm}, whose secret is made here and told once")
        }
        (algorithm, None) => format!("is missing: signatures by {algorithm} go by it"),
        (algorithm, Some(text)) => match public_key(algorithm, &text) {
            Ok(key) => return Some(Some(key.to_jwk())),
            Err(error) => error.to_string(),
        },
    };
    body.wrong("public_key", wrong);
    None
}

/// Makes a key, and its secret if it goes by one.
fn make(
    state: &AdminState,
    asked: Asked,
    created_at: Timestamp,
) -> Result<(StoredSignatureKey, Option<Zeroizing<String>>), Problem> {
    let Asked { app, style, algorithm, public_key, scopes, expires_at } = asked;
    let id = new_id(SIGNATURE_KEY_PREFIX, &*state.random)?;
    let id = SignatureKeyId::new(&id).map_err(|_| Problem::Internal)?;
    let (material, secret) = match public_key {
        Some(jwk) => (SignatureKeyMaterial::Public(jwk), None),
        None => {
            let secret = Zeroizing::new(new_secret(SECRET_PREFIX, &*state.random)?);
            let sealed = state.sealing.seal(&belongs_to(&id), secret.as_bytes(), &*state.random)?;
            (SignatureKeyMaterial::Sealed(sealed), Some(secret))
        }
    };
    let revoked_at = None;
    let record = SignatureKeyRecord { id, app, style, algorithm, scopes, created_at, expires_at, revoked_at };
    Ok((StoredSignatureKey { record, material }, secret))
}

/// A key as it is sent: PEM, or a JWK as text or as it is.
fn key_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Object(_) => Ok(value.to_string()),
        _ => Err("must be PEM as a string, or a JWK".to_owned()),
    }
}

/// `GET /admin/signature-keys?app=`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let app = parameters.required::<AppId>("app");
    parameters.finish()?;
    let keys = match app {
        Some(app) => state.store.signature_keys_of(&app).await?,
        None => Vec::new(),
    };
    ok(whole(&keys, show::signature_key))
}

/// `GET /admin/signature-keys/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let missing = Problem::NotFound("signature key");
    let Ok(id) = SignatureKeyId::new(&id) else { return Err(missing) };
    let key = state.store.signature_key(&id).await?.ok_or(missing)?;
    ok(show::signature_key(&key))
}

/// `POST /admin/signature-keys/{id}/revoke`.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let missing = Problem::NotFound("signature key");
    let Ok(id) = SignatureKeyId::new(&id) else { return Err(missing) };
    let mut transaction = state.store.begin().await?;
    let key = transaction.lock_signature_key(&id).await?.ok_or(missing)?;
    let now = state.clock.now();
    let after = SignatureKeyRecord { revoked_at: key.revoked_at.or(Some(now)), ..key.clone() };
    let (before, after) = (show::signature_key(&key), show::signature_key(&after));
    transaction.revoke_signature_key(&key.id, now).await?;
    let what = (Action::SignatureKeyRevoke, subject(&key));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_signature_key(&key.id);
    tracing::info!(key = %key.id, app = %key.app, "a signature key was revoked");
    ok(after)
}

fn subject(key: &SignatureKeyRecord) -> Subject {
    Subject::new(key.id.as_str()).about(key.app.as_str())
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "a secret cannot be sealed");
        Self::Internal
    }
}
