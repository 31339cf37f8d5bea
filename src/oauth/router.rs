//! The endpoints, and what they share.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::set_header::SetResponseHeaderLayer;

use super::client_auth::KeySets;
use super::federation::provider::Federation;
use super::federation::{begin, callback};
use super::interaction::{DEVICE_ALLOWED, DEVICE_DENIED};
use super::last_uses::LastUses;
use super::observed::observe;
use super::second_factor::{login_step, page};
use super::throttle::Throttle;
use super::{
    apps, authorize, consent, device, device_authorization, error, introspect, key_revocation, login, logout,
    metadata, opened, pages, par, resource, revoke, token,
};
use crate::credential::access_token::TokenSigner;
use crate::credential::directory::Directory;
use crate::credential::dpop::Nonces;
use crate::credential::hasher::Hasher;
use crate::credential::sealing::SealingKey;
use crate::domain::door::Door;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::live::Live;
use crate::store::Store;
use crate::telemetry::oauth_counters::OAuthCounters;

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
    /// The nonces of proofs of possession.
    pub nonces: Arc<Nonces>,
    /// The issuer.
    pub issuer: String,
    /// Where clients find these endpoints that show certificates of their own.
    pub mutual_base: Option<String>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Hashes passwords.
    pub hasher: Arc<Hasher>,
    /// Keys of clients that were read lately.
    pub key_sets: Arc<KeySets>,
    /// Seals second factors.
    pub sealing: Arc<SealingKey>,
    /// How often somebody may try to log in.
    pub throttle: Arc<Throttle>,
    /// When secrets and sessions were last used, to be written down.
    pub last_uses: Arc<LastUses>,
    /// What became of calls and logins.
    pub counters: Arc<OAuthCounters>,
    /// The platform's own identity provider.
    pub federation: Arc<Federation>,
}

impl OAuth {
    /// By which address the world knows a door.
    #[must_use]
    pub fn base(&self, door: &Door) -> &str {
        match door {
            Door::Front => &self.issuer,
            Door::Machines(_) => self.mutual_base.as_ref().unwrap_or(&self.issuer),
        }
    }
}

/// The authorization server.
pub fn router(oauth: OAuth) -> Router {
    let router = endpoints();
    let router = match oauth.issuer.starts_with("https://") {
        // Whoever was here once comes by TLS, also by a link that says otherwise (RFC 6797).
        true => router.layer(SetResponseHeaderLayer::overriding(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        )),
        false => router,
    };
    // Last, so that it sees all answers.
    router.layer(from_fn_with_state(oauth.clone(), observe)).with_state(oauth)
}

fn endpoints() -> Router<OAuth> {
    Router::new()
        .route("/oauth/authorize", get(authorize::show))
        .route("/oauth/login", get(opened::apps).post(login::submit))
        .route("/oauth/federated", get(opened::apps).post(begin::submit))
        .route("/oauth/federated/callback", get(callback::show))
        .route("/oauth/login/code", get(login_step::show).post(login_step::submit))
        .route("/oauth/second_factor", get(page::show))
        .route("/oauth/second_factor/offer", get(opened::second_factor).post(page::offer))
        .route("/oauth/second_factor/confirm", get(opened::second_factor).post(page::confirm))
        .route("/oauth/second_factor/remove", get(opened::second_factor).post(page::remove))
        .route("/oauth/logout", get(opened::apps).post(logout::submit))
        .route("/oauth/consent", get(opened::by_itself).post(consent::submit))
        .route("/oauth/apps", get(apps::show))
        .route("/oauth/apps/revoke", get(opened::apps).post(apps::revoke))
        .route("/oauth/apps/sessions/end", get(opened::apps).post(apps::end_session))
        .route("/oauth/par", post(par::push))
        .route("/oauth/device_authorization", post(device_authorization::ask))
        .route("/oauth/device", get(device::show).post(device::answer))
        .route(DEVICE_ALLOWED, get(device::allowed))
        .route(DEVICE_DENIED, get(device::denied))
        .route("/oauth/token", post(token::endpoint::exchange))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/oauth/keys/revoke", post(key_revocation::revoke))
        .route("/oauth/introspect", post(introspect::introspect))
        .route("/oauth/jwks", get(metadata::key_set))
        .route("/oauth/style.css", get(|| async { pages::style() }))
        .route("/.well-known/oauth-authorization-server", get(metadata::server))
        .route("/.well-known/oauth-protected-resource", get(resource::metadata))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::method_not_allowed)
}
