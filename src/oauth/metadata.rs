//! What clients can find out by themselves: the key set (RFC 7517) and the server's metadata (RFC 8414).

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::router::OAuth;
use crate::credential::jwk::Algorithm;
use crate::domain::authentication::AuthenticationClass;
use crate::domain::client::{AuthMethod, GrantType};

/// How clients may prove themselves that connect by certificates of their own.
const BY_CERTIFICATE: [AuthMethod; 2] = [AuthMethod::Tls, AuthMethod::SelfSignedTls];
/// How clients may prove themselves anywhere.
const AUTH_METHODS: [AuthMethod; 4] =
    [AuthMethod::SecretBasic, AuthMethod::SecretPost, AuthMethod::PrivateKeyJwt, AuthMethod::None];

/// For how long a client may keep the key set, at most.
const KEYS_KEPT_FOR: Duration = Duration::from_secs(3600);

/// `GET /oauth/jwks`. A key is published for longer than an answer may be kept before it signs.
pub async fn key_set(State(oauth): State<OAuth>) -> Response {
    let kept_for = (oauth.live.load().platform.signing_keys.overlap / 2).min(KEYS_KEPT_FOR);
    let caching = format!("public, max-age={}", kept_for.as_secs());
    ([(header::CACHE_CONTROL, caching)], Json(oauth.signer.key_set(oauth.clock.now()))).into_response()
}

/// `GET /.well-known/oauth-authorization-server`.
pub async fn server(State(oauth): State<OAuth>) -> Json<Value> {
    let issuer = &oauth.issuer;
    let snapshot = oauth.live.load();
    let mut scopes: Vec<&str> = snapshot.scopes.keys().map(|scope| scope.as_str()).collect();
    scopes.sort_unstable();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "device_authorization_endpoint": format!("{issuer}/oauth/device_authorization"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "pushed_authorization_request_endpoint": format!("{issuer}/oauth/par"),
        "require_pushed_authorization_requests": snapshot.platform.requires_par,
        "jwks_uri": format!("{issuer}/oauth/jwks"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "request_parameter_supported": false,
        // That of a request that was pushed is taken nevertheless (RFC 9126, section 5).
        "request_uri_parameter_supported": false,
        "grant_types_supported": GrantType::ALL.map(GrantType::name),
        "token_endpoint_auth_methods_supported": AUTH_METHODS.map(AuthMethod::name),
        "token_endpoint_auth_signing_alg_values_supported": Algorithm::NAMES,
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": AuthenticationClass::ALL.map(AuthenticationClass::name),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "dpop_signing_alg_values_supported": Algorithm::NAMES,
        "authorization_response_iss_parameter_supported": true,
        "ui_locales_supported": ["en", "zh"],
    });
    add_token_endpoints(&mut document, issuer);
    if let Some(base) = &oauth.mutual_base {
        add_mutual(&mut document, base);
    }
    Json(document)
}

/// What there is for clients that show certificates of their own (RFC 8705, sections 3.3 and 5).
fn add_mutual(document: &mut Value, base: &str) {
    let methods: Vec<&str> = AUTH_METHODS.into_iter().chain(BY_CERTIFICATE).map(AuthMethod::name).collect();
    document["token_endpoint_auth_methods_supported"] = json!(methods);
    document["tls_client_certificate_bound_access_tokens"] = json!(true);
    document["mtls_endpoint_aliases"] = json!({
        "token_endpoint": format!("{base}/oauth/token"),
        "pushed_authorization_request_endpoint": format!("{base}/oauth/par"),
        "device_authorization_endpoint": format!("{base}/oauth/device_authorization"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "introspection_endpoint": format!("{base}/oauth/introspect"),
    });
}

/// Revocation and introspection: clients prove themselves there as they do at the token endpoint, but who cannot prove itself may
/// ask about no token (RFC 7662, section 2.1).
fn add_token_endpoints(document: &mut Value, issuer: &str) {
    let methods = document["token_endpoint_auth_methods_supported"].as_array().cloned().unwrap_or_default();
    let proving: Vec<_> = methods.iter().filter(|method| *method != "none").cloned().collect();
    document["revocation_endpoint"] = json!(format!("{issuer}/oauth/revoke"));
    document["revocation_endpoint_auth_methods_supported"] = json!(methods);
    document["introspection_endpoint"] = json!(format!("{issuer}/oauth/introspect"));
    document["introspection_endpoint_auth_methods_supported"] = json!(proving);
}
