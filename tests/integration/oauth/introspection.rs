//! Introspection (RFC 7662): who may ask, and what is told.

use serde_json::{Value, json};

use crate::support::dev::Dev;
use crate::support::http::{self, Answer, FORM, form};

fn ask_as(dev: &Dev, app: &str, token: &str) -> Answer {
    let (id, secret) = (format!("/{app}/client_id"), format!("/{app}/client_secret"));
    let fields = [("client_id", dev.told(&id)), ("client_secret", dev.told(&secret)), ("token", token)];
    http::request(dev.base(), "POST", "/oauth/introspect", &[FORM], &form(&fields))
}

#[track_caller]
fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

fn tokens(dev: &Dev, scope: &str) -> Value {
    let (code, redirect_uri) = (dev.code(0), dev.told("/app/redirect_uri"));
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", redirect_uri)];
    let first = dev.token_call(&fields).json();
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("scope", scope)];
    dev.token_call(&fields).json()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn g4_an_app_is_told_of_its_own_tokens_what_they_permit_now() {
    let dev = Dev::start();
    let tokens = tokens(&dev, "order:read catalog:read");
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let answer = told(&ask_as(&dev, "app", access));
    let merchant = dev.told("/merchants/0/id");
    for (name, expected) in [
        ("active", json!(true)),
        ("token_type", json!("Bearer")),
        ("client_id", json!(dev.told("/app/client_id"))),
        ("sub", json!(merchant)),
        ("iss", json!(dev.base())),
        ("aud", json!(dev.base())),
        ("acr", json!("urn:tollgate:acr:one-factor")),
    ] {
        assert_eq!(answer[name], expected, "{name} in {answer}");
    }
    let mut scopes: Vec<_> = text(&answer, "scope").split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["catalog:read", "order:read"]);
    let seconds = |name: &str| answer[name].as_i64().unwrap_or_else(|| panic!("no {name} in {answer}"));
    assert_eq!(seconds("exp") - seconds("iat"), tokens["expires_in"].as_i64().unwrap());
    assert!(seconds("auth_time") <= seconds("iat"));
    assert!(text(&answer, "jti").starts_with("tok_"));
    let answer = told(&ask_as(&dev, "app", refresh));
    assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!(merchant)));
    assert!(answer.get("token_type").is_none() && text(&answer, "scope").contains("order:write"));
    // What takes the tokens' ground away is seen at once.
    let path = format!("/admin/merchants/{merchant}/suspend");
    assert_eq!(dev.admin("POST", &path, "").status, 200);
    for token in [access, refresh] {
        assert_eq!(told(&ask_as(&dev, "app", token)), json!({"active": false}));
    }
    assert_eq!(dev.admin("POST", &path.replace("suspend", "resume"), "").status, 200);
    for token in [access, refresh] {
        assert_eq!(told(&ask_as(&dev, "app", token))["active"], true);
    }
    dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    let fields = form(&[
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
        ("token", refresh),
    ]);
    http::request(dev.base(), "POST", "/oauth/revoke", &[FORM], &fields);
    for token in [access, refresh] {
        assert_eq!(told(&ask_as(&dev, "app", token)), json!({"active": false}));
    }
}

#[test]
fn g4_a_resource_server_sees_the_access_tokens_of_all_apps() {
    let dev = Dev::start();
    let tokens = tokens(&dev, "order:read");
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let inactive = json!({"active": false});
    // A resource server sees the access tokens of all apps, and the refresh tokens of none.
    let path = format!("/admin/apps/{}/introspection", dev.told("/other_app/client_id"));
    assert_eq!(dev.admin("GET", &path, "").json()["of"], "own");
    assert_eq!(dev.admin("POST", &path, r#"{"of":"all"}"#).json()["of"], "all");
    let answer = told(&ask_as(&dev, "other_app", access));
    assert_eq!((&answer["active"], &answer["scope"]), (&json!(true), &json!("order:read")));
    assert_eq!(answer["client_id"], dev.told("/app/client_id"));
    assert_eq!(told(&ask_as(&dev, "other_app", refresh)), inactive);
    assert_eq!(dev.admin("POST", &path, r#"{"of":"own"}"#).json()["of"], "own");
    assert_eq!(told(&ask_as(&dev, "other_app", access)), inactive);
    assert_eq!(dev.admin("POST", &path, r#"{"of":"some"}"#).status, 422);
    let path = path.replace(dev.told("/other_app/client_id"), dev.told("/public_app/client_id"));
    assert_eq!(dev.admin("POST", &path, r#"{"of":"all"}"#).status, 409);
}
