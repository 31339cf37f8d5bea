//! `grant_type=client_credentials` (RFC 6749, section 4.4): an app for itself, on behalf of no merchant.

use axum::response::Response;

use super::super::error::EndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::scopes;
use super::asking::Asking;
use super::response;
use crate::credential::access_token::NewToken;

/// Gives an access token, and no refresh token: the app can always ask again.
///
/// # Errors
/// [`EndpointError`].
pub async fn exchange(
    oauth: &OAuth,
    asking: &Asking<'_>,
    parameters: &Parameters,
) -> Result<Response, EndpointError> {
    let app = asking.app;
    let scopes = scopes::asked(oauth, app, parameters.get("scope")).map_err(EndpointError::InvalidScope)?;
    asking.take_proof(oauth).await?;
    let confirmation = asking.confirmation;
    let new = NewToken { confirmation, ..NewToken::of_app(app.id.clone(), scopes) };
    response::answer(oauth, new, (None, asking.now))
}
