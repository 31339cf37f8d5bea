//! `grant_type=refresh_token` (RFC 6749, section 6), with rotation.
//!
//! A token stays good until its successor is first used, so that a lost answer can be asked for again; from then on
//! it is a replay, which revokes the family (RFC 9700, section 4.14.2).

use axum::response::Response;

use super::super::error::EndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::lifetimes::refresh_token_end;
use super::{response, standing};
use crate::credential::access_token::NewToken;
use crate::domain::identity::App;
use crate::domain::random::new_secret;
use crate::domain::scope::ScopeSet;
use crate::domain::secret_hash::RefreshTokenHash;
use crate::domain::time::Timestamp;
use crate::store::refresh_token::{NewRefreshToken, Rotation};

const INVALID: EndpointError = EndpointError::InvalidGrant(
    "the refresh token is unknown, expired, revoked, or was given to another client",
);

/// Exchanges a refresh token for an access token and the next refresh token.
///
/// # Errors
/// [`EndpointError`].
pub async fn exchange(
    oauth: &OAuth,
    (app, now): (&App, Timestamp),
    parameters: &Parameters,
) -> Result<Response, EndpointError> {
    let token =
        parameters.get("refresh_token").ok_or(EndpointError::InvalidRequest("refresh_token is missing"))?;
    let hash = RefreshTokenHash::of(token);
    // Another app's token is refused before anything happens to it.
    let known = oauth.store.refresh_token(&hash).await?.ok_or(INVALID)?;
    if known.family.app != app.id {
        return Err(INVALID);
    }
    let scopes = scopes(&known.family.scopes, parameters)?;
    if !standing::stands(oauth, &known.family).await? {
        return Err(INVALID);
    }
    let successor =
        new_secret("tgr_", &*oauth.random).map_err(|error| EndpointError::Unavailable(Box::new(error)))?;
    let new = NewRefreshToken {
        hash: RefreshTokenHash::of(&successor),
        expires_at: refresh_token_end(oauth, &known.family.scopes, now),
    };
    let family = match oauth.store.rotate_refresh_token(&hash, &new, now).await? {
        Rotation::Rotated(family) => family,
        Rotation::Replayed(family) => {
            tracing::warn!(app = %family.app, grant = %family.grant, "a refresh token was replayed; its family is revoked");
            oauth.directory.forget_family(&family.id);
            return Err(INVALID);
        }
        Rotation::Ended(_) | Rotation::Unknown => return Err(INVALID),
    };
    let new = NewToken {
        merchant: Some(family.merchant),
        grant: Some(family.grant),
        family: Some(family.id),
        confirmation: family.confirmation,
        authentication: Some(family.authentication),
        ..NewToken::of_app(family.app, scopes)
    };
    response::answer(oauth, new, (Some(&successor), now))
}

/// What is asked for: all of it, or less.
fn scopes(granted: &ScopeSet, parameters: &Parameters) -> Result<ScopeSet, EndpointError> {
    let Some(text) = parameters.get("scope") else { return Ok(granted.clone()) };
    let invalid = |what: &str| EndpointError::InvalidScope(what.to_owned());
    let asked: ScopeSet = text.parse().map_err(|_| invalid("scope is malformed"))?;
    if asked.is_empty() || !granted.covers(&asked) {
        return Err(invalid("a scope is beyond what was granted"));
    }
    Ok(asked)
}
