//! `grant_type=client_credentials` (RFC 6749, section 4.4): an app for itself, on behalf of no merchant.

use axum::response::Response;

use super::super::error::EndpointError;
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
/// [`EndpointError`].
pub fn exchange(
    oauth: &OAuth,
    (app, made_at): (&App, Timestamp),
    parameters: &Parameters,
) -> Result<Response, EndpointError> {
    if app.kind == ClientKind::Public {
        return Err(EndpointError::UnauthorizedClient);
    }
    let scopes = scopes::asked(oauth, app, parameters.get("scope")).map_err(EndpointError::InvalidScope)?;
    response::answer(oauth, NewToken::of_app(app.id.clone(), scopes), (None, made_at))
}
