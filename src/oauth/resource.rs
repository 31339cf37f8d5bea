//! The API as a protected resource: its metadata (RFC 9728), and the name by which an app asks for a token for it (RFC 8707).

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::router::OAuth;
use crate::credential::jwk::Algorithm;

/// `GET /.well-known/oauth-protected-resource`.
pub async fn metadata(State(oauth): State<OAuth>) -> Json<Value> {
    let snapshot = oauth.live.load();
    let mut scopes: Vec<&str> = snapshot.scopes.keys().map(|scope| scope.as_str()).collect();
    scopes.sort_unstable();
    Json(json!({
        "resource": oauth.issuer,
        "resource_name": snapshot.platform.name,
        "authorization_servers": [oauth.issuer],
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": Algorithm::NAMES,
        "dpop_bound_access_tokens_required": false,
        "tls_client_certificate_bound_access_tokens": oauth.mutual_base.is_some(),
    }))
}

/// Whether the resources that a request names, if it names any, are this API: there is no other that its tokens are for.
#[must_use]
pub fn is_ours(oauth: &OAuth, parameters: &Parameters) -> bool {
    let is_ours = |resource: &String| resource.strip_suffix('/').unwrap_or(resource) == oauth.issuer;
    parameters.resources().iter().all(is_ours)
}
