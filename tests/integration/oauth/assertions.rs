//! `private_key_jwt` (RFC 7523), and what RFC 8725 warns of.

use serde_json::{Value, json};

use crate::support::dev::Dev;
use crate::support::dpop::now;
use crate::support::http::{self, Answer, FORM, form};
use crate::support::signer::Signer;

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// An app that proves itself by these keys.
fn app(dev: &Dev, keys: &[&Signer]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    let settings = json!({"jwks": {"keys": keys}, "token_endpoint_auth_methods": ["private_key_jwt"]});
    dev.register(&settings)["client_id"].as_str().unwrap().to_owned()
}

/// Claims that are right, of an assertion with that id.
fn claims(dev: &Dev, app: &str, jti: &str) -> Value {
    json!({"iss": app, "sub": app, "aud": dev.base(), "iat": now(), "exp": now() + 60, "jti": jti})
}

fn ask(dev: &Dev, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![GRANT, ("client_assertion_type", KIND), ("client_assertion", assertion)];
    fields.extend(more);
    http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&fields))
}

#[track_caller]
fn check(answer: &Answer, status: u16, error: Option<&str>, why: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, error), "{why}: {}", answer.text());
}

#[test]
fn an_assertion_by_each_algorithm_proves_its_app_once() {
    let dev = Dev::start();
    let keys = ["ES256", "EdDSA", "RS256", "PS256"].map(|algorithm| Signer::new(algorithm, algorithm));
    let app = app(&dev, &keys.each_ref());
    for (at, key) in keys.iter().enumerate() {
        let assertion = key.sign(&claims(&dev, &app, &format!("first {at}")));
        check(&ask(&dev, &assertion, &[]), 200, None, "right");
        check(&ask(&dev, &assertion, &[("client_id", &app)]), 401, Some("invalid_client"), "replayed");
    }
    let again = keys[0].sign(&claims(&dev, &app, "first 3"));
    check(&ask(&dev, &again, &[]), 401, Some("invalid_client"), "another assertion with a jti that was used");
    let token_endpoint = format!("{}/oauth/token", dev.base());
    for (at, audience) in [json!(token_endpoint), json!([dev.base()])].into_iter().enumerate() {
        let mut claims = claims(&dev, &app, &format!("aud {at}"));
        claims["aud"] = audience;
        check(&ask(&dev, &keys[0].sign(&claims), &[("client_id", &app)]), 200, None, "another right aud");
    }
}

#[test]
fn an_assertion_that_was_used_stays_used_after_a_kill() {
    let dev = Dev::start();
    let key = Signer::new("ES256", "a");
    let app = app(&dev, &[&key]);
    let mut claims = claims(&dev, &app, "once");
    claims["aud"] = json!(dev.base());
    check(&ask(&dev, &key.sign(&claims), &[]), 200, None, "right");
    let dev = dev.kill_and_restart();
    claims["aud"] = json!(dev.base());
    check(&ask(&dev, &key.sign(&claims), &[]), 401, Some("invalid_client"), "the same jti after the restart");
    claims["jti"] = json!("twice");
    check(&ask(&dev, &key.sign(&claims), &[]), 200, None, "another jti");
}

#[test]
fn rfc_8725_no_trick_with_alg_kid_or_claims_makes_an_assertion() {
    let dev = Dev::start();
    let (key, rsa) = (Signer::new("ES256", "a"), Signer::new("RS256", "b"));
    let (other, stranger) = (Signer::new("ES256", "o"), Signer::new("ES256", "a"));
    let app_id = app(&dev, &[&key, &rsa]);
    let other_app = app(&dev, &[&other]);
    let right = |jti: &str| claims(&dev, &app_id, jti);
    let with = |jti: &str, name: &str, value: Value| {
        let mut claims = right(jti);
        claims[name] = value;
        claims
    };
    let without = |jti: &str, name: &str| {
        let mut claims = right(jti);
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    // An HMAC by what everybody knows: the text of the public key.
    let hmac = {
        let unsigned = key.sign_as(&json!({"alg": "HS256", "kid": "b"}), &right("hmac"));
        let text = unsigned.rsplit_once('.').unwrap().0;
        let secret =
            aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, rsa.jwk().to_string().as_bytes());
        let tag = aws_lc_rs::hmac::sign(&secret, text.as_bytes());
        use base64::Engine;
        format!("{text}.{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag.as_ref()))
    };
    let unsigned = |header: Value| {
        let signed = key.sign_as(&header, &right("none"));
        format!("{}.", signed.rsplit_once('.').unwrap().0)
    };
    for (why, assertion) in [
        ("alg none", unsigned(json!({"alg": "none"}))),
        ("alg None with a kid", unsigned(json!({"alg": "None", "kid": "a"}))),
        ("no signature", unsigned(json!({"alg": "ES256", "kid": "a"}))),
        ("HS256 with the public key", hmac),
        ("the kid of another key", key.sign_as(&json!({"alg": "ES256", "kid": "b"}), &right("1"))),
        ("the alg of another key", key.sign_as(&json!({"alg": "RS256", "kid": "a"}), &right("2"))),
        ("PS256 of what RS256 signed", rsa.sign_as(&json!({"alg": "PS256", "kid": "b"}), &right("3"))),
        ("an unknown kid", key.sign_as(&json!({"alg": "ES256", "kid": "c"}), &right("4"))),
        ("no kid among several keys", key.sign_as(&json!({"alg": "ES256"}), &right("5"))),
        ("a kid that is a path", key.sign_as(&json!({"alg": "ES256", "kid": "../../dev/null"}), &right("6"))),
        ("a kid that is SQL", key.sign_as(&json!({"alg": "ES256", "kid": "' or 1=1 --"}), &right("7"))),
        (
            "a key that comes along",
            stranger.sign_as(&json!({"alg": "ES256", "kid": "a", "jwk": stranger.jwk()}), &right("8")),
        ),
        (
            "a key that is somewhere",
            stranger.sign_as(
                &json!({"alg": "ES256", "kid": "a", "jku": format!("{}/oauth/jwks", dev.base())}),
                &right("9"),
            ),
        ),
        ("a stranger's key", stranger.sign(&right("10"))),
        ("another client's key", other.sign(&right("11"))),
        (
            "a critical extension",
            key.sign_as(&json!({"alg": "ES256", "kid": "a", "crit": ["x"]}), &right("12")),
        ),
        ("another iss", key.sign(&with("13", "iss", json!(other_app)))),
        ("another sub", key.sign(&with("14", "sub", json!(other_app)))),
        ("another aud", key.sign(&with("15", "aud", json!("https://other.example")))),
        (
            "an aud that begins alike",
            key.sign(&with("16", "aud", json!(format!("{}.evil.example", dev.base())))),
        ),
        ("several aud", key.sign(&with("17", "aud", json!([dev.base(), "https://other.example"])))),
        (
            "the aud of another endpoint",
            key.sign(&with("18", "aud", json!(format!("{}/oauth/par", dev.base())))),
        ),
        ("expired", key.sign(&with("19", "exp", json!(now() - 31)))),
        ("an exp far ahead", key.sign(&with("20", "exp", json!(now() + 7200)))),
        ("a nbf ahead", key.sign(&with("21", "nbf", json!(now() + 120)))),
        ("an iat ahead", key.sign(&with("22", "iat", json!(now() + 120)))),
        ("no exp", key.sign(&without("23", "exp"))),
        ("no jti", key.sign(&without("24", "jti"))),
        ("no aud", key.sign(&without("25", "aud"))),
        ("no iss", key.sign(&without("26", "iss"))),
        ("an empty jti", key.sign(&right(""))),
        ("no JWT", "a.b.c".to_owned()),
    ] {
        check(&ask(&dev, &assertion, &[]), 401, Some("invalid_client"), why);
    }
    check(&ask(&dev, &key.sign(&right("last")), &[]), 200, None, "right after all");
}

#[test]
fn a_client_proves_itself_in_the_one_way_that_it_registered() {
    let dev = Dev::start();
    let key = Signer::new("EdDSA", "a");
    let app = app(&dev, &[&key]);
    let assertion = |jti: &str| key.sign(&claims(&dev, &app, jti));
    check(&ask(&dev, &assertion("1"), &[("client_secret", "x")]), 400, Some("invalid_request"), "two ways");
    check(
        &ask(&dev, &assertion("2"), &[("client_id", "other")]),
        400,
        Some("invalid_request"),
        "another client_id",
    );
    let untyped = form(&[GRANT, ("client_assertion", &assertion("3"))]);
    let untyped = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &untyped);
    check(&untyped, 400, Some("invalid_request"), "no type");
    let saml = [
        GRANT,
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
        ("client_assertion", &assertion("4")),
    ];
    let saml = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&saml));
    check(&saml, 401, Some("invalid_client"), "another type");
    let by_secret = [GRANT, ("client_id", &app), ("client_secret", "tgs_x")];
    let by_secret = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&by_secret));
    check(&by_secret, 401, Some("invalid_client"), "by a secret that it has not");
    let alone =
        http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&[GRANT, ("client_id", &app)]));
    check(&alone, 401, Some("invalid_client"), "by its word");
    // An app with a secret cannot be proved by a key that it has beside it until it says so.
    let id = dev.told("/app/client_id");
    let keys = json!({"jwks": {"keys": [key.jwk()]}}).to_string();
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{id}"), &keys).status, 200);
    let of_app = |jti: &str| key.sign(&claims(&dev, id, jti));
    check(&ask(&dev, &of_app("5"), &[]), 401, Some("invalid_client"), "not registered for it");
    let methods = r#"{"token_endpoint_auth_methods":["client_secret_basic","private_key_jwt"]}"#;
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{id}"), methods).status, 200);
    check(&ask(&dev, &of_app("6"), &[]), 200, None, "registered for it");
    let post = dev.token_call(&[GRANT]);
    check(&post, 401, Some("invalid_client"), "client_secret_post was taken from it");
}

#[test]
fn a_changed_key_is_in_force_at_once() {
    let dev = Dev::start();
    let (old, new) = (Signer::new("ES256", "a"), Signer::new("ES256", "a"));
    let app = app(&dev, &[&old]);
    check(&ask(&dev, &old.sign(&claims(&dev, &app, "1")), &[]), 200, None, "the old key");
    let keys = json!({"jwks": {"keys": [new.jwk()]}}).to_string();
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{app}"), &keys).status, 200);
    check(&ask(&dev, &old.sign(&claims(&dev, &app, "2")), &[]), 401, Some("invalid_client"), "taken back");
    check(&ask(&dev, &new.sign(&claims(&dev, &app, "3")), &[]), 200, None, "the new key");
}
