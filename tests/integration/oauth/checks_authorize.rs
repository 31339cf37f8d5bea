//! The authorization endpoint, check by check: A1 to A7 and A9. A8 stands with the pages.

use serde_json::json;

use crate::support::dev::{Dev, input, parameter};
use crate::support::http::{self, Answer, FORM, form};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn authorize(dev: &Dev, fields: &[(&str, &str)]) -> Answer {
    dev.get(&format!("/oauth/authorize?{}", form(fields)), &[])
}

fn change(dev: &Dev, settings: &serde_json::Value) {
    let answer =
        dev.admin("PATCH", &format!("/admin/apps/{}", dev.told("/app/client_id")), &settings.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[track_caller]
fn assert_page(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{why}: {}", answer.text());
    assert!(answer.text().starts_with("<!doctype html>"), "{why}");
}

#[track_caller]
fn assert_error(answer: &Answer, error: &str, why: &str) {
    let location = answer.header("location").unwrap_or_else(|| panic!("{why}: {}", answer.text()));
    assert_eq!(parameter(location, "error").as_deref(), Some(error), "{why}");
}

#[test]
fn a1_a_redirect_uri_is_one_that_is_registered_to_the_letter() {
    let dev = Dev::start();
    change(&dev, &json!({"redirect_uris": ["https://shop.example/cb", "http://127.0.0.1:9999/callback"]}));
    let ask = |uri: &str| {
        authorize(
            &dev,
            &[("client_id", dev.told("/app/client_id")), ("response_type", "code"), ("redirect_uri", uri)],
        )
    };
    for uri in [
        "https://shop.example/cb",
        "http://127.0.0.1:9999/callback",
        "http://127.0.0.1:1234/callback",
        "http://127.0.0.1/callback",
    ] {
        assert_eq!(ask(uri).status, 200, "{uri}");
    }
    for uri in [
        "https://shop.example/cb/",
        "https://shop.example/cb?x=1",
        "https://shop.example/cb#x",
        "https://shop.example/CB",
        "https://SHOP.example/cb",
        "https://www.shop.example/cb",
        "https://shop.example.evil.example/cb",
        "https://shop.example@evil.example/cb",
        "https://shop.example:443/cb",
        "https://shop.example/cb/../evil",
        "https://shop.example/%63b",
        "http://shop.example/cb",
        "//shop.example/cb",
        "http://localhost:9999/callback",
        "http://127.0.0.1:9999/callback/../evil",
        "http://127.0.0.1:9999@evil.example/callback",
        "javascript:alert(1)",
    ] {
        assert_page(&ask(uri), uri);
    }
}

#[test]
fn a2_a_redirect_uri_is_absolute_without_fragment_and_named_if_there_are_several() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    for uri in ["/cb", "shop.example/cb", "https://shop.example/cb#part", "https:///cb", ""] {
        let body = json!({ "redirect_uris": [uri] }).to_string();
        assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{id}"), &body).status, 422, "{uri}");
    }
    let unnamed = [("client_id", id), ("response_type", "code")];
    assert_eq!(authorize(&dev, &unnamed).status, 200, "the only one");
    change(&dev, &json!({"redirect_uris": ["https://a.example/cb", "https://b.example/cb"]}));
    assert_page(&authorize(&dev, &unnamed), "which one?");
    change(&dev, &json!({ "redirect_uris": [] }));
    assert_page(&authorize(&dev, &unnamed), "none");
}

#[test]
fn a3_an_unknown_client_or_redirect_uri_is_told_to_the_user_and_never_redirected() {
    let dev = Dev::start();
    let (id, uri) = (dev.told("/app/client_id"), dev.told("/app/redirect_uri"));
    for fields in [
        vec![("response_type", "code"), ("redirect_uri", uri)],
        vec![("client_id", "nobody"), ("response_type", "code"), ("redirect_uri", uri)],
        vec![("client_id", ""), ("response_type", "code"), ("redirect_uri", uri)],
        vec![("client_id", id), ("redirect_uri", "https://evil.example/"), ("response_type", "token")],
        vec![("client_id", id), ("client_id", id), ("redirect_uri", uri)],
        vec![("client_id", id), ("redirect_uri", uri), ("redirect_uri", "https://evil.example/")],
    ] {
        assert_page(&authorize(&dev, &fields), &form(&fields));
    }
    assert_eq!(dev.admin("POST", &format!("/admin/apps/{id}/suspend"), "").status, 200);
    assert_page(&authorize(&dev, &[("client_id", id), ("response_type", "code")]), "suspended");
}

#[test]
fn a4_neither_an_implicit_nor_a_password_grant_is_served() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    for response_type in ["token", "id_token", "code token", "none", "Code"] {
        let answer = authorize(&dev, &[("client_id", id), ("response_type", response_type)]);
        assert_error(&answer, "unsupported_response_type", response_type);
    }
    let password = dev.token_call(&[("grant_type", "password"), ("username", "a"), ("password", "b")]);
    assert_eq!((password.status, password.json()["error"].as_str()), (400, Some("unsupported_grant_type")));
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert!(!metadata["grant_types_supported"].to_string().contains("password"));
}

#[test]
fn a5_pkce_is_s256_and_asked_of_public_apps_and_of_those_that_must() {
    let dev = Dev::start();
    let (app, public) = (dev.told("/app/client_id"), dev.told("/public_app/client_id"));
    let ask = |id: &str, more: &[(&str, &str)]| {
        let mut fields = vec![("client_id", id), ("response_type", "code")];
        fields.extend(more);
        authorize(&dev, &fields)
    };
    let s256 = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    assert_eq!((ask(public, &s256).status, ask(app, &s256).status), (200, 200));
    assert_eq!(ask(app, &[]).status, 200, "a confidential app may leave it out");
    for (id, fields, why) in [
        (public, &[][..], "a public app without it"),
        (app, &[("code_challenge", CHALLENGE)], "no method means plain"),
        (app, &[("code_challenge", CHALLENGE), ("code_challenge_method", "plain")], "plain"),
        (app, &[("code_challenge", CHALLENGE), ("code_challenge_method", "s256")], "an unknown method"),
        (app, &[("code_challenge_method", "S256")], "no challenge"),
        (app, &[("code_challenge", "short"), ("code_challenge_method", "S256")], "a short challenge"),
        (
            app,
            &[
                ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"),
                ("code_challenge_method", "S256"),
            ],
            "another alphabet",
        ),
    ] {
        assert_error(&ask(id, fields), "invalid_request", why);
    }
    change(&dev, &json!({"requires_pkce": true}));
    assert_error(&ask(app, &[]), "invalid_request", "the app must");
    assert_eq!(ask(app, &s256).status, 200);
}

#[test]
fn a6_parameters_come_once_an_empty_one_is_none_and_an_unknown_one_is_passed_over() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    let base = vec![("client_id", id), ("response_type", "code")];
    let with = |more: &[(&'static str, &'static str)]| {
        let mut fields = base.clone();
        fields.extend(more);
        authorize(&dev, &fields)
    };
    for name in ["scope", "state", "response_type", "code_challenge", "anything"] {
        let answer = with(&[(name, "a"), (name, "b")]);
        assert_error(&answer, "invalid_request", name);
    }
    for more in [&[("scope", ""), ("state", "")][..], &[("code_challenge", "")], &[("nonsense", "x")]] {
        assert_eq!(with(more).status, 200, "{more:?}");
    }
    let page = dev.get(&format!("/oauth/authorize?{}", form(&base)), &[("Origin", "https://evil.example")]);
    assert_eq!((page.status, page.header("access-control-allow-origin")), (200, None));
    let preflight = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")];
    let preflight = http::request(dev.base(), "OPTIONS", "/oauth/authorize", &preflight, "");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, None));
}

#[test]
fn a7_state_comes_back_byte_for_byte_and_the_issuer_with_it() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["issuer"], dev.base());
    for state in ["a+b c&=%/?#é中", " ", "x".repeat(1000).as_str(), "a=b&code=evil&iss=evil"] {
        let good = form(&[("client_id", id), ("response_type", "code"), ("state", state)]);
        let bad = form(&[("client_id", id), ("response_type", "token"), ("state", state)]);
        let (good, bad) = (dev.consent(&good, 0), dev.get(&format!("/oauth/authorize?{bad}"), &[]));
        for location in [good.as_str(), bad.header("location").unwrap()] {
            assert_eq!(parameter(location, "state").as_deref(), Some(state), "{location}");
            assert_eq!(parameter(location, "iss").as_deref(), Some(dev.base()), "{location}");
        }
        assert!(parameter(&good, "code").is_some_and(|code| code != "evil"), "{good}");
    }
    let without = dev.consent(&form(&[("client_id", id), ("response_type", "code")]), 0);
    assert_eq!(parameter(&without, "state"), None);
}

#[test]
fn a9_an_app_is_told_by_the_codes_of_rfc_6749_what_is_wrong() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    let ask = |more: &[(&str, &str)]| {
        let mut fields = vec![("client_id", id), ("state", "s")];
        fields.extend(more);
        authorize(&dev, &fields)
    };
    for (fields, error) in [
        (&[][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code"), ("scope", "catalog:write")], "invalid_scope"),
        (&[("response_type", "code"), ("scope", "no such")], "invalid_scope"),
        (&[("response_type", "code"), ("scope", "\"")], "invalid_scope"),
    ] {
        let answer = ask(fields);
        assert_eq!(answer.status, 303);
        assert_error(&answer, error, &format!("{fields:?}"));
        let location = answer.header("location").unwrap();
        assert!(parameter(location, "error_description").is_some_and(|text| text.is_ascii()), "{location}");
    }
    let query = form(&[("client_id", id), ("response_type", "code")]);
    let (username, password) = (dev.told("/merchants/0/username"), dev.told("/merchants/0/password"));
    let login = form(&[("request", &query), ("username", username), ("password", password)]);
    let answer = http::request(dev.base(), "POST", "/oauth/login", &[FORM], &login);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
    let page = dev.get(answer.header("location").unwrap(), &[("Cookie", cookie)]);
    let denied = form(&[("request", &query), ("csrf", &input(&page.text(), "csrf")), ("decision", "deny")]);
    let denied = http::request(dev.base(), "POST", "/oauth/consent", &[FORM, ("Cookie", cookie)], &denied);
    assert_error(&denied, "access_denied", "the merchant said no");
    change(&dev, &json!({"grant_types": ["client_credentials"]}));
    assert_error(&ask(&[("response_type", "code")]), "unauthorized_client", "not registered for codes");
}

#[test]
fn a_pkce_downgrade_gets_no_token() {
    let dev = Dev::start();
    let (id, uri) = (dev.told("/app/client_id"), dev.told("/app/redirect_uri"));
    let code = |more: &[(&str, &str)]| {
        let mut fields = vec![("client_id", id), ("response_type", "code"), ("redirect_uri", uri)];
        fields.extend(more);
        parameter(&dev.consent(&form(&fields), 0), "code").unwrap()
    };
    let exchange = |code: &str, verifier: Option<&str>| {
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", uri)];
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = dev.token_call(&fields);
        (answer.status, answer.json()["error"].as_str().map(str::to_owned))
    };
    let refused = |error: &str| (400, Some(error.to_owned()));
    // Who takes the challenge out of the request on its way has the app's own verifier give him away.
    assert_eq!(exchange(&code(&[]), Some(VERIFIER)), refused("invalid_request"));
    // Who injects a code that was asked for with a challenge has no verifier.
    let bound = code(&[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    assert_eq!(exchange(&bound, None), refused("invalid_grant"));
    assert_eq!(exchange(&bound, Some(CHALLENGE)), refused("invalid_grant"), "the challenge is no verifier");
    assert_eq!(exchange(&bound, Some(VERIFIER)), (200, None), "and none of it spoils the code");
}
