//! `POST /oauth/introspect` (RFC 7662): what a token permits now.
//!
//! An app may ask about its own tokens; a resource server, which an administrator has allowed it, about the access tokens of
//! all apps. Of any other token it is told no more than that it is not active.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::client_auth::{authenticate, form};
use super::error::{EndpointError, Unproven};
use super::revoke::{self, TokenKind};
use super::router::OAuth;
use super::token::standing::{self, Rests};
use crate::credential::access_token::{VerifiedToken, cnf};
use crate::domain::authentication::Authentication;
use crate::domain::confirmation::Confirmation;
use crate::domain::identity::{App, ClientKind};
use crate::domain::introspection::Introspects;
use crate::domain::secret_hash::RefreshTokenHash;
use crate::domain::time::Timestamp;

/// Tells what a token permits.
pub async fn introspect(State(oauth): State<OAuth>, call: Call, body: Bytes) -> Response {
    match try_introspect(&oauth, &call, &body).await {
        Ok(told) => {
            let told = told.unwrap_or_else(|| json!({"active": false}));
            ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(told)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// What there is to tell; `None` of a token that is not active, or not the caller's to know.
async fn try_introspect(oauth: &OAuth, call: &Call, body: &[u8]) -> Result<Option<Value>, EndpointError> {
    let parameters = form(&call.headers, body)?;
    let now = oauth.clock.now();
    let caller = authenticate(oauth, call, (&parameters, now)).await?.app;
    // RFC 7662, section 2.1: whoever asks proves itself, or tokens could be tried out.
    if caller.kind == ClientKind::Public {
        return Err(EndpointError::InvalidClient(Unproven::Public));
    }
    let token = parameters.get("token").ok_or(EndpointError::InvalidRequest("token is missing"))?;
    match TokenKind::of(token) {
        TokenKind::Access => {
            let read = revoke::read(oauth, call, (token, now)).await?;
            match read {
                Some(read) => access_token(oauth, &caller, &read).await,
                None => Ok(None),
            }
        }
        TokenKind::Refresh => refresh_token(oauth, (&caller, now), token).await,
        TokenKind::ApiKey => Ok(None),
    }
}

async fn access_token(
    oauth: &OAuth,
    caller: &App,
    token: &VerifiedToken,
) -> Result<Option<Value>, EndpointError> {
    if token.app != caller.id && oauth.store.introspects(&caller.id).await? != Some(Introspects::All) {
        return Ok(None);
    }
    let permitted = oauth.directory.standing_of(token).await;
    let permitted = permitted.map_err(|error| EndpointError::Unavailable(Box::new(error)))?;
    let Some(permitted) = permitted else { return Ok(None) };
    let mut told = common(oauth, (token.app.as_str(), &permitted.scopes.to_string()), token.expires_at);
    let subject = token.merchant.as_ref().map_or(token.app.as_str(), |merchant| merchant.as_str());
    told.insert("sub".to_owned(), json!(subject));
    told.insert("iat".to_owned(), json!(token.made_at.as_seconds()));
    told.insert("aud".to_owned(), json!(oauth.issuer));
    told.insert("jti".to_owned(), json!(token.id));
    let token_type = match token.confirmation {
        Some(Confirmation::Key(_)) => "DPoP",
        Some(Confirmation::Certificate(_)) | None => "Bearer",
    };
    told.insert("token_type".to_owned(), json!(token_type));
    add(&mut told, token.confirmation, token.authentication);
    Ok(Some(Value::Object(told)))
}

/// Refresh tokens are between an app and this server: no resource server ever sees one.
async fn refresh_token(
    oauth: &OAuth,
    (caller, now): (&App, Timestamp),
    text: &str,
) -> Result<Option<Value>, EndpointError> {
    let Some(token) = oauth.store.refresh_token(&RefreshTokenHash::of(text)).await? else { return Ok(None) };
    let family = &token.family;
    if family.app != caller.id
        || !token.is_valid(now)
        || standing::of(oauth, (&family.merchant, &family.grant)).await? != Rests::Firm
    {
        return Ok(None);
    }
    let mut told = common(oauth, (family.app.as_str(), &family.scopes.to_string()), token.expires_at);
    told.insert("sub".to_owned(), json!(family.merchant.as_str()));
    told.insert("iat".to_owned(), json!(token.issued_at.as_seconds()));
    add(&mut told, family.confirmation, Some(family.authentication));
    Ok(Some(Value::Object(told)))
}

fn common(oauth: &OAuth, (client_id, scope): (&str, &str), expires_at: Timestamp) -> Map<String, Value> {
    let members = [
        ("active", json!(true)),
        ("client_id", json!(client_id)),
        ("scope", json!(scope)),
        ("exp", json!(expires_at.as_seconds())),
        ("iss", json!(oauth.issuer)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What is known of the holder's key and the merchant's login (RFC 7800, RFC 9470).
fn add(
    told: &mut Map<String, Value>,
    confirmation: Option<Confirmation>,
    authentication: Option<Authentication>,
) {
    if let Some(confirmation) = confirmation {
        told.insert("cnf".to_owned(), cnf(confirmation));
    }
    if let Some(Authentication { at, class }) = authentication {
        told.insert("auth_time".to_owned(), json!(at.as_seconds()));
        told.insert("acr".to_owned(), json!(class.name()));
    }
}
