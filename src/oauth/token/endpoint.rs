//! The endpoint: which grant type is asked for, by which app.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::super::error::TokenEndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::{authorization_code, client, client_credentials, refresh};

/// Exchanges a grant for tokens.
pub async fn exchange(State(oauth): State<OAuth>, headers: HeaderMap, form: String) -> Response {
    match try_exchange(&oauth, &headers, &form).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_exchange(
    oauth: &OAuth,
    headers: &HeaderMap,
    form: &str,
) -> Result<Response, TokenEndpointError> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(TokenEndpointError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
    }
    let parameters = Parameters::parse(form);
    if parameters.repeated().is_some() {
        return Err(TokenEndpointError::InvalidRequest("a parameter was sent more than once"));
    }
    let app = client::authenticate(oauth, headers, &parameters).await?;
    match parameters.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(oauth, &app, &parameters).await,
        Some("refresh_token") => refresh::exchange(oauth, &app, &parameters).await,
        Some("client_credentials") => client_credentials::exchange(oauth, &app, &parameters),
        Some(_) => Err(TokenEndpointError::UnsupportedGrantType),
        None => Err(TokenEndpointError::InvalidRequest("grant_type is missing")),
    }
}
