//! JWTs of one kind that are shown as another, and keys that prove nothing (RFC 8725, section 3). Access tokens that nobody
//! signed who may are in [`crate::gateway`], client assertions in [`super::super::assertions`], proofs in
//! [`super::super::checks_p`], and ID tokens in [`super::super::federation`].

use serde_json::{Value, json};

use crate::oauth::table::Expected::{Refused, Status, Token};
use crate::oauth::table::Table;
use crate::support::dev::Dev;
use crate::support::dpop::{Holder, encode, now};
use crate::support::http::{self, FORM, form};
use crate::support::signer::Signer;

fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

/// A JWT of each kind, each right, where another kind is asked for (RFC 8725, section 3.12). One key signs all that an app signs.
#[test]
fn rfc_8725_no_kind_of_jwt_passes_for_another() {
    let dev = Dev::start();
    let mut table = Table::default();
    let (key, holder) = (Signer::new("ES256", "a"), Holder::new());
    let app = dev.register(&json!({
        "token_endpoint_auth_methods": ["private_key_jwt"], "jwks": {"keys": [key.jwk(), with(holder.jwk(), json!({"kid": "b"}))]},
    }));
    let id = app["client_id"].as_str().unwrap();
    let url = format!("{}/oauth/token", dev.base());
    let claims = |jti: &str| json!({"iss": id, "sub": id, "aud": dev.base(), "iat": now(), "exp": now() + 60, "jti": jti});
    let by_assertion = |assertion: &str, proof: &[(&str, &str)]| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", kind),
            ("client_assertion", assertion),
            ("client_id", id),
        ];
        http::request(dev.base(), "POST", "/oauth/token", &[&[FORM], proof].concat(), &form(&fields))
    };
    let right = by_assertion(&key.sign(&claims("right")), &[]);
    table.row("8725-3.12 an assertion", &right, Token);
    let access = right.json()["access_token"].as_str().unwrap().to_owned();
    let invalid = Refused(401, "invalid_client");
    // A proof that says all that an assertion says.
    let proof = holder.sign_raw(
        &json!({"typ": "dpop+jwt", "alg": "ES256", "kid": "b", "jwk": holder.jwk()}),
        &with(claims("proof"), json!({"htm": "POST", "htu": url})),
    );
    let typed = |typ: &str, jti: &str| {
        key.sign_as(
            &json!({"alg": "ES256", "kid": "a", "typ": typ}),
            &with(claims(jti), json!({"client_id": id})),
        )
    };
    for (name, assertion) in [
        ("8725-3.12 an access token as an assertion", access.clone()),
        ("8725-3.12 a proof as an assertion", proof.clone()),
        ("8725-3.12 an access token of the app's own making, as an assertion", typed("at+jwt", "own")),
        ("8725-3.12 a request object as an assertion", typed("oauth-authz-req+jwt", "object")),
        ("8725-3.12 a logout token as an assertion", typed("logout+jwt", "logout")),
    ] {
        table.row(name, &by_assertion(&assertion, &[]), invalid);
    }
    table.row(
        "8725-3.11 an assertion by its type",
        &by_assertion(&typed("client-authentication+jwt", "typed"), &[]),
        Token,
    );
    table.row(
        "8725-3.11 the proof, as one",
        &by_assertion(&key.sign(&claims("with")), &[("DPoP", &proof)]),
        Token,
    );
    let assertion = key.sign(&claims("unused"));
    for (name, proof) in
        [("8725-3.12 an access token as a proof", &access), ("8725-3.12 an assertion as a proof", &assertion)]
    {
        let answer = by_assertion(&key.sign(&claims(name)), &[("DPoP", proof)]);
        table.row(name, &answer, Refused(400, "invalid_dpop_proof"));
    }
    let encrypted = json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF", "typ": "at+jwt"}).to_string();
    let encrypted = format!("{}.x.y.z.w", encode(encrypted.as_bytes()));
    let not_text = format!("{}.{}.{}", encode(b"{\"typ\":\"\xff\"}"), encode(b"{}"), encode(&[1; 64]));
    for (name, token) in [
        ("8725-3.6 an access token that is encrypted and compressed", &encrypted),
        ("8725-3.7 an access token that is no UTF-8", &not_text),
        ("8725-3.12 an assertion as an access token", &assertion),
        ("8725-3.12 a proof as an access token", &proof),
        ("8725-3.12 an access token of the app's own making", &typed("at+jwt", "own")),
    ] {
        for scheme in ["Bearer", "DPoP"] {
            let answer = dev.get("/api/products", &[("Authorization", &format!("{scheme} {token}"))]);
            table.row(&format!("{name}, {scheme}"), &answer, Status(401));
        }
    }
    table.row("8725-3.12 nothing of it spoils the assertion", &by_assertion(&assertion, &[]), Token);
    weak_keys(&dev, id, &mut table);
    table.end(&["8725-3.4", "8725-3.5", "8725-3.6", "8725-3.7", "8725-3.11", "8725-3.12"]);
}

/// Keys that prove nothing are not registered.
fn weak_keys(dev: &Dev, app: &str, table: &mut Table) {
    let point = Holder::new().jwk();
    let n = |bytes: usize| encode(&[vec![0x81], vec![1; bytes - 1]].concat());
    let (weak, strong) = (n(128), n(256));
    for (name, key, status) in [
        ("8725-3.4 a point off the curve", with(point.clone(), json!({"y": point["x"]})), 422),
        (
            "8725-3.4 a point at infinity",
            with(point.clone(), json!({"x": encode(&[0; 32]), "y": encode(&[0; 32])})),
            422,
        ),
        ("8725-3.4 half a point", with(point.clone(), json!({"y": null})), 422),
        ("8725-3.5 RSA of 1024 bits", json!({"kty": "RSA", "n": weak, "e": "AQAB"}), 422),
        ("8725-3.5 a secret", json!({"kty": "oct", "k": "c2VjcmV0"}), 422),
        ("8725-3.5 RSA of 2048 bits", json!({"kty": "RSA", "n": strong, "e": "AQAB"}), 200),
        ("8725-3.4 a point", point, 200),
    ] {
        let body = json!({"jwks": {"keys": [key]}}).to_string();
        table.row(name, &dev.admin("PATCH", &format!("/admin/apps/{app}"), &body), Status(status));
    }
}
