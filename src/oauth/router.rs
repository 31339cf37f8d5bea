//! The endpoints, and what they share.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::throttle::Throttle;
use super::{authorize, consent, login, metadata, pages, token};
use crate::credential::access_token::TokenSigner;
use crate::credential::directory::Directory;
use crate::credential::password;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::live::Live;
use crate::store::Store;

/// What the endpoints share.
#[derive(Clone)]
pub struct OAuth {
    /// Apps, merchants, grants, codes, tokens.
    pub store: Store,
    /// Scopes and lifetimes.
    pub live: Arc<Live>,
    /// To be told what was revoked.
    pub directory: Arc<Directory>,
    /// Signs access tokens.
    pub signer: Arc<TokenSigner>,
    /// The issuer.
    pub issuer: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// How many passwords are hashed at once.
    pub hashing: Arc<Semaphore>,
    /// How often somebody may try to log in.
    pub throttle: Arc<Throttle>,
}

/// The places for password hashes under way at once.
#[must_use]
pub fn hashing() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(password::MAX_AT_ONCE))
}

/// The authorization server.
pub fn router(oauth: OAuth) -> Router {
    Router::new()
        .route("/oauth/authorize", get(authorize::show))
        .route("/oauth/login", post(login::submit))
        .route("/oauth/consent", post(consent::submit))
        .route("/oauth/token", post(token::endpoint::exchange))
        .route("/oauth/jwks", get(metadata::key_set))
        .route("/oauth/style.css", get(|| async { pages::style() }))
        .route("/.well-known/oauth-authorization-server", get(metadata::server))
        .with_state(oauth)
}
