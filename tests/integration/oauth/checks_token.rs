//! The token endpoint, check by check: T3 to T6.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::dev::{Dev, parameter};
use crate::support::http::{self, Answer, FORM, form};

const CHALLENGE: [(&str, &str); 2] =
    [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn code(dev: &Dev, more: &[(&str, &str)]) -> String {
    let mut fields = vec![("client_id", dev.told("/app/client_id")), ("response_type", "code")];
    fields.extend(more);
    parameter(&dev.consent(&form(&fields), 0), "code").unwrap()
}

fn exchange(dev: &Dev, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("grant_type", "authorization_code"), ("code", code)];
    fields.extend(more);
    dev.token_call(&fields)
}

#[track_caller]
fn check(answer: &Answer, status: u16, error: Option<&str>, why: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, error), "{why}: {}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{why}");
}

#[test]
fn t3_a_verifier_comes_exactly_if_there_was_a_challenge() {
    let dev = Dev::start();
    let plain = code(&dev, &[]);
    let with_verifier = exchange(&dev, &plain, &[("code_verifier", VERIFIER)]);
    check(&with_verifier, 400, Some("invalid_request"), "a verifier without a challenge");
    check(&exchange(&dev, &plain, &[]), 200, None, "neither");
    let bound = code(&dev, &CHALLENGE);
    let (long, odd) = ("x".repeat(129), format!("{}!", &VERIFIER[1..]));
    for (verifier, why) in [
        (None, "no verifier"),
        (Some(&VERIFIER[1..]), "42 characters"),
        (Some(&*long), "129 characters"),
        (Some(&*odd), "another alphabet"),
        (Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "another verifier"),
    ] {
        let fields: Vec<_> = verifier.map(|verifier| ("code_verifier", verifier)).into_iter().collect();
        check(&exchange(&dev, &bound, &fields), 400, Some("invalid_grant"), why);
    }
    check(&exchange(&dev, &bound, &[("code_verifier", VERIFIER)]), 200, None, "the right one");
    let (earlier, bound) = (code(&dev, &[]), code(&dev, &CHALLENGE));
    let path = format!("/admin/apps/{}", dev.told("/app/client_id"));
    assert_eq!(dev.admin("PATCH", &path, r#"{"requires_pkce": true}"#).status, 200);
    for fields in [&[][..], &[("code_verifier", VERIFIER)]] {
        check(&exchange(&dev, &earlier, fields), 400, Some("invalid_grant"), "PKCE is required by now");
    }
    check(&exchange(&dev, &bound, &[("code_verifier", VERIFIER)]), 200, None, "it has it");
}

#[test]
fn t4_a_redirect_uri_that_is_sent_is_the_one_of_the_request() {
    let dev = Dev::start();
    let uri = dev.told("/app/redirect_uri");
    let named = || code(&dev, &[("redirect_uri", uri)]);
    let one = named();
    for (wrong, why) in [
        ("http://127.0.0.1:9999/callback/", "a slash more"),
        ("http://127.0.0.1:1234/callback", "another port"),
        ("https://evil.example/", "another place"),
    ] {
        check(&exchange(&dev, &one, &[("redirect_uri", wrong)]), 400, Some("invalid_grant"), why);
    }
    check(&exchange(&dev, &one, &[]), 400, Some("invalid_grant"), "without PKCE it is what binds the code");
    check(&exchange(&dev, &one, &[("redirect_uri", uri)]), 200, None, "the same");
    let fields = [("redirect_uri", uri), CHALLENGE[0], CHALLENGE[1]];
    let by_challenge = exchange(&dev, &code(&dev, &fields), &[("code_verifier", VERIFIER)]);
    check(&by_challenge, 200, None, "with PKCE it is not needed (OAuth 2.1)");
    let unnamed = code(&dev, &[]);
    check(&exchange(&dev, &unnamed, &[("redirect_uri", uri)]), 200, None, "the only one that there is");
}

#[test]
fn t5_a_client_proves_itself_by_post_in_one_way_and_never_in_the_address() {
    let dev = Dev::start();
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let call = |path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]| {
        let mut all = vec![FORM];
        all.extend(headers);
        http::request(dev.base(), "POST", path, &all, &form(fields))
    };
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let encoded = form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('_', "%5F");
    let (right, escaped) = (basic(id, secret), basic(&encoded, &secret.replace("tgs_", "tgs%5F")));
    let in_form = [GRANT, ("client_id", id), ("client_secret", secret)];
    check(&call("/oauth/token", &[], &in_form), 200, None, "in the form");
    check(&call("/oauth/token", &[("Authorization", &right)], &[GRANT]), 200, None, "by Basic");
    check(&call("/oauth/token", &[("Authorization", &escaped)], &[GRANT]), 200, None, "encoded first");
    let twice = call("/oauth/token", &[("Authorization", &right)], &in_form);
    check(&twice, 400, Some("invalid_request"), "both ways");
    let address = format!("/oauth/token?{}", form(&[("client_id", id), ("client_secret", secret)]));
    check(&call(&address, &[], &[GRANT]), 401, Some("invalid_client"), "in the address");
    for method in ["GET", "PUT", "DELETE"] {
        let path = format!("/oauth/token?{}", form(&in_form));
        let answer = http::request(dev.base(), method, &path, &[], "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    let json = [("Content-Type", "application/json"), ("Authorization", &*right)];
    let json =
        http::request(dev.base(), "POST", "/oauth/token", &json, r#"{"grant_type":"client_credentials"}"#);
    check(&json, 400, Some("invalid_request"), "a body that is no form");
    let guesses = (0..400).map(|_| call("/oauth/token", &[("Authorization", &basic(id, "guess"))], &[GRANT]));
    assert!(guesses.into_iter().any(|answer| answer.status == 429), "nobody is slowed");
}

#[test]
fn t6_errors_are_those_of_rfc_6749() {
    let dev = Dev::start();
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let call = |headers: &[(&str, &str)], fields: &[(&str, &str)]| {
        let mut all = vec![FORM];
        all.extend(headers);
        http::request(dev.base(), "POST", "/oauth/token", &all, &form(fields))
    };
    let wrong = format!("Basic {}", STANDARD.encode(format!("{id}:wrong")));
    let by_basic = call(&[("Authorization", &wrong)], &[GRANT]);
    check(&by_basic, 401, Some("invalid_client"), "by Basic");
    assert!(by_basic.header("www-authenticate").unwrap().starts_with("Basic realm="));
    for (fields, why) in [
        (vec![GRANT, ("client_id", id), ("client_secret", "wrong")], "a wrong secret"),
        (vec![GRANT, ("client_id", "nobody"), ("client_secret", secret)], "an unknown client"),
        (vec![GRANT, ("client_id", id)], "no secret"),
        (
            vec![GRANT, ("client_id", dev.told("/public_app/client_id")), ("client_secret", "x")],
            "a public app's",
        ),
    ] {
        check(&call(&[], &fields), 401, Some("invalid_client"), why);
    }
    let used = code(&dev, &[]);
    check(&exchange(&dev, &used, &[]), 200, None, "right");
    let others = code(&dev, &[]);
    let by_other = form(&[
        ("grant_type", "authorization_code"),
        ("code", &others),
        ("client_id", dev.told("/other_app/client_id")),
        ("client_secret", dev.told("/other_app/client_secret")),
    ]);
    let by_other = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &by_other);
    for (answer, error, why) in [
        (exchange(&dev, &used, &[]), "invalid_grant", "a used code"),
        (exchange(&dev, "tgc_unknown", &[]), "invalid_grant", "an unknown code"),
        (by_other, "invalid_grant", "another client's code"),
        (dev.token_call(&[("grant_type", "authorization_code")]), "invalid_request", "no code"),
        (dev.token_call(&[("grant_type", "refresh_token")]), "invalid_request", "no refresh token"),
        (
            dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", "tgr_unknown")]),
            "invalid_grant",
            "an unknown refresh token",
        ),
        (dev.token_call(&[]), "invalid_request", "no grant type"),
        (dev.token_call(&[GRANT, GRANT]), "invalid_request", "a parameter twice"),
        (dev.token_call(&[("grant_type", "password")]), "unsupported_grant_type", "a password"),
        (
            dev.token_call(&[("grant_type", "Client_Credentials")]),
            "unsupported_grant_type",
            "in other letters",
        ),
        (dev.token_call(&[GRANT, ("scope", "catalog:write")]), "invalid_scope", "a scope beyond"),
        (
            call(&[], &[GRANT, ("client_id", dev.told("/public_app/client_id"))]),
            "unauthorized_client",
            "a public app for itself",
        ),
    ] {
        check(&answer, 400, Some(error), why);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{why}");
    }
    let settings = r#"{"grant_types":["authorization_code"]}"#;
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{id}"), settings).status, 200);
    check(&dev.token_call(&[GRANT]), 400, Some("unauthorized_client"), "not registered for it");
    let without_refresh = exchange(&dev, &code(&dev, &[]), &[]);
    check(&without_refresh, 200, None, "registered for it");
    assert!(without_refresh.json().get("refresh_token").is_none(), "{}", without_refresh.text());
}
