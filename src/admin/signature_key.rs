//! Keys by which apps sign their requests. A secret is in the answer to its creation, and nowhere after that.

use std::sync::Arc;

use axum::extract::State;
use serde_json::Value;
use zeroize::Zeroizing;

use super::administrator::Administrator;
use super::answer::Answer;
use super::credential::{Administered, find, made, new_id_of};
use super::credential_fields::{NewCredential, app_for, new_credential};
use super::fields::Fields;
use super::parameters::Id;
use super::problem::Problem;
use super::rotation::rotation;
use super::show;
use super::signature_style::signing;
use super::state::{AdminState, Invalidation};
use crate::credential::request_key::{belongs_to, public_key};
use crate::credential::sealing::SealError;
use crate::domain::action::Action;
use crate::domain::id::SignatureKeyId;
use crate::domain::random::new_secret;
use crate::domain::signature_key::{
    SIGNATURE_KEY_PREFIX, SignatureAlgorithm, SignatureKeyMaterial, SignatureKeyRecord, Signing,
    StoredSignatureKey,
};
use crate::domain::time::Timestamp;

/// What every secret begins with, so that a leaked one is known for what it is.
const SECRET_PREFIX: &str = "tgk_";

impl Administered for SignatureKeyId {
    const PATH: &'static str = "/admin/signature-keys";
    const PREFIX: &'static str = SIGNATURE_KEY_PREFIX;
    const REVOKE: Action = Action::SignatureKeyRevoke;

    fn show(key: &SignatureKeyRecord) -> Value {
        show::signature_key(key)
    }

    fn forget(key: &SignatureKeyRecord, invalidation: &dyn Invalidation) {
        invalidation.forget_signature_key(&key.id);
    }
}

/// A key that is asked for.
struct Asked {
    /// What it proves, and how far.
    new: NewCredential,
    signing: Signing,
    /// The app's public key as a JWK, if the algorithm goes by one.
    public_key: Option<String>,
}

/// `POST /admin/signature-keys`.
pub(super) async fn create(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    let now = state.clock.now();
    let Asked { new, signing, public_key } = asked(body, now)?;
    let reach = app_for(&state, &new, now).await?;
    let record: SignatureKeyRecord = new.made(new_id_of(&state)?, signing, now);
    let (material, secret) = material(&state, &record.id, public_key)?;
    let shown = show::signature_key(&record);
    let what = (Action::SignatureKeyCreate, show::credential_itself(&record));
    let key = StoredSignatureKey { record, material };
    who.recording(&state, what, (None, Some(&shown))).create_signature_key(&key).await?;
    let secret = secret.as_ref().map(|secret| ("secret", secret.as_str()));
    made::<SignatureKeyId>((&state, &reach), &key.record, secret)
}

/// `POST /admin/signature-keys/{id}/rotate`: by another secret, or public key; what it signs, and how, stays.
pub(super) async fn rotate(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let rotation = rotation(&mut body, state.clock.now());
    let public_key = body.optional("public_key", key_text);
    let found = find::<SignatureKeyId>(&state, &id).await?;
    let public_key = check_public_key(&mut body, Some(found.own.algorithm), public_key);
    if let Some(Some(jwk)) = &public_key {
        let known = state.store.signature_key_material(&found.id).await?;
        if known == Some(SignatureKeyMaterial::Public(jwk.clone())) {
            body.wrong("public_key", "must be another than that whose place it takes".to_owned());
        }
    }
    let (rotation, public_key) = body.finish(rotation.zip(public_key))?;
    let reach = rotation.reach::<SignatureKeyId>(&state, &found).await?;
    let new = new_id_of(&state)?;
    let (material, secret) = material(&state, &new, public_key)?;
    let mut transaction = state.store.begin().await?;
    let rotated = rotation.begin(&mut transaction, &found.id, (new, found.own)).await?;
    let key = StoredSignatureKey { record: rotated.successor.clone(), material };
    transaction.create_signature_key(&key).await?;
    let secret = secret.as_ref().map(|secret| ("secret", secret.as_str()));
    rotated.finish((&state, &reach, &who), transaction, (Action::SignatureKeyRotate, secret)).await
}

fn asked(mut body: Fields, now: Timestamp) -> Result<Asked, Problem> {
    let new = new_credential(&mut body, now);
    let (style, algorithm) = signing(&mut body);
    let public_key = body.optional("public_key", key_text);
    let public_key = check_public_key(&mut body, algorithm, public_key);
    let built = (|| {
        let signing = Signing { style: style?, algorithm: algorithm? };
        Some(Asked { new: new?, signing, public_key: public_key? })
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

/// By what the signatures of the key of that id are verified: the app's public key, or a secret, which is made.
fn material(
    state: &AdminState,
    id: &SignatureKeyId,
    public_key: Option<String>,
) -> Result<(SignatureKeyMaterial, Option<Zeroizing<String>>), Problem> {
    if let Some(jwk) = public_key {
        return Ok((SignatureKeyMaterial::Public(jwk), None));
    }
    let secret = Zeroizing::new(new_secret(SECRET_PREFIX, &*state.random)?);
    let sealed = state.sealing.seal(&belongs_to(id), secret.as_bytes(), &*state.random)?;
    Ok((SignatureKeyMaterial::Sealed(sealed), Some(secret)))
}

/// A key as it is sent: PEM, or a JWK as text or as it is.
fn key_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Object(_) => Ok(value.to_string()),
        _ => Err("must be PEM as a string, or a JWK".to_owned()),
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "a secret cannot be sealed");
        Self::Internal
    }
}
