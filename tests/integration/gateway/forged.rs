//! Access tokens that nobody signed who may: check G3 of the list as an attacker sees it, and the attacks of RFC 8725.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::dev::Dev;
use crate::support::dpop::{Holder, claims, encode};

fn part(value: &Value) -> String {
    encode(value.to_string().as_bytes())
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

#[test]
fn g3_a_token_that_this_platform_did_not_sign_as_its_own_proves_nothing() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let orders =
        |token: &str| dev.get("/api/orders", &[("Authorization", &format!("Bearer {token}"))]).status;
    assert_eq!(orders(token), 200);
    let (head, payload) = (header(token), claims(token));
    assert_eq!(head["typ"], "at+jwt");
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert!(payload.get(name).is_some(), "no {name} in {payload}");
    }
    let kid = head["kid"].as_str().unwrap();
    let keys = dev.get("/oauth/jwks", &[]).json();
    let all = keys["keys"].as_array().unwrap();
    let jwk = all.iter().find(|key| key["kid"] == kid).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let signed_by_none =
        |head: &Value, signature: &str| format!("{}.{}.{signature}", part(head), part(&payload));
    let mut forged: Vec<(String, String)> = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let head = with(head.clone(), json!({"alg": alg}));
        forged.push((format!("alg {alg:?}"), signed_by_none(&head, "")));
        forged.push((format!("alg {alg:?} with the signature"), signed_by_none(&head, signature)));
    }
    // The public key taken for a secret one.
    let coordinates = ["x", "y"].map(|name| jwk[name].as_str().unwrap_or_default());
    let point = coordinates.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap_or_default()).concat();
    for secret in
        [point.clone(), [&[4], &*point].concat(), jwk.to_string().into_bytes(), kid.into(), Vec::new()]
    {
        for alg in ["HS256", "ES256"] {
            let text = format!("{}.{}", part(&with(head.clone(), json!({"alg": alg}))), part(&payload));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes());
            forged.push((format!("{alg} by the public key"), format!("{text}.{}", encode(tag.as_ref()))));
        }
    }
    // A key of the attacker's, however it is offered.
    let thief = Holder::new();
    let own = |changes| thief.sign_raw(&with(head.clone(), changes), &payload);
    for (why, changes) in [
        ("our kid", json!({})),
        ("a jwk", json!({"jwk": thief.jwk()})),
        ("a jwk and no kid", json!({"jwk": thief.jwk(), "kid": null})),
        ("a jku", json!({"jku": "https://evil.example/jwks.json"})),
        ("an x5u", json!({"x5u": "https://evil.example/chain.pem"})),
        ("a path for a kid", json!({"kid": "../../../../dev/null"})),
        ("a statement for a kid", json!({"kid": "' union select 'x' --"})),
        ("an empty kid", json!({"kid": ""})),
        ("a list for a kid", json!({"kid": [kid]})),
    ] {
        forged.push((why.to_owned(), own(changes)));
    }
    // Our signature under something else.
    for (why, changes) in [
        ("another type", json!({"typ": "JWT"})),
        ("no type", json!({"typ": null})),
        ("a proof's type", json!({"typ": "dpop+jwt"})),
        ("crit", json!({"crit": ["exp"]})),
        ("b64", json!({"b64": false, "crit": ["b64"]})),
    ] {
        forged.push((why.to_owned(), signed_by_none(&with(head.clone(), changes), signature)));
    }
    for changes in [
        json!({"scope": "catalog:write order:pii"}),
        json!({"merchant": dev.told("/merchants/1/id")}),
        json!({"exp": 9_999_999_999_u64}),
        json!({"client_id": dev.told("/other_app/client_id")}),
    ] {
        let text = format!("{}.{}.{signature}", part(&head), part(&with(payload.clone(), changes.clone())));
        forged.push((changes.to_string(), text));
    }
    let rest = token.rsplit_once('.').unwrap().0;
    for (why, signature) in [
        ("no signature", String::new()),
        ("zeros", encode(&[0; 64])),
        ("half", signature[..43].to_owned()),
        ("twice", format!("{signature}{signature}")),
        ("padded", format!("{signature}==")),
    ] {
        forged.push((why.to_owned(), format!("{rest}.{signature}")));
    }
    forged.push(("five parts".to_owned(), format!("{token}.x.y")));
    forged.push(("two parts".to_owned(), rest.to_owned()));
    for (why, text) in &forged {
        let status = orders(text);
        // So many guesses of one network are looked at, and no more.
        assert!(status == 401 || status == 429, "{why}: {status}");
    }
    assert_eq!(orders(token), 200, "who guesses keeps nobody out that is known");
}
