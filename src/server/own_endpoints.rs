//! The gateway's own endpoints on the partners' port that its control plane serves.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::node::Services;
use crate::billing::proof::keys;
use crate::credential::access_token::TokenSigner;
use crate::oauth;
use crate::oauth::error::method_not_allowed;
use crate::oauth::federation::provider::Federation;
use crate::oauth::router::OAuth;

/// For how long the proof keys may be kept: far shorter than a key is published before it signs.
const PROOF_KEYS_KEPT: &str = "public, max-age=300";

/// The OAuth2 server, and the keys by which closed periods are verified.
pub(super) fn router(services: &Services) -> Router {
    let published = Router::new()
        .route("/.well-known/tollgate-proof-keys", get(proof_keys))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(services.clone());
    published.merge(oauth_server(services))
}

/// `GET /.well-known/tollgate-proof-keys`: all there ever were.
async fn proof_keys(State(services): State<Services>) -> Response {
    let published = keys::write(&services.issuer, &services.proof_keys.published());
    ([(header::CACHE_CONTROL, PROOF_KEYS_KEPT)], Json(published)).into_response()
}

fn oauth_server(services: &Services) -> Router {
    oauth::router::router(OAuth {
        store: services.store.clone(),
        live: services.live.clone(),
        directory: services.directory.clone(),
        signer: Arc::new(TokenSigner::new(services.signing_keys.ring().clone())),
        nonces: services.nonces.clone(),
        sealing: services.sealing.clone(),
        issuer: services.issuer.clone(),
        mutual_base: services.mutual_base.clone(),
        clock: services.clock.clone(),
        random: services.random.clone(),
        hasher: services.hasher.clone(),
        key_sets: Arc::default(),
        throttle: Arc::default(),
        last_uses: services.last_uses.clone(),
        counters: services.oauth_counters.clone(),
        federation: Arc::new(Federation::new(services.client.clone(), services.clock.clone())),
    })
}
