//! One request for an access token by client credentials (RFC 6749, section 4.4), made by the `oauth2` crate over our own
//! client. What a token server says of an error is its own text and may repeat what it was sent: only the code is told.

use std::time::Duration;

use http::HeaderValue;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenType};
use oauth2::{AuthType, ClientId, ClientSecret, RequestTokenError, Scope, TokenResponse, TokenUrl};
use secrecy::ExposeSecret;

use super::client::{CallError, Client};
use crate::policy::token_source::{SecretPlace, TokenSource};

/// How long a token is used whose server does not say how long it lives.
const UNTOLD_LIFETIME: Duration = Duration::from_secs(300);
/// For how long a token is used at most, however long it lives.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Longest access token, in bytes: it goes into the head of each call.
const MAX_TOKEN: usize = 8 << 10;
/// Longest error code that is told.
const MAX_CODE: usize = 64;

/// A token as it came.
pub(super) struct NewToken {
    /// The value of `Authorization`.
    pub(super) authorization: HeaderValue,
    /// How long it lives.
    pub(super) lifetime: Duration,
}

/// Why a request brought no token. No variant holds anything secret.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There was no answer.
    #[error("the token server gave no answer: {0}")]
    Call(#[from] CallError),
    /// It was refused.
    #[error("the token server refused: {0}")]
    Refused(String),
    /// The answer is none that RFC 6749, section 5.1, knows.
    #[error("the token server's answer is none: {0}")]
    Malformed(&'static str),
}

/// Asks for a token.
pub(super) async fn request(client: &Client, source: &TokenSource) -> Result<NewToken, TokenError> {
    let token_url = TokenUrl::new(source.token_url.as_str().to_owned())
        .map_err(|_| TokenError::Malformed("its address is no URL"))?;
    let asking = BasicClient::new(ClientId::new(source.client_id.clone()))
        .set_client_secret(ClientSecret::new(source.client_secret.expose_secret().to_owned()))
        .set_auth_type(match source.authentication {
            SecretPlace::Header => AuthType::BasicAuth,
            SecretPlace::Form => AuthType::RequestBody,
        })
        .set_token_uri(token_url);
    let mut request =
        asking.exchange_client_credentials().add_scopes(source.scopes.iter().cloned().map(Scope::new));
    let more = [("audience", &source.audience), ("resource", &source.resource)];
    for (name, value) in more {
        if let Some(value) = value {
            request = request.add_extra_param(name, value.clone());
        }
    }
    let answer = request.request_async(&client.caller()).await.map_err(explain)?;
    if *answer.token_type() != BasicTokenType::Bearer {
        return Err(TokenError::Malformed("its token_type is not Bearer"));
    }
    let token = answer.access_token().secret();
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Malformed("its access_token cannot be sent"));
    }
    let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| TokenError::Malformed("its access_token cannot be sent"))?;
    authorization.set_sensitive(true);
    let lifetime = answer.expires_in().unwrap_or(UNTOLD_LIFETIME).min(MAX_LIFETIME);
    if lifetime.is_zero() {
        return Err(TokenError::Malformed("its access_token has expired already"));
    }
    Ok(NewToken { authorization, lifetime })
}

/// What may be told of an error: of the answer itself nothing but a well-formed code.
#[must_use]
pub fn explain(error: RequestTokenError<CallError, BasicErrorResponse>) -> TokenError {
    match error {
        RequestTokenError::ServerResponse(refusal) => {
            let code = refusal.error().to_string();
            let is_plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            let is_told = is_plain && code.len() <= MAX_CODE;
            TokenError::Refused(if is_told { code } else { "with a malformed code".to_owned() })
        }
        RequestTokenError::Request(error) => TokenError::Call(error),
        RequestTokenError::Parse(..) => TokenError::Malformed("it is not the JSON of RFC 6749"),
        RequestTokenError::Other(_) => TokenError::Malformed("it is empty or of another status than 200"),
    }
}
