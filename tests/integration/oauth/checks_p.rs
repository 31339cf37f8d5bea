//! The list P: pushed requests, proofs of possession, metadata. P1 has more in [`super::par`], P2, proofs at the API, is in
//! [`crate::gateway`], P3 has more there and in [`super::dpop`], all of P4 is in [`super::certificates`], and P6 has more in
//! [`super::step_up`].

use serde_json::{Value, json};

use super::table::Expected::{Refused, Status, ToApp, Token};
use super::table::{Expected, Table};
use crate::support::dev::Dev;
use crate::support::dpop::{Holder, encode, now};
use crate::support::http::{self, Answer, FORM, form};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const INVALID_REQUEST: Expected<'_> = Refused(400, "invalid_request");
const INVALID_CLIENT: Expected<'_> = Refused(401, "invalid_client");
const INVALID_PROOF: Expected<'_> = Refused(400, "invalid_dpop_proof");
const API: &str = "/api/products";

#[test]
fn checks_p() {
    let dev = Dev::start();
    let mut table = Table::default();
    p1(&dev, &mut table);
    p3(&dev, &mut table);
    p5(&dev, &mut table);
    p6(&dev, &mut table);
    table.end(&["P1", "P3", "P5", "P6"]);
}

fn post(dev: &Dev, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
    http::request(dev.base(), "POST", path, &[&[FORM], headers].concat(), &form(fields))
}

/// How the first app proves itself.
fn app(dev: &Dev) -> [(&str, &str); 2] {
    [("client_id", dev.told("/app/client_id")), ("client_secret", dev.told("/app/client_secret"))]
}

fn p1(dev: &Dev, table: &mut Table) {
    let uri = ("redirect_uri", dev.told("/app/redirect_uri"));
    let code = ("response_type", "code");
    let s256 = [
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let [id, _] = app(dev);
    let push = |fields: &[(&str, &str)]| post(dev, "/oauth/par", &[], fields);
    let by_app = |more: &[(&str, &str)]| push(&[&app(dev), more].concat());
    let public = [
        ("client_id", dev.told("/public_app/client_id")),
        ("redirect_uri", dev.told("/public_app/redirect_uri")),
        code,
    ];
    let long = "order:read ".repeat(1000);
    let reference = ("request_uri", "urn:ietf:params:oauth:request_uri:x");
    for (name, answer, expected) in [
        ("P1 no client", push(&[code]), INVALID_CLIENT),
        ("P1 no proof", push(&[id, code]), INVALID_CLIENT),
        ("P1 a wrong secret", push(&[id, ("client_secret", "x"), code]), INVALID_CLIENT),
        ("P1 a request_uri", by_app(&[uri, code, reference]), INVALID_REQUEST),
        ("P1 a parameter twice", by_app(&[uri, code, ("state", "a"), ("state", "b")]), INVALID_REQUEST),
        (
            "P1 a scope beyond",
            by_app(&[uri, code, ("scope", "catalog:write")]),
            Refused(400, "invalid_scope"),
        ),
        ("P1 plain", by_app(&[uri, code, s256[0], ("code_challenge_method", "plain")]), INVALID_REQUEST),
        ("P1 no response_type", by_app(&[uri]), INVALID_REQUEST),
        (
            "P1 an implicit grant",
            by_app(&[uri, ("response_type", "token")]),
            Refused(400, "unsupported_response_type"),
        ),
        (
            "P1 a redirect_uri that is not registered",
            by_app(&[("redirect_uri", "https://evil.example/cb"), code]),
            INVALID_REQUEST,
        ),
        ("P1 a public app without PKCE", push(&public), INVALID_REQUEST),
        ("P1 a public app with PKCE", push(&[&public[..], &s256].concat()), Status(201)),
        ("P1 a long request", by_app(&[uri, code, ("scope", &long)]), INVALID_REQUEST),
        ("P1 GET", dev.get("/oauth/par", &[]), Status(405)),
        (
            "P1 a body beyond bounds",
            http::request(dev.base(), "POST", "/oauth/par", &[FORM], &"a=b&".repeat(20_000)),
            Status(413),
        ),
        (
            "P1 a body that is no form",
            http::request(dev.base(), "POST", "/oauth/par", &[("Content-Type", "application/json")], "{}"),
            INVALID_REQUEST,
        ),
    ] {
        table.row(name, &answer, expected);
    }
    let pushed = by_app(&[uri, code]);
    table.row("P1 a request", &pushed, Status(201));
    let (request_uri, lifetime) = (&pushed.json()["request_uri"], pushed.json()["expires_in"].as_u64());
    let is_reference = request_uri.as_str().unwrap().starts_with("urn:ietf:params:oauth:request_uri:");
    table.equal("P1 its reference", is_reference, true);
    table.equal("P1 its life", lifetime.is_some_and(|seconds| (5..=600).contains(&seconds)), true);
    table.equal("P1 nobody keeps it", pushed.header("cache-control"), Some("no-store"));
}

/// What is wrong with a proof: `sign` makes one with these changes of its header and of its claims.
fn wrong_proofs(holder: &Holder, sign: &dyn Fn(Value, Value) -> String) -> Vec<(&'static str, String)> {
    let thief = Holder::new();
    let mut private = holder.jwk();
    private["d"] = json!("AAAA");
    let mut off_curve = holder.jwk();
    off_curve["y"] = off_curve["x"].clone();
    let good = sign(json!({}), json!({}));
    let parts: Vec<_> = good.split('.').collect();
    let none = encode(json!({"typ": "dpop+jwt", "alg": "none", "jwk": holder.jwk()}).to_string().as_bytes());
    vec![
        ("no JWT", "x".to_owned()),
        ("empty", String::new()),
        ("two JWTs", format!("{good}, {good}")),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("alg none", format!("{none}.{}.", parts[1])),
        ("alg HS256", sign(json!({"alg": "HS256"}), json!({}))),
        ("another alg than the key's", sign(json!({"alg": "RS256"}), json!({}))),
        ("another typ", sign(json!({"typ": "at+jwt"}), json!({}))),
        ("no typ", sign(json!({"typ": null}), json!({}))),
        ("crit", sign(json!({"crit": ["b64"], "b64": false}), json!({}))),
        ("a private key", sign(json!({"jwk": private}), json!({}))),
        ("a secret key", sign(json!({"jwk": {"kty": "oct", "k": "AA"}}), json!({}))),
        ("a point off the curve", sign(json!({"jwk": off_curve}), json!({}))),
        ("another's key", sign(json!({"jwk": thief.jwk()}), json!({}))),
        ("no key", sign(json!({"jwk": null}), json!({}))),
        ("another htm", sign(json!({}), json!({"htm": "PATCH"}))),
        ("another path", sign(json!({}), json!({"htu": "http://127.0.0.1/else"}))),
        ("another host", sign(json!({}), json!({"htu": "https://evil.example/oauth/token"}))),
        ("old", sign(json!({}), json!({"iat": now() - 70}))),
        ("from the future", sign(json!({}), json!({"iat": now() + 60}))),
        ("no jti", sign(json!({}), json!({"jti": ""}))),
    ]
}

/// A proof by `holder` of a request, with a header and claims that are changed so.
fn changed(holder: &Holder, request: (&str, &str), (header, claims): (Value, Value)) -> String {
    let mut all = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.jwk()});
    for (name, value) in header.as_object().unwrap() {
        all[name] = value.clone();
    }
    holder.sign(&all, request, claims)
}

fn token(dev: &Dev, proofs: &[&str]) -> Answer {
    let headers: Vec<_> = proofs.iter().map(|proof| ("DPoP", *proof)).collect();
    post(dev, "/oauth/token", &headers, &[&app(dev)[..], &[GRANT]].concat())
}

/// Proofs at the token endpoint.
fn p3(dev: &Dev, table: &mut Table) {
    let holder = Holder::new();
    let url = format!("{}/oauth/token", dev.base());
    let sign = |header: Value, claims: Value| changed(&holder, ("POST", &url), (header, claims));
    for (name, proof) in wrong_proofs(&holder, &sign) {
        table.row(&format!("P3 {name}"), &token(dev, &[&proof]), INVALID_PROOF);
    }
    let good = holder.prove("POST", &url);
    table.row("P3 two fields", &token(dev, &[&good, &good]), INVALID_PROOF);
    let bound = token(dev, &[&good]);
    table.row("P3 what was refused is not spent", &bound, Token);
    table.equal("P3 token_type", &bound.json()["token_type"], "DPoP");
    table.row("P3 the same once more", &token(dev, &[&good]), INVALID_PROOF);
    let host = dev.base().to_uppercase().replace("HTTP", "http");
    let normalised = holder.prove("POST", &format!("{host}/oauth/%74oken?a=b#c"));
    table.row("P3 htu is normalised", &token(dev, &[&normalised]), Token);
    let access = bound.json()["access_token"].as_str().unwrap().to_owned();
    let as_bearer = dev.get(API, &[("Authorization", &format!("Bearer {access}"))]);
    table.row("P3 a bound token as Bearer", &as_bearer, Status(401));
    let must = dev.register(&json!({"dpop_bound_access_tokens": true}));
    let text = |name: &str| must[name].as_str().unwrap();
    let fields = [GRANT, ("client_id", text("client_id")), ("client_secret", text("client_secret"))];
    table.row("P3 an app that must, without", &post(dev, "/oauth/token", &[], &fields), INVALID_PROOF);
    let proof = holder.prove("POST", &url);
    table.row("P3 an app that must, with", &post(dev, "/oauth/token", &[("DPoP", &proof)], &fields), Token);
}

fn p5(dev: &Dev, table: &mut Table) {
    let document = dev.get("/.well-known/oauth-authorization-server", &[]);
    table.equal("P5 JSON", document.header("content-type"), Some("application/json"));
    let document = document.json();
    table.equal("P5 issuer", &document["issuer"], dev.base());
    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("jwks_uri", "jwks"),
        ("revocation_endpoint", "revoke"),
        ("introspection_endpoint", "introspect"),
        ("pushed_authorization_request_endpoint", "par"),
        ("device_authorization_endpoint", "device_authorization"),
    ] {
        let expected = format!("{}/oauth/{path}", dev.base());
        table.equal(&format!("P5 {name}"), &document[name], &*expected);
    }
    let secret_or_key = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    let anyhow = json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]);
    for (name, expected) in [
        ("response_types_supported", &json!(["code"])),
        ("code_challenge_methods_supported", &json!(["S256"])),
        ("token_endpoint_auth_methods_supported", &anyhow),
        ("revocation_endpoint_auth_methods_supported", &anyhow),
        ("introspection_endpoint_auth_methods_supported", &secret_or_key),
        ("require_pushed_authorization_requests", &json!(false)),
    ] {
        table.equal(&format!("P5 {name}"), &document[name], expected);
    }
    let has = |name: &str, value: &str| document[name].as_array().unwrap().contains(&json!(value));
    for grant in ["authorization_code", "refresh_token", "client_credentials"] {
        table.equal(&format!("P5 the grant {grant}"), has("grant_types_supported", grant), true);
    }
    for (name, value, expected) in [
        ("dpop_signing_alg_values_supported", "ES256", true),
        ("dpop_signing_alg_values_supported", "none", false),
        ("dpop_signing_alg_values_supported", "HS256", false),
        ("token_endpoint_auth_signing_alg_values_supported", "none", false),
    ] {
        table.equal(&format!("P5 {name}: {value}"), has(name, value), expected);
    }
    let keys = dev.get("/oauth/jwks", &[]).json();
    table.equal("P5 the key set", &keys["keys"][0]["alg"], "ES256");
    table.equal("P5 no private key", keys["keys"][0].get("d"), None::<&Value>);
}

fn p6(dev: &Dev, table: &mut Table) {
    let metadata = dev.get("/.well-known/oauth-protected-resource", &[]);
    table.row("P6 metadata of the resource", &metadata, Status(200));
    let metadata = metadata.json();
    for (name, expected) in [
        ("resource", json!(dev.base())),
        ("authorization_servers", json!([dev.base()])),
        ("bearer_methods_supported", json!(["header"])),
    ] {
        table.equal(&format!("P6 {name}"), &metadata[name], &expected);
    }
    for (name, value) in [("scopes_supported", "order:read"), ("dpop_signing_alg_values_supported", "ES256")]
    {
        let has = metadata[name].as_array().is_some_and(|all| all.contains(&json!(value)));
        table.equal(&format!("P6 {name}: {value}"), has, true);
    }
    let (ours, with_slash) = (("resource", dev.base()), format!("{}/", dev.base()));
    let foreign = ("resource", "https://other.example");
    let refused = Refused(400, "invalid_target");
    for (name, fields, expected) in [
        ("P6 this API", &[ours][..], Token),
        ("P6 this API, a slash more", &[("resource", &*with_slash)], Token),
        ("P6 this API twice", &[ours, ours], Token),
        ("P6 no resource", &[], Token),
        ("P6 another API", &[foreign], refused),
        ("P6 another API beside it", &[ours, foreign], refused),
        ("P6 a path", &[("resource", "/api")], refused),
    ] {
        let answer = dev.token_call(&[&[GRANT, ("scope", "catalog:read")], fields].concat());
        table.row(name, &answer, expected);
    }
    let query = format!("/oauth/authorize?client_id={}&response_type=code", dev.told("/app/client_id"));
    let page = dev.get(&format!("{query}&resource={}", dev.base()), &[]);
    table.row("P6 a code for this API", &page, Status(200));
    let other = dev.get_logged_in(&format!("{query}&resource=https://other.example"));
    table.row("P6 a code for another API", &other, ToApp("invalid_target"));
}
