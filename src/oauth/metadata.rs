//! What clients can find out by themselves: the key set (RFC 7517) and the server's metadata (RFC 8414).

use axum::Json;
use axum::extract::State;
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

/// `GET /oauth/jwks`.
pub async fn key_set(State(oauth): State<OAuth>) -> Json<Value> {
    Json(oauth.signer.key_set(oauth.clock.now()))
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
    });
}
