//! `POST /oauth/par`: an app pushes an authorization request, and gets a reference to it that it sends the browser with
//! (RFC 9126). So nobody between changes the request, and the app has proved itself before a merchant sees anything.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::call::Call;
use super::client_auth::{Proven, authenticate, form};
use super::client_request::check_pushed;
use super::dpop::{self, next_nonce};
use super::error::{DPOP_NONCE, EndpointError, pushed};
use super::parameters::Parameters;
use super::router::OAuth;
use super::throttle::address_of;
use crate::domain::identity::ClientKind;
use crate::domain::random::new_secret;
use crate::domain::secret_hash::RequestHash;
use crate::limit::cell::network;
use crate::store::pushed_request::{PushedRequest, WhenFull};

/// What the reference to a pushed request begins with (RFC 9126, section 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// How long one waits for the merchant's answer: it is to log in meanwhile.
const LIFETIME: Duration = Duration::from_secs(300);
/// Longest request that is kept, in bytes: a longer one would make no address that a browser takes either.
const MAX_LENGTH: usize = 8 * 1024;
/// Most requests of an app that wait: six or seven a second for all of their lifetime. An app that has proved itself is told to
/// wait beyond; as anybody can be a public one, its networks share them.
const MAX_WAITING: u32 = 2_000;
/// What proves the app, and says nothing of the request.
const PROOF: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// Takes a request.
pub async fn push(State(oauth): State<OAuth>, call: Call, body: Bytes) -> Response {
    let kept = keep(&oauth, &call, &body).await;
    let mut answer = match kept {
        Ok(request_uri) => pushed(&request_uri, LIFETIME),
        Err(error) => error.into_response(),
    };
    let nonce = next_nonce(&oauth, &call.headers).and_then(|nonce| HeaderValue::from_str(&nonce).ok());
    if let Some(nonce) = nonce {
        // An error that asks for it has it already; a client must find it once.
        answer.headers_mut().insert(DPOP_NONCE, nonce);
    }
    answer
}

/// Keeps a request that is good, and gives its reference.
async fn keep(oauth: &OAuth, call: &Call, body: &[u8]) -> Result<String, EndpointError> {
    let parameters = form(&call.headers, body)?;
    let now = oauth.clock.now();
    let Proven { app, settings, .. } = authenticate(oauth, call, (&parameters, now)).await?;
    let address = address_of(&call.headers);
    oauth.throttle.pushed(&app, address, oauth.clock.monotonic()).map_err(EndpointError::TooManyAttempts)?;
    if parameters.get("request_uri").is_some() {
        return Err(EndpointError::InvalidRequest(
            "request_uri is what this endpoint gives, and cannot be pushed",
        ));
    }
    check_pushed(oauth, (&app, &settings), &parameters)?;
    let proof = dpop::shown(oauth, call, now)?;
    let request = bound(&parameters, proof.map(|proof| URL_SAFE_NO_PAD.encode(proof.key.0)))?;
    if request.len() > MAX_LENGTH {
        return Err(EndpointError::InvalidRequest("the request has more than 8 KiB"));
    }
    dpop::take(oauth, proof.as_ref()).await?;
    let request_uri =
        new_secret(PREFIX, &*oauth.random).map_err(|error| EndpointError::Unavailable(Box::new(error)))?;
    let pushed = PushedRequest { app: app.id, request, created_at: now, expires_at: now.plus(LIFETIME) };
    let when_full = match app.kind {
        ClientKind::Public => WhenFull::OldestGo(network(address)),
        ClientKind::Confidential => WhenFull::Refuse,
    };
    match oauth.store.push_request(&RequestHash::of(&request_uri), &pushed, (MAX_WAITING, when_full)).await? {
        true => Ok(request_uri),
        false => Err(EndpointError::TooManyWaiting(LIFETIME.as_secs())),
    }
}

/// The request as it is kept. A proof that came with it names the key of its tokens as `dpop_jkt` does (RFC 9449, section 10.1).
fn bound(parameters: &Parameters, key: Option<String>) -> Result<String, EndpointError> {
    let request = parameters.without(&PROOF);
    match (parameters.get("dpop_jkt"), key) {
        (_, None) => Ok(request),
        (Some(named), Some(key)) if named == key => Ok(request),
        (Some(_), Some(_)) => Err(EndpointError::InvalidRequest("dpop_jkt is not the key of the DPoP proof")),
        (None, Some(key)) => Ok(format!("{request}&dpop_jkt={key}")),
    }
}
