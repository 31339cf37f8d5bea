//! `grant_type=client_credentials` (RFC 6749, section 4.4): an app for itself, on behalf of no merchant.

use axum::response::Response;

use super::super::error::TokenEndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::scopes;
use super::response;
use crate::credential::access_token::NewToken;
use crate::domain::identity::{App, ClientKind};
use crate::domain::time::Timestamp;

/// Gives an access token as of `made_at`, and no refresh token: the app can always ask again.
///
/// # Errors
/// [`TokenEndpointError`].
pub fn exchange(
    oauth: &OAuth,
    (app, made_at): (&App, Timestamp),
    parameters: &Parameters,
) -> Result<Response, TokenEndpointError> {
    if app.kind == ClientKind::Public {
        return Err(TokenEndpointError::UnauthorizedClient);
    }
    let scopes =
        scopes::asked(oauth, app, parameters.get("scope")).map_err(TokenEndpointError::InvalidScope)?;
    let new = NewToken {
        id: String::new(),
        app: app.id.clone(),
        merchant: None,
        grant: None,
        family: None,
        scopes,
    };
    response::answer(oauth, new, (None, made_at))
}
