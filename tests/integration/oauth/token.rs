//! The token endpoint: one use, families, clients.

use crate::support::dev::{Dev, wait_for};
use crate::support::http::{self, Answer, FORM, form};

fn error(answer: &Answer) -> String {
    answer.json()["error"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

fn exchange(dev: &Dev, code: &str) -> Answer {
    let redirect_uri = dev.told("/app/redirect_uri");
    dev.token_call(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)])
}

fn refresh(dev: &Dev, token: &str) -> Answer {
    dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn refresh_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["refresh_token"].as_str().unwrap().to_owned()
}

fn orders(dev: &Dev, answer: &Answer) -> u16 {
    let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    dev.get("/api/orders", &[("Authorization", &bearer)]).status
}

#[test]
fn a_naive_web_app_without_state_pkce_and_scope_gets_a_token_that_works() {
    let dev = Dev::start();
    let answer = exchange(&dev, &dev.code(0));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert!(answer.json()["expires_in"].is_number());
    assert_eq!(orders(&dev, &answer), 200);
}

#[test]
fn a_code_works_once_and_a_second_use_revokes_what_it_gave() {
    let dev = Dev::start();
    let code = dev.code(0);
    let first = exchange(&dev, &code);
    assert_eq!(orders(&dev, &first), 200);
    assert_eq!(error(&exchange(&dev, &code)), "invalid_grant");
    assert_eq!(orders(&dev, &first), 401);
    assert_eq!(error(&refresh(&dev, &refresh_token(&first))), "invalid_grant");
}

#[test]
fn a_code_gives_nothing_while_its_merchant_is_suspended_or_once_its_grant_is_taken_back() {
    let dev = Dev::start();
    let (first, second) = (dev.code(0), dev.code(0));
    let change = |path: &str| {
        let changed = dev.admin("POST", path, "");
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    let merchant = dev.told("/merchants/0/id");
    change(&format!("/admin/merchants/{merchant}/suspend"));
    let refused = exchange(&dev, &first);
    assert_eq!(error(&refused), "invalid_grant");
    assert!(refused.text().contains("the merchant is suspended"), "{}", refused.text());
    change(&format!("/admin/merchants/{merchant}/resume"));
    assert_eq!(orders(&dev, &exchange(&dev, &first)), 200);

    let grants = dev.admin("GET", &format!("/admin/grants?merchant={merchant}"), "").json();
    change(&format!("/admin/grants/{}/revoke", grants["items"][0]["id"].as_str().unwrap()));
    assert_eq!(error(&exchange(&dev, &second)), "invalid_grant");
}

#[test]
fn a_second_use_is_a_replay_also_after_the_code_would_have_expired() {
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("code_lifetime: 60s", "code_lifetime: 1s")).unwrap();
    });
    let mut used = String::new();
    let mut first = String::new();
    // However slow this machine is just now.
    wait_for("an exchange in time", || {
        used = dev.code(0);
        let answer = exchange(&dev, &used);
        let is_in_time = answer.status == 200;
        if is_in_time {
            first = refresh_token(&answer);
        }
        is_in_time
    });
    let later = dev.code(0);
    wait_for("a later code to expire", || {
        let answer =
            dev.token_call(&[("grant_type", "authorization_code"), ("code", &later), ("code_verifier", "x")]);
        answer.text().contains("expired")
    });
    assert_eq!(error(&exchange(&dev, &used)), "invalid_grant");
    assert_eq!(error(&refresh(&dev, &first)), "invalid_grant");
}

#[test]
fn who_refreshes_without_end_is_told_to_wait_and_keeps_the_family() {
    let dev = Dev::start();
    let token = refresh_token(&exchange(&dev, &dev.code(0)));
    let mut last = refresh(&dev, &token);
    for _ in 0..400 {
        if last.status != 200 {
            break;
        }
        last = refresh(&dev, &token);
    }
    assert_eq!((last.status, error(&last).as_str()), (429, "temporarily_unavailable"));
    assert!(last.header("retry-after").is_some());
    let other = refresh_token(&exchange(&dev, &dev.code(1)));
    assert_eq!(refresh(&dev, &other).status, 200);
}

#[test]
fn a_second_use_that_is_not_right_revokes_nothing() {
    let dev = Dev::start();
    let code = dev.code(0);
    let first = exchange(&dev, &code);
    let elsewhere = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:9999/other"),
    ];
    assert_eq!(error(&dev.token_call(&elsewhere)), "invalid_grant");
    let other_app = form(&[
        ("client_id", dev.told("/other_app/client_id")),
        ("client_secret", dev.told("/other_app/client_secret")),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", dev.told("/app/redirect_uri")),
    ]);
    let answer = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &other_app);
    assert_eq!(error(&answer), "invalid_grant");
    assert_eq!(orders(&dev, &first), 200);
}

#[test]
fn a_lost_refresh_answer_can_be_asked_for_again_and_a_replay_revokes_the_family() {
    let dev = Dev::start();
    let first = refresh_token(&exchange(&dev, &dev.code(0)));
    let lost = refresh(&dev, &first);
    assert_eq!(lost.status, 200);
    let second = refresh(&dev, &first);
    let third = refresh(&dev, &refresh_token(&second));
    assert_eq!(orders(&dev, &third), 200);
    assert_eq!(error(&refresh(&dev, &first)), "invalid_grant");
    assert_eq!(orders(&dev, &third), 401);
    assert_eq!(error(&refresh(&dev, &refresh_token(&third))), "invalid_grant");
}

#[test]
fn a_refresh_may_ask_for_less_and_never_for_more() {
    let dev = Dev::start();
    let token = refresh_token(&exchange(&dev, &dev.code(0)));
    let ask = |scope: &str| {
        dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &token), ("scope", scope)])
    };
    assert_eq!(error(&ask("order:pii")), "invalid_scope");
    let less = ask("catalog:read");
    assert_eq!(less.json()["scope"], "catalog:read");
    assert_eq!(orders(&dev, &less), 403);
}

#[test]
fn clients_that_do_not_prove_themselves_or_ask_wrongly_are_told_so() {
    let dev = Dev::start();
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let call = |headers: &[(&str, &str)], fields: &[(&str, &str)]| {
        let mut all = vec![FORM];
        all.extend(headers);
        http::request(dev.base(), "POST", "/oauth/token", &all, &form(fields))
    };
    use base64::Engine;
    let basic = |id: &str, secret: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
    };
    let grant = ("grant_type", "client_credentials");
    let wrong = call(&[("Authorization", &basic(id, "wrong"))], &[grant]);
    assert_eq!((wrong.status, error(&wrong).as_str()), (401, "invalid_client"));
    assert!(wrong.header("www-authenticate").unwrap().starts_with("Basic"));
    for (fields, expected) in [
        (vec![grant], "invalid_client"),
        (vec![grant, ("client_id", id)], "invalid_client"),
        (vec![grant, ("client_id", id), ("client_secret", "wrong")], "invalid_client"),
        (vec![grant, ("client_id", "nobody"), ("client_secret", secret)], "invalid_client"),
        (vec![("client_id", id), ("client_secret", secret)], "invalid_request"),
        (
            vec![("grant_type", "password"), ("client_id", id), ("client_secret", secret)],
            "unsupported_grant_type",
        ),
        (
            vec![grant, ("client_id", id), ("client_secret", secret), ("scope", "catalog:write")],
            "invalid_scope",
        ),
        (vec![grant, grant, ("client_id", id), ("client_secret", secret)], "invalid_request"),
        (
            vec![
                ("grant_type", "authorization_code"),
                ("client_id", id),
                ("client_secret", secret),
                ("code", "x"),
            ],
            "invalid_grant",
        ),
    ] {
        assert_eq!(error(&call(&[], &fields)), expected, "{fields:?}");
    }
    let twice = call(&[("Authorization", &basic(id, secret))], &[grant, ("client_secret", secret)]);
    assert_eq!(error(&twice), "invalid_request");
    let public = call(&[], &[grant, ("client_id", dev.told("/public_app/client_id"))]);
    assert_eq!(error(&public), "unauthorized_client");
    let right = call(&[("Authorization", &basic(id, secret))], &[grant, ("scope", "catalog:read")]);
    assert_eq!((right.status, right.json()["scope"].as_str()), (200, Some("catalog:read")));
    assert!(right.json().get("refresh_token").is_none());
    assert_eq!(dev.get("/oauth/token", &[]).status, 405);
}

#[test]
fn metadata_and_keys_tell_clients_what_they_need() {
    let dev = Dev::start();
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    assert_eq!(metadata["issuer"], dev.base());
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    let keys = dev.get("/oauth/jwks", &[]).json();
    assert_eq!(keys["keys"][0]["alg"], "ES256");
    assert!(keys["keys"][0].get("d").is_none());
}
