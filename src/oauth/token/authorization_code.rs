//! `grant_type=authorization_code` (RFC 6749, section 4.1.3).
//!
//! A code gives tokens once. Everything is checked before it is redeemed, so that a replay with a wrong verifier or
//! by another app revokes nothing; a replay that is right in everything revokes what the code gave.

use axum::response::Response;

use super::super::client_request::requires_pkce;
use super::super::error::EndpointError;
use super::super::observed;
use super::super::parameters::Parameters;
use super::super::pkce;
use super::super::router::OAuth;
use super::asking::Asking;
use super::lifetimes::{family_end, refresh_token_end};
use super::response;
use super::standing::{self, Rests};
use crate::credential::access_token::NewToken;
use crate::domain::client::GrantType;
use crate::domain::identity::App;
use crate::domain::random::new_secret;
use crate::domain::secret_hash::{CodeHash, RefreshTokenHash};
use crate::store::authorization_code::{CodeRecord, Redeemed};
use crate::store::refresh_token::{NewRefreshToken, RefreshFamily, Started};

const INVALID_TEXT: &str =
    "the code is unknown, used, expired, or was given to another client or redirect_uri";
const INVALID: EndpointError = EndpointError::InvalidGrant(INVALID_TEXT);

/// Exchanges a code for an access token and a refresh token.
///
/// # Errors
/// [`EndpointError`].
pub async fn exchange(
    oauth: &OAuth,
    asking: &Asking<'_>,
    parameters: &Parameters,
) -> Result<Response, EndpointError> {
    let (app, now) = (asking.app, asking.now);
    let code = parameters.get("code").ok_or(EndpointError::InvalidRequest("code is missing"))?;
    let hash = CodeHash::of(code);
    let record = oauth.store.code(&hash).await?.ok_or(INVALID)?;
    // One that was used is a replay also when it is too late: somebody else may hold what it gave.
    if record.app != app.id || (record.expires_at <= now && record.redeemed_at.is_none()) {
        return Err(INVALID);
    }
    check_redirect_uri((&record, app), parameters)?;
    check_verifier(&record, parameters, requires_pkce(oauth, app))?;
    check_key(&record, asking)?;
    if record.redeemed_at.is_none() {
        check_standing(oauth, &record).await?;
        asking.take_proof(oauth).await?;
    }
    match oauth.store.redeem_code(&hash, now).await? {
        Redeemed::First(record) => give(oauth, record, asking).await,
        Redeemed::Again(record) => {
            observed::is_of_grant(&record.grant);
            oauth.directory.forget_family(&record.family);
            Err(EndpointError::Replayed(INVALID_TEXT, "a code was used twice; what it gave is revoked"))
        }
        Redeemed::Unknown => Err(INVALID),
    }
}

/// The redirect URI of the authorization request, if it had one, stands in for PKCE where there is none. A request without
/// one went to the only one that the app has.
fn check_redirect_uri(
    (record, app): (&CodeRecord, &App),
    parameters: &Parameters,
) -> Result<(), EndpointError> {
    match (&record.redirect_uri, parameters.get("redirect_uri")) {
        (Some(asked), Some(sent)) if asked == sent => Ok(()),
        (Some(_), None) if record.challenge.is_some() => Ok(()),
        (Some(_), _) => Err(INVALID),
        (None, None) => Ok(()),
        (None, Some(sent)) if matches!(app.redirect_uris.as_slice(), [only] if only == sent) => Ok(()),
        (None, Some(_)) => Err(INVALID),
    }
}

/// A code that was given before PKCE was required of its app is of no more use than one that is asked for since.
fn check_verifier(
    record: &CodeRecord,
    parameters: &Parameters,
    is_required: bool,
) -> Result<(), EndpointError> {
    match (&record.challenge, parameters.get("code_verifier")) {
        (None, _) if is_required => Err(EndpointError::InvalidGrant(
            "the code has no code_challenge: this app must use PKCE with S256",
        )),
        (None, None) => Ok(()),
        (None, Some(_)) => Err(EndpointError::InvalidRequest("code_verifier without a code_challenge")),
        (Some(challenge), Some(verifier)) if pkce::matches(verifier, challenge) => Ok(()),
        (Some(_), _) => Err(EndpointError::InvalidGrant("code_verifier is missing or does not fit")),
    }
}

/// A code is of no use while its merchant is suspended, nor once its grant was taken back; nothing happens to it.
///
/// # Errors
/// [`EndpointError::InvalidGrant`], [`EndpointError::Unavailable`].
pub(super) async fn check_standing(oauth: &OAuth, record: &CodeRecord) -> Result<(), EndpointError> {
    match standing::of(oauth, (&record.merchant, &record.grant)).await? {
        Rests::Firm => Ok(()),
        Rests::Suspended => Err(EndpointError::InvalidGrant("the merchant is suspended")),
        Rests::Gone => Err(INVALID),
    }
}

/// A code that was asked for with `dpop_jkt` is of no use to who does not hold that key (RFC 9449, section 10).
fn check_key(record: &CodeRecord, asking: &Asking<'_>) -> Result<(), EndpointError> {
    match record.confirmation {
        Some(key) if asking.confirmation != Some(key) => {
            Err(EndpointError::InvalidGrant("the code is bound to a key: send a DPoP proof by it"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The tokens of a code that was redeemed just now.
///
/// # Errors
/// [`EndpointError`].
pub(super) async fn give(
    oauth: &OAuth,
    record: CodeRecord,
    asking: &Asking<'_>,
) -> Result<Response, EndpointError> {
    let now = asking.now;
    let refresh_token =
        new_secret("tgr_", &*oauth.random).map_err(|error| EndpointError::Unavailable(Box::new(error)))?;
    let family = RefreshFamily {
        id: record.family.clone(),
        app: record.app.clone(),
        merchant: record.merchant.clone(),
        grant: record.grant.clone(),
        scopes: record.scopes.clone(),
        created_at: now,
        confirmation: asking.confirmation,
        authentication: record.authentication,
        ends_at: family_end(oauth, asking.app.kind, &record.scopes, now),
        revoked_at: None,
    };
    let first = NewRefreshToken {
        hash: RefreshTokenHash::of(&refresh_token),
        expires_at: refresh_token_end(oauth, &record.scopes, now),
    };
    match oauth.store.start_refresh_family(&family, &first).await? {
        Started::Alive => {}
        Started::Revoked => return Err(INVALID),
    }
    let new = NewToken {
        merchant: Some(record.merchant),
        grant: Some(record.grant),
        family: Some(record.family),
        confirmation: asking.confirmation,
        authentication: Some(record.authentication),
        ..NewToken::of_app(record.app, record.scopes)
    };
    // An app that may not use it does not get it.
    let refresh_token =
        Some(&*refresh_token).filter(|_| asking.settings.has_grant_type(GrantType::RefreshToken));
    response::answer(oauth, new, (refresh_token, now))
}
