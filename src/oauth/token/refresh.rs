//! `grant_type=refresh_token` (RFC 6749, section 6), with rotation.
//!
//! A token stays good until its successor is first used, so that a lost answer can be asked for again; from then on
//! it is a replay, which revokes the family (RFC 9700, section 4.14.2).
//!
//! A family that was begun with a proof of possession goes on with one (RFC 9449, section 5), and one that was begun with a
//! certificate with a certificate (RFC 8705, section 4). A public app's must be of the same key, or the same certificate. A
//! confidential app proves itself beside it and may change it, but does not get tokens without any.

use axum::response::Response;

use super::super::error::EndpointError;
use super::super::observed;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::asking::Asking;
use super::lifetimes::refresh_token_end;
use super::response;
use super::standing::{self, Rests};
use crate::credential::access_token::NewToken;
use crate::domain::confirmation::Confirmation;
use crate::domain::identity::ClientKind;
use crate::domain::random::new_secret;
use crate::domain::scope::ScopeSet;
use crate::domain::secret_hash::RefreshTokenHash;
use crate::store::refresh_token::{NewRefreshToken, RefreshFamily, Rotation};

const INVALID_TEXT: &str = "the refresh token is unknown, expired, revoked, or was given to another client";
const INVALID: EndpointError = EndpointError::InvalidGrant(INVALID_TEXT);
const SUSPENDED: EndpointError = EndpointError::InvalidGrant(
    "the merchant is suspended: keep the refresh token, and try again once the merchant is resumed",
);

/// Exchanges a refresh token for an access token and the next refresh token.
///
/// # Errors
/// [`EndpointError`].
pub async fn exchange(
    oauth: &OAuth,
    asking: &Asking<'_>,
    parameters: &Parameters,
) -> Result<Response, EndpointError> {
    let now = asking.now;
    let token =
        parameters.get("refresh_token").ok_or(EndpointError::InvalidRequest("refresh_token is missing"))?;
    let hash = RefreshTokenHash::of(token);
    // Another app's token is refused before anything happens to it.
    let known = oauth.store.refresh_token(&hash).await?.ok_or(INVALID)?;
    if known.family.app != asking.app.id {
        return Err(INVALID);
    }
    check_confirmation(&known.family, asking)?;
    let scopes = scopes(&known.family.scopes, parameters)?;
    match standing::of(oauth, (&known.family.merchant, &known.family.grant)).await? {
        Rests::Firm => {}
        Rests::Suspended => return Err(SUSPENDED),
        Rests::Gone => return Err(INVALID),
    }
    if known.is_valid(now) {
        let counted = oauth.throttle.refresh(known.family.id.as_str(), oauth.clock.monotonic());
        counted.map_err(EndpointError::TooManyAttempts)?;
        asking.take_proof(oauth).await?;
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
            observed::is_of_grant(&family.grant);
            oauth.directory.forget_family(&family.id);
            return Err(EndpointError::Replayed(
                INVALID_TEXT,
                "a refresh token was replayed; its family is revoked",
            ));
        }
        Rotation::Ended(_) | Rotation::Unknown => return Err(INVALID),
    };
    let new = NewToken {
        merchant: Some(family.merchant),
        grant: Some(family.grant),
        family: Some(family.id),
        confirmation: asking.confirmation,
        authentication: Some(family.authentication),
        ..NewToken::of_app(family.app, scopes)
    };
    response::answer(oauth, new, (Some(&successor), now))
}

/// Checked before anything happens to the token: who does not hold what it is bound to can neither use the token nor revoke its family.
fn check_confirmation(family: &RefreshFamily, asking: &Asking<'_>) -> Result<(), EndpointError> {
    let of_another =
        "the refresh token is bound: show the key, by a DPoP proof, or the certificate that it was got with";
    // Bound only now, a stolen token would be its thief's for good, and no replay would ever give him away.
    let unbound =
        "the refresh token is bound to nothing: ask the merchant once more, and send a proof with the code";
    match (family.confirmation, asking.confirmation, asking.app.kind) {
        (None, None, _) | (None, Some(_), ClientKind::Confidential) => Ok(()),
        (None, Some(_), ClientKind::Public) => Err(EndpointError::InvalidGrant(unbound)),
        (Some(bound), Some(shown), _) if bound == shown => Ok(()),
        (Some(Confirmation::Key(_)), Some(Confirmation::Key(_)), ClientKind::Confidential)
        | (
            Some(Confirmation::Certificate(_)),
            Some(Confirmation::Certificate(_)),
            ClientKind::Confidential,
        ) => Ok(()),
        (Some(_), _, _) => Err(EndpointError::InvalidGrant(of_another)),
    }
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
