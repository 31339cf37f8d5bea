//! The gateway's own endpoints on the partners' port that its control plane serves.

use std::sync::Arc;

use axum::Router;

use super::node::Services;
use crate::credential::access_token::TokenSigner;
use crate::oauth;
use crate::oauth::federation::provider::Federation;
use crate::oauth::router::OAuth;

/// The OAuth2 server.
pub(super) fn router(services: &Services) -> Router {
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
