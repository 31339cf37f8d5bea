//! `POST /oauth/revoke` (RFC 7009): an app gives a token back.
//!
//! A refresh token ends its family: all refresh tokens that descend from the same authorization, and the access tokens that
//! came with them. An access token ends by itself, and its refresh token goes on. A token that is unknown, or another app's, is
//! answered like one that was revoked, so that nobody learns which there are; nothing happens to it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::call::Call;
use super::client_auth::{authenticate, form};
use super::error::EndpointError;
use super::router::OAuth;
use super::throttle::address_of;
use crate::credential::access_token::VerifiedToken;
use crate::domain::identity::App;
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::domain::secret_hash::RefreshTokenHash;
use crate::domain::time::{Moment, Timestamp};
use crate::store::revoked_token::{RevokedToken, TokenRevoked};

/// What a text may be that is called a token, by what it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A JWT.
    Access,
    /// One of ours that is looked up.
    Refresh,
    /// An API key, which is no token.
    ApiKey,
}

impl TokenKind {
    /// The kind of `token`. `token_type_hint` would tell nothing more, and may be wrong (RFC 7009, section 2.1).
    #[must_use]
    pub fn of(token: &str) -> Self {
        match token {
            _ if token.starts_with("tgr_") => Self::Refresh,
            _ if token.starts_with("tg_") => Self::ApiKey,
            _ => Self::Access,
        }
    }
}

/// Revokes a token.
pub async fn revoke(State(oauth): State<OAuth>, call: Call, body: Bytes) -> Response {
    match try_revoke(&oauth, &call, &body).await {
        Ok(()) => [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))].into_response(),
        Err(error) => error.into_response(),
    }
}

async fn try_revoke(oauth: &OAuth, call: &Call, body: &[u8]) -> Result<(), EndpointError> {
    let parameters = form(&call.headers, body)?;
    let now = oauth.clock.now();
    let app = authenticate(oauth, call, (&parameters, now)).await?.app;
    let token = parameters.get("token").ok_or(EndpointError::InvalidRequest("token is missing"))?;
    match TokenKind::of(token) {
        TokenKind::Refresh => revoke_family(oauth, (&app, now), token).await,
        TokenKind::Access => match read(oauth, call, (token, now)).await? {
            Some(verified) if verified.app == app.id => revoke_alone(oauth, &verified, now).await,
            Some(_) | None => Ok(()),
        },
        TokenKind::ApiKey => Err(EndpointError::UnsupportedTokenType),
    }
}

/// What an access token says that a caller brings. A key that is not known costs the caller's network what it costs at the
/// gateway.
///
/// # Errors
/// [`EndpointError::TooManyAttempts`], [`EndpointError::Unavailable`].
pub(super) async fn read(
    oauth: &OAuth,
    call: &Call,
    (token, now): (&str, Timestamp),
) -> Result<Option<VerifiedToken>, EndpointError> {
    let moment = Moment { now, monotonic: oauth.clock.monotonic() };
    let read = oauth.directory.read_token(token, address_of(&call.headers), moment).await;
    read.map_err(|refusal| match refusal {
        Refusal::LimitReached { retry_after, .. } => {
            EndpointError::TooManyAttempts(whole_seconds(retry_after).max(1))
        }
        refusal => EndpointError::Unavailable(refusal.detail().into()),
    })
}

/// Also by a token that was spent: whoever has it wants it to be of no use.
async fn revoke_family(
    oauth: &OAuth,
    (app, now): (&App, Timestamp),
    token: &str,
) -> Result<(), EndpointError> {
    let Some(known) = oauth.store.refresh_token(&RefreshTokenHash::of(token)).await? else { return Ok(()) };
    if known.family.app != app.id {
        return Ok(());
    }
    oauth.store.revoke_refresh_family(&known.family.id, now).await?;
    oauth.directory.forget_family(&known.family.id);
    tracing::info!(app = %app.id, grant = %known.family.grant, "an app revoked a refresh token");
    Ok(())
}

/// An app that has revoked more of them than are kept one by one has all ended at once that it got in the same way.
async fn revoke_alone(oauth: &OAuth, token: &VerifiedToken, now: Timestamp) -> Result<(), EndpointError> {
    let (id, app, family, expires_at) = (&*token.id, &token.app, token.family.as_ref(), token.expires_at);
    let revoked = oauth.store.revoke_token(RevokedToken { id, app, family, expires_at }, now).await?;
    match (revoked, &token.family) {
        (TokenRevoked::Done, _) => oauth.directory.forget_token(&token.id, token.expires_at),
        (TokenRevoked::NoRoom, Some(family)) => {
            oauth.store.revoke_refresh_family(family, now).await?;
            oauth.directory.forget_family(family);
        }
        (TokenRevoked::NoRoom, None) => {
            let from = Timestamp::from_micros(now.max(token.made_at).as_micros().saturating_add(1));
            oauth.store.end_app_tokens(&token.app, from).await?;
            oauth.directory.forget_app(&token.app);
        }
    }
    tracing::info!(app = %token.app, token = token.id, ?revoked, "an app revoked an access token");
    Ok(())
}
