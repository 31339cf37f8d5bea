//! Pushed authorization requests (RFC 9126): check P1, of which [`super::checks_p`] has the plain refusals.

use serde_json::json;

use crate::support::dev::{Dev, input, parameter};
use crate::support::dpop::{Holder, claims, now};
use crate::support::http::{self, Answer, FORM, form};
use crate::support::signer::Signer;

fn push(dev: &Dev, fields: &[(&str, &str)]) -> Answer {
    http::request(dev.base(), "POST", "/oauth/par", &[FORM], &form(fields))
}

/// A request of the first app, with its secret.
fn of_app<'a>(dev: &'a Dev, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
        ("response_type", "code"),
        ("redirect_uri", dev.told("/app/redirect_uri")),
        ("state", "a+b &"),
    ];
    fields.extend(more);
    fields
}

#[track_caller]
fn pushed(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["request_uri"].as_str().unwrap().to_owned()
}

/// What the browser is sent with.
fn query(dev: &Dev, request_uri: &str) -> String {
    form(&[("client_id", dev.told("/app/client_id")), ("request_uri", request_uri)])
}

#[track_caller]
fn assert_gone(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{why}: {}", answer.text());
    assert!(answer.text().contains("expired or was used"), "{why}: {}", answer.text());
}

#[test]
fn p1_a_pushed_request_is_gone_on_with_over_login_and_consent_and_used_once() {
    let dev = Dev::start();
    let answer = push(&dev, &of_app(&dev, &[("scope", "order:read")]));
    let request_uri = pushed(&answer);
    assert!(request_uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{request_uri}");
    let lifetime = answer.json()["expires_in"].as_u64().unwrap();
    assert!((5..=600).contains(&lifetime), "{lifetime}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // What the browser adds is passed over: nobody between changes a pushed request.
    let tampered = format!(
        "{}&scope=order%3Awrite&state=evil&redirect_uri=https://evil.example",
        query(&dev, &request_uri)
    );
    let location = dev.consent(&tampered, 0);
    assert!(location.starts_with(dev.told("/app/redirect_uri")), "{location}");
    assert_eq!(parameter(&location, "state").as_deref(), Some("a+b &"));
    assert_eq!(parameter(&location, "iss").as_deref(), Some(dev.base()));
    let code = parameter(&location, "code").unwrap();
    let redirect_uri = dev.told("/app/redirect_uri");
    let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", redirect_uri)];
    let token = dev.token_call(&grant);
    assert_eq!((token.status, token.json()["scope"].as_str()), (200, Some("order:read")), "{}", token.text());
    assert_gone(&dev.get(&format!("/oauth/authorize?{}", query(&dev, &request_uri)), &[]), "used");
}

#[test]
fn p1_a_reference_is_bound_to_its_app_and_nothing_else_is_one() {
    let dev = Dev::start();
    let request_uri = pushed(&push(&dev, &of_app(&dev, &[])));
    let authorize = |client_id: &str, request_uri: &str| {
        let query =
            form(&[("client_id", client_id), ("request_uri", request_uri), ("response_type", "code")]);
        dev.get(&format!("/oauth/authorize?{query}"), &[])
    };
    assert_gone(&authorize(dev.told("/other_app/client_id"), &request_uri), "another app");
    assert_gone(&authorize(dev.told("/public_app/client_id"), &request_uri), "a public app");
    let app = dev.told("/app/client_id");
    for (request_uri, why) in [
        ("urn:ietf:params:oauth:request_uri:guessed", "guessed"),
        ("https://app.example/request.jwt", "somewhere else"),
        (&*request_uri.to_uppercase(), "in other letters"),
    ] {
        assert_gone(&authorize(app, request_uri), why);
    }
    let twice = format!("{}&request_uri=x", query(&dev, &request_uri));
    assert_gone(&dev.get(&format!("/oauth/authorize?{twice}"), &[]), "two references");
    let unnamed = dev.get(&format!("/oauth/authorize?{}", form(&[("request_uri", &request_uri)])), &[]);
    assert_eq!((unnamed.status, unnamed.header("location")), (400, None));
    assert_eq!(authorize(app, &request_uri).status, 200, "still good for its own app");
}

#[test]
fn p1_a_merchant_that_says_no_uses_the_request_up() {
    let dev = Dev::start();
    let request_uri = pushed(&push(&dev, &of_app(&dev, &[])));
    let query = query(&dev, &request_uri);
    let (username, password) = (dev.told("/merchants/0/username"), dev.told("/merchants/0/password"));
    let login = form(&[("request", &query), ("username", username), ("password", password)]);
    let answer = http::request(dev.base(), "POST", "/oauth/login", &[FORM], &login);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = dev.get(answer.header("location").unwrap(), &[("Cookie", &cookie)]);
    let csrf = input(&page.text(), "csrf");
    let decide = |decision: &str| {
        let consent = form(&[("request", &query), ("csrf", &csrf), ("decision", decision)]);
        http::request(dev.base(), "POST", "/oauth/consent", &[FORM, ("Cookie", &cookie)], &consent)
    };
    let denied = decide("deny");
    let location = denied.header("location").unwrap();
    assert_eq!(parameter(location, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(location, "state").as_deref(), Some("a+b &"));
    assert_gone(&decide("allow"), "allowed after all");
    assert_gone(&decide("deny"), "denied again");
}

#[test]
fn p1_whoever_must_push_cannot_send_a_request_by_the_browser() {
    let dev = Dev::start();
    let id = dev.told("/app/client_id");
    let plain = format!("/oauth/authorize?client_id={id}&response_type=code&state=s");
    assert_eq!(dev.get(&plain, &[]).status, 200);
    let must = r#"{"require_pushed_authorization_requests":true}"#;
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{id}"), must).status, 200);
    let refused = dev.get_logged_in(&plain);
    let location = refused.header("location").unwrap();
    assert_eq!(parameter(location, "error").as_deref(), Some("invalid_request"));
    assert_eq!(parameter(location, "state").as_deref(), Some("s"));
    let request_uri = pushed(&push(&dev, &of_app(&dev, &[])));
    assert!(parameter(&dev.consent(&query(&dev, &request_uri), 0), "code").is_some());
    let other = format!("/oauth/authorize?client_id={}&response_type=code", dev.told("/other_app/client_id"));
    assert_eq!(dev.get(&other, &[]).status, 200, "the others may");
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    assert_eq!(metadata["require_pushed_authorization_requests"], false);
    assert_eq!(metadata["pushed_authorization_request_endpoint"], format!("{}/oauth/par", dev.base()));
}

#[test]
fn p1_a_platform_may_have_all_apps_push() {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("require_par: false", "require_par: true")).unwrap();
    });
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    let plain = format!("/oauth/authorize?client_id={}&response_type=code", dev.told("/app/client_id"));
    let refused = dev.get_logged_in(&plain);
    assert_eq!(parameter(refused.header("location").unwrap(), "error").as_deref(), Some("invalid_request"));
    let request_uri = pushed(&push(&dev, &of_app(&dev, &[])));
    assert!(parameter(&dev.consent(&query(&dev, &request_uri), 0), "code").is_some());
}

#[test]
fn p1_a_client_proves_itself_here_by_an_assertion_for_this_endpoint() {
    let dev = Dev::start();
    let (id, key) = (dev.told("/app/client_id"), Signer::new("ES256", "a"));
    let settings = json!({"jwks": {"keys": [key.jwk()]}, "token_endpoint_auth_methods": ["private_key_jwt"]});
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{id}"), &settings.to_string()).status, 200);
    let ask = |audience: &str, jti: &str| {
        let claims =
            json!({"iss": id, "sub": id, "aud": audience, "exp": now() + 60, "iat": now(), "jti": jti});
        let assertion = key.sign(&claims);
        push(
            &dev,
            &[
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion),
                ("response_type", "code"),
                ("redirect_uri", dev.told("/app/redirect_uri")),
            ],
        )
    };
    for (at, audience) in ["", "/oauth/token", "/oauth/par"].iter().enumerate() {
        let request_uri = pushed(&ask(&format!("{}{audience}", dev.base()), &at.to_string()));
        assert!(parameter(&dev.consent(&query(&dev, &request_uri), 0), "code").is_some(), "{audience}");
    }
    assert_eq!(ask(&format!("{}/oauth/par", dev.base()), "0").status, 401, "a jti that was used");
}

#[test]
fn p1_a_proof_of_possession_beside_it_binds_the_tokens_to_come() {
    let dev = Dev::start();
    let (holder, other) = (Holder::new(), Holder::new());
    let url = |path: &str| format!("{}{path}", dev.base());
    let with_proof = |path: &str, holder: &Holder, fields: &[(&str, &str)]| {
        let proof = holder.prove("POST", &url(path));
        http::request(dev.base(), "POST", path, &[FORM, ("DPoP", &proof)], &form(fields))
    };
    let request_uri = pushed(&with_proof("/oauth/par", &holder, &of_app(&dev, &[])));
    let code = parameter(&dev.consent(&query(&dev, &request_uri), 0), "code").unwrap();
    let exchange = [
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", dev.told("/app/redirect_uri")),
    ];
    let unbound = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&exchange));
    assert_eq!((unbound.status, unbound.json()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(with_proof("/oauth/token", &other, &exchange).status, 400, "another key");
    let token = with_proof("/oauth/token", &holder, &exchange);
    assert_eq!(token.json()["token_type"], "DPoP", "{}", token.text());
    let bound = claims(token.json()["access_token"].as_str().unwrap());
    assert_eq!(bound["cnf"]["jkt"], holder.thumbprint());
    let named = of_app(&dev, &[("dpop_jkt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]);
    let mismatch = with_proof("/oauth/par", &holder, &named);
    assert_eq!((mismatch.status, mismatch.json()["error"].as_str()), (400, Some("invalid_request")));
    let elsewhere = holder.prove("POST", &url("/oauth/token"));
    let headers = [FORM, ("DPoP", &*elsewhere)];
    let wrong = http::request(dev.base(), "POST", "/oauth/par", &headers, &form(&of_app(&dev, &[])));
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (400, Some("invalid_dpop_proof")));
}

#[test]
fn p1_a_pushed_request_outlives_a_kill_and_is_still_used_once() {
    let dev = Dev::start();
    let request_uri = pushed(&push(&dev, &of_app(&dev, &[])));
    let dev = dev.kill_and_restart();
    let query = query(&dev, &request_uri);
    assert!(parameter(&dev.consent(&query, 0), "code").is_some());
    let dev = dev.kill_and_restart();
    assert_gone(&dev.get(&format!("/oauth/authorize?{query}"), &[]), "used before the kill");
}

#[test]
fn p1_an_app_that_pushes_without_end_is_told_to_wait() {
    let dev = Dev::start();
    let request = of_app(&dev, &[]);
    let slowed = (0..5_000).map(|_| push(&dev, &request)).find(|answer| answer.status != 201);
    let slowed = slowed.expect("nobody is slowed");
    assert_eq!((slowed.status, slowed.json()["error"].as_str()), (429, Some("temporarily_unavailable")));
    assert!(slowed.header("retry-after").is_some());
    let other = [
        ("client_id", dev.told("/other_app/client_id")),
        ("client_secret", dev.told("/other_app/client_secret")),
        ("response_type", "code"),
    ];
    assert_eq!(push(&dev, &other).status, 201, "another app is not");
}

#[test]
fn p1_an_app_has_no_more_requests_waiting_than_may_and_none_for_ever() {
    const FILL: &str = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000) \
        insert into pushed_request (hash, app, request, created_at, expires_at) \
        select randomblob(32), app.id, 'x', 0, (unixepoch() + 200) * 1000000 from n, app";
    let dev = Dev::start();
    dev.tamper(FILL);
    let refused = push(&dev, &of_app(&dev, &[]));
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("300")), "{}", refused.text());
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    dev.tamper("update pushed_request set expires_at = 1");
    pushed(&push(&dev, &of_app(&dev, &[])));
}

#[test]
fn p1_who_says_to_be_an_app_that_anybody_can_be_shuts_out_nobody_else() {
    const FLOOD: &str = "with recursive n (i) as (select 0 union all select i + 1 from n where i < 1999) \
        insert into pushed_request (hash, app, request, created_at, expires_at, network) \
        select randomblob(32), app.id, 'x', 0, (unixepoch() + 200) * 1000000 + i, '192.0.2.' || (i % 6) from n, app";
    let dev = Dev::start();
    dev.tamper(FLOOD);
    let app = dev.told("/public_app/client_id");
    let request = [
        ("client_id", app),
        ("response_type", "code"),
        ("redirect_uri", dev.told("/public_app/redirect_uri")),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let request_uris: Vec<_> = (0..3).map(|_| pushed(&push(&dev, &request))).collect();
    for request_uri in request_uris {
        let query = form(&[("client_id", app), ("request_uri", &request_uri)]);
        assert_eq!(dev.get(&format!("/oauth/authorize?{query}"), &[]).status, 200);
    }
}
