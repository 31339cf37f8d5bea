//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628, section 3.4): a device asks whether a merchant has
//! answered. Once let through, it gets its tokens once; a device that lost that answer asks for a new code. What it has shown
//! beside the code is taken first, so that a proof that is none leaves the code as good as it was.

use axum::http::HeaderMap;
use axum::response::Response;

use super::super::error::EndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::throttle::{Guessed, address_of};
use super::asking::Asking;
use super::authorization_code;
use crate::domain::secret_hash::DeviceCodeHash;
use crate::store::device_code::Polled;

const UNKNOWN: EndpointError =
    EndpointError::InvalidGrant("the device code is unknown, used, or was given to another client");

/// Exchanges a device code for an access token and a refresh token.
///
/// # Errors
/// [`EndpointError`].
pub async fn exchange(
    oauth: &OAuth,
    (headers, asking): (&HeaderMap, &Asking<'_>),
    parameters: &Parameters,
) -> Result<Response, EndpointError> {
    let code =
        parameters.get("device_code").ok_or(EndpointError::InvalidRequest("device_code is missing"))?;
    let hash = DeviceCodeHash::of(code);
    if !oauth.throttle.may_poll(&hash, oauth.clock.monotonic()) {
        return Err(EndpointError::SlowDown);
    }
    let polled = oauth.store.poll_device((&hash, &asking.app.id), asking.now).await?;
    if matches!(polled, Polled::Waiting | Polled::TooFast) {
        oauth.throttle.polled(&hash);
    }
    match polled {
        Polled::Allowed => {
            let allowed = oauth.store.code(&hash.authorization()).await?.ok_or(UNKNOWN)?;
            authorization_code::check_standing(oauth, &allowed).await?;
            asking.take_proof(oauth).await?;
            let record = oauth.store.redeem_device(&hash, asking.now).await?;
            authorization_code::give(oauth, record.ok_or(UNKNOWN)?, asking).await
        }
        Polled::Waiting => Err(EndpointError::AuthorizationPending),
        Polled::TooFast => Err(EndpointError::SlowDown),
        Polled::Denied => Err(EndpointError::AccessDenied),
        Polled::Expired => Err(EndpointError::ExpiredToken),
        Polled::Unknown => {
            // Nobody can guess one: only what is not there is counted, so that a device that waits never waits for others.
            let now = oauth.clock.monotonic();
            let counted = oauth.throttle.guess(Guessed::DeviceCode, address_of(headers), now);
            counted.map(drop).map_err(EndpointError::TooManyAttempts)?;
            Err(UNKNOWN)
        }
    }
}
