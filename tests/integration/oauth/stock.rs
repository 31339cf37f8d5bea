//! Clients as programs have them, unchanged: the crates `oauth2` and `jsonwebtoken`, Authlib, Requests-OAuthlib, openid-client and oauth4webapi.

use std::convert::Infallible;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    HttpRequest, HttpResponse, IntrospectionUrl, PkceCodeChallenge, RedirectUrl, Scope,
    StandardDeviceAuthorizationResponse, TokenIntrospectionResponse, TokenResponse, TokenUrl,
};

use serde_json::{Value, json};

use crate::support::clients::outside;
use crate::support::dev::{Dev, parameter};
use crate::support::http;

/// Sends what the crate wants sent.
fn send(request: HttpRequest) -> Result<HttpResponse, Infallible> {
    let address = format!("http://{}", request.uri().authority().unwrap());
    let headers: Vec<(&str, &str)> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let body = String::from_utf8(request.body().clone()).unwrap();
    let path = request.uri().path_and_query().unwrap().as_str();
    let answer = http::request(&address, request.method().as_str(), path, &headers, &body);
    let mut response = ::http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(answer.body).unwrap())
}

#[test]
fn the_crate_jsonwebtoken_takes_an_access_token_by_the_published_keys() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    let keys: JwkSet = serde_json::from_slice(&dev.get("/oauth/jwks", &[]).body).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut expected = Validation::new(header.alg);
    expected.set_issuer(&[metadata["issuer"].as_str().unwrap()]);
    expected.set_audience(&[metadata["issuer"].as_str().unwrap()]);
    expected.set_required_spec_claims(&["iss", "exp", "aud", "sub"]);
    let claims = jsonwebtoken::decode::<Value>(token, &key, &expected).unwrap().claims;
    assert_eq!(claims["client_id"], dev.told("/app/client_id"));
    expected.set_audience(&["https://api.example"]);
    assert!(jsonwebtoken::decode::<Value>(token, &key, &expected).is_err());
}

#[test]
fn the_crate_oauth2_gets_refreshes_and_revokes_tokens() {
    let dev = Dev::start();
    let url = |path: &str| format!("{}{path}", dev.base());
    let client = BasicClient::new(ClientId::new(dev.told("/app/client_id").to_owned()))
        .set_client_secret(ClientSecret::new(dev.told("/app/client_secret").to_owned()))
        .set_auth_uri(AuthUrl::new(url("/oauth/authorize")).unwrap())
        .set_token_uri(TokenUrl::new(url("/oauth/token")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(url("/oauth/introspect")).unwrap())
        .set_redirect_uri(RedirectUrl::new(dev.told("/app/redirect_uri").to_owned()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (asked, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("order:read".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let back = dev.consent(asked.query().unwrap(), 0);
    assert_eq!(parameter(&back, "state").as_deref(), Some(state.secret().as_str()));
    let code = AuthorizationCode::new(parameter(&back, "code").unwrap());
    let tokens = client.exchange_code(code).set_pkce_verifier(verifier).request(&send).unwrap();
    assert_eq!(*tokens.token_type(), BasicTokenType::Bearer);
    assert_eq!(tokens.scopes().unwrap(), &[Scope::new("order:read".to_owned())]);
    let bearer = format!("Bearer {}", tokens.access_token().secret());
    assert_eq!(dev.get("/api/orders", &[("Authorization", &bearer)]).status, 200);
    let fresh = client.exchange_refresh_token(tokens.refresh_token().unwrap()).request(&send).unwrap();
    let told = client.introspect(fresh.access_token()).request(&send).unwrap();
    assert!(told.active());
    // The crate revokes by https alone, so what it would send is sent by hand.
    let fields = [
        ("token", fresh.refresh_token().unwrap().secret().as_str()),
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
    ];
    let revoked = http::request(dev.base(), "POST", "/oauth/revoke", &[http::FORM], &http::form(&fields));
    assert_eq!(revoked.status, 200);
    assert!(!client.introspect(fresh.access_token()).request(&send).unwrap().active());
    let own = client.exchange_client_credentials().request(&send).unwrap();
    assert!(own.refresh_token().is_none());
    assert_eq!(*own.token_type(), BasicTokenType::Bearer);
}

#[test]
fn the_crate_oauth2_lets_a_device_in() {
    let dev = Dev::start();
    let url = |path: &str| format!("{}{path}", dev.base());
    let partner = dev.admin("POST", "/admin/partners", r#"{"name":"Outside"}"#).json();
    let app = json!({
        "partner": partner["id"],
        "name": "Television",
        "kind": "public",
        "scopes": ["order:read"],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    });
    let app = dev.admin("POST", "/admin/apps", &app.to_string()).json();
    let client = BasicClient::new(ClientId::new(app["client_id"].as_str().unwrap().to_owned()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(TokenUrl::new(url("/oauth/token")).unwrap())
        .set_device_authorization_url(
            DeviceAuthorizationUrl::new(url("/oauth/device_authorization")).unwrap(),
        );
    let begun: StandardDeviceAuthorizationResponse = client.exchange_device_code().request(&send).unwrap();
    assert!(begun.verification_uri_complete().is_some());
    outside("merchant.py", &dev, &[begun.verification_uri_complete().unwrap().secret()]);
    let tokens =
        client.exchange_device_access_token(&begun).request(&send, std::thread::sleep, None).unwrap();
    assert!(tokens.refresh_token().is_some());
}

#[test]
fn the_clients_of_python_programs_get_what_they_ask_for() {
    outside("python_clients.py", &Dev::start(), &[]);
}

#[test]
fn the_clients_of_node_programs_get_what_they_ask_for() {
    outside("node_clients.mjs", &Dev::start(), &[]);
}
