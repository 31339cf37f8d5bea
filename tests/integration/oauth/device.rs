//! Devices without a browser (RFC 8628).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::visitor::Browser;
use crate::support::dev::{Dev, input};
use crate::support::dpop::Holder;
use crate::support::http::{self, Answer, FORM, form};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn ask(dev: &Dev, fields: &[(&str, &str)]) -> Answer {
    http::request(dev.base(), "POST", "/oauth/device_authorization", &[FORM], &form(fields))
}

/// A platform where the app of that pointer is registered for devices.
#[track_caller]
fn start(pointer: &str) -> Dev {
    let dev = Dev::start();
    register(&dev, pointer);
    dev
}

/// Registers the app of that pointer for devices.
#[track_caller]
pub(super) fn register(dev: &Dev, pointer: &str) {
    let path = format!("/admin/apps/{}", dev.told(pointer));
    let body = json!({"grant_types": ["authorization_code", "refresh_token", GRANT_TYPE]});
    let changed = dev.admin("PATCH", &path, &body.to_string());
    assert_eq!(changed.status, 200, "{}", changed.text());
}

/// A device with the public app asks for codes.
#[track_caller]
pub(super) fn codes(dev: &Dev) -> Value {
    let answer = ask(dev, &[("client_id", dev.told("/public_app/client_id")), ("scope", "order:read")]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn an_app_that_proves_itself_by_the_head_needs_no_body() {
    let dev = start("/app/client_id");
    let pair = format!("{}:{}", dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let basic = format!("Basic {}", STANDARD.encode(pair));
    let asked = http::request(
        dev.base(),
        "POST",
        "/oauth/device_authorization",
        &[("Authorization", basic.as_str())],
        "",
    );
    assert_eq!(asked.status, 200, "{}", asked.text());
}

/// What the device asks again and again.
fn of_poll<'a>(dev: &'a Dev, codes: &'a Value) -> [(&'a str, &'a str); 3] {
    [
        ("client_id", dev.told("/public_app/client_id")),
        ("grant_type", GRANT_TYPE),
        ("device_code", codes["device_code"].as_str().unwrap()),
    ]
}

fn poll(dev: &Dev, codes: &Value) -> Answer {
    http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&of_poll(dev, codes)))
}

/// The path of the page on which the device is let through.
fn complete(dev: &Dev, codes: &Value) -> String {
    let uri = codes["verification_uri_complete"].as_str().unwrap();
    uri.strip_prefix(dev.base()).unwrap().to_owned()
}

/// Answers on the page at `path`, as the first merchant.
#[track_caller]
fn answer(browser: &mut Browser<'_>, path: &str, decision: &str) -> Answer {
    let page = browser.get(path).text();
    let (code, csrf) = (input(&page, "user_code"), input(&page, "csrf"));
    browser.submit("/oauth/device", &[("user_code", &code), ("csrf", &csrf), ("decision", decision)])
}

#[test]
fn a_device_is_let_through_by_the_merchant_who_sees_what_it_asks_for() {
    let dev = start("/public_app/client_id");
    let given = ask(&dev, &[("client_id", dev.told("/public_app/client_id")), ("scope", "order:read")]);
    assert_eq!(given.header("cache-control"), Some("no-store"));
    let codes = given.json();
    let code = codes["user_code"].as_str().unwrap();
    assert!(code.len() == 9 && code.bytes().all(|byte| b"BCDFGHJKLMNPQRSTVWXZ-".contains(&byte)), "{code}");
    assert_eq!(codes["verification_uri"], format!("{}/oauth/device", dev.base()));
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&Value::from(600), &Value::from(5)));

    let mut browser = Browser::new(&dev);
    let path = complete(&dev, &codes);
    let login = browser.get(&path).text();
    assert!(login.contains("name=\"password\"") && !login.contains("Pocket Shop"), "{login}");
    let gone_on = browser.log_in_at(&path, 0);
    assert_eq!((gone_on.status, gone_on.header("location")), (303, Some(&*path)));
    let page = browser.get(&path).text();
    for expected in ["Pocket Shop", "Bright Apps", "West Lake Tea House", "See your orders", code] {
        assert!(page.contains(expected), "no {expected} in {page}");
    }
    assert!(page.contains("Deny this if you did not start it yourself"), "no warning in {page}");
    assert_eq!(poll(&dev, &codes).json()["error"], "authorization_pending");

    let typed = code.to_ascii_lowercase().replace('-', "%20");
    assert!(browser.get(&format!("/oauth/device?user_code={typed}")).text().contains("Pocket Shop"));
    let done = answer(&mut browser, &path, "allow");
    assert_eq!((done.status, done.header("location")), (303, Some("/oauth/device/allowed")));
    assert!(browser.get("/oauth/device/allowed").text().contains("Your device is connected"));

    let tokens = poll(&dev, &codes);
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let tokens = tokens.json();
    assert_eq!(tokens["scope"], "order:read");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(dev.get("/api/orders", &[("Authorization", &bearer)]).status, 200);
    let refresh = [
        ("client_id", dev.told("/public_app/client_id")),
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&refresh)).status, 200);
    assert!(browser.get("/oauth/apps").text().contains("Pocket Shop"));

    // It gets them once; that it asks again, as who lost an answer does, ends nothing. And it is no authorization code.
    assert_eq!(poll(&dev, &codes).json()["error"], "invalid_grant");
    let as_code = [
        ("client_id", dev.told("/public_app/client_id")),
        ("grant_type", "authorization_code"),
        ("code", codes["device_code"].as_str().unwrap()),
    ];
    let as_code = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&as_code));
    assert_eq!(as_code.json()["error"], "invalid_grant");
    assert_eq!(dev.get("/api/orders", &[("Authorization", &bearer)]).status, 200);
}

#[test]
fn a_device_gets_nothing_while_the_merchant_that_let_it_through_is_suspended() {
    let dev = start("/public_app/client_id");
    let codes = codes(&dev);
    let (mut browser, path) = (Browser::new(&dev), complete(&dev, &codes));
    browser.log_in_at(&path, 0);
    assert_eq!(answer(&mut browser, &path, "allow").status, 303);
    let merchant = format!("/admin/merchants/{}", dev.told("/merchants/0/id"));
    assert_eq!(dev.admin("POST", &format!("{merchant}/suspend"), "").status, 200);
    let refused = poll(&dev, &codes).json();
    assert_eq!(refused["error"], "invalid_grant");
    assert!(refused["error_description"].as_str().unwrap().contains("suspended"), "{refused}");
    assert_eq!(dev.admin("POST", &format!("{merchant}/resume"), "").status, 200);
    assert_eq!(poll(&dev, &codes).status, 200);
}

#[test]
fn a_proof_that_is_not_taken_leaves_the_code_of_a_device_as_good_as_it_was() {
    let dev = start("/public_app/client_id");
    let codes = codes(&dev);
    let mut browser = Browser::new(&dev);
    let path = complete(&dev, &codes);
    browser.log_in_at(&path, 0);
    assert_eq!(answer(&mut browser, &path, "allow").status, 303);
    let (holder, url) = (Holder::new(), format!("{}/oauth/token", dev.base()));
    let with_proof = |proof: &str, fields: &[(&str, &str)]| {
        http::request(dev.base(), "POST", "/oauth/token", &[FORM, ("DPoP", proof)], &form(fields))
    };
    let poll = |proof: &str| with_proof(proof, &of_poll(&dev, &codes));
    let used = holder.prove("POST", &url);
    let own = [
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
        ("grant_type", "client_credentials"),
    ];
    assert_eq!(with_proof(&used, &own).status, 200);
    for proof in [&*used, "nonsense", &holder.prove("POST", dev.base())] {
        let refused = poll(proof);
        assert_eq!((refused.status, &refused.json()["error"]), (400, &Value::from("invalid_dpop_proof")));
    }
    let tokens = poll(&holder.prove("POST", &url));
    assert_eq!(
        (tokens.status, &tokens.json()["token_type"]),
        (200, &Value::from("DPoP")),
        "{}",
        tokens.text()
    );
    assert_eq!(poll(&holder.prove("POST", &url)).json()["error"], "invalid_grant");
}

#[test]
fn a_device_learns_that_it_was_turned_away_or_asks_too_fast_and_another_app_learns_nothing() {
    let dev = start("/public_app/client_id");
    let codes = codes(&dev);
    assert_eq!(poll(&dev, &codes).json()["error"], "authorization_pending");
    register(&dev, "/app/client_id");
    let fast = poll(&dev, &codes);
    assert_eq!((fast.status, &fast.json()["error"]), (400, &Value::from("slow_down")));
    let other = dev
        .token_call(&[("grant_type", GRANT_TYPE), ("device_code", codes["device_code"].as_str().unwrap())]);
    assert_eq!(other.json()["error"], "invalid_grant");
    for (fields, error) in [
        (&[("grant_type", GRANT_TYPE)][..], "invalid_request"),
        (&[("grant_type", GRANT_TYPE), ("device_code", "tgd_nothing")], "invalid_grant"),
    ] {
        assert_eq!(dev.token_call(fields).json()["error"], error, "{fields:?}");
    }
    let mut browser = Browser::new(&dev);
    let path = complete(&dev, &codes);
    browser.log_in_at(&path, 0);
    let denied = answer(&mut browser, &path, "deny");
    assert_eq!((denied.status, denied.header("location")), (303, Some("/oauth/device/denied")));
    assert_eq!(poll(&dev, &codes).json()["error"], "access_denied");
    assert!(browser.get(&path).text().contains("No device waits"), "it waits although it was answered");
    assert!(browser.get("/oauth/apps").text().contains("No app has access"));
}

#[test]
fn a_device_has_to_ask_well() {
    let dev = start("/app/client_id");
    let (app, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    for (fields, status, error) in [
        (&[("client_id", "nobody")][..], 401, "invalid_client"),
        (&[("client_id", app), ("client_secret", "wrong")], 401, "invalid_client"),
        (&[("client_id", app), ("client_secret", secret), ("scope", "nonsense")], 400, "invalid_scope"),
        (&[("client_id", app), ("client_id", app)], 400, "invalid_request"),
        (&[("client_id", dev.told("/public_app/client_id"))], 400, "unauthorized_client"),
        (&[("client_id", app), ("client_secret", secret)], 200, ""),
    ] {
        let answer = ask(&dev, fields);
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text());
        assert_eq!(answer.json()["error"].as_str().unwrap_or_default(), error, "{fields:?}");
    }
    let public = [
        ("client_id", dev.told("/public_app/client_id")),
        ("grant_type", GRANT_TYPE),
        ("device_code", "tgd_nothing"),
    ];
    let refused = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&public));
    assert_eq!((refused.status, &refused.json()["error"]), (400, &Value::from("unauthorized_client")));
    assert_eq!(dev.get("/oauth/device_authorization", &[]).status, 405);
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    let endpoint = format!("{}/oauth/device_authorization", dev.base());
    assert_eq!(metadata["device_authorization_endpoint"], endpoint);
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&GRANT_TYPE.into()));
}

#[test]
fn user_codes_cannot_be_guessed_at_nor_answered_by_a_foreign_form() {
    let dev = start("/public_app/client_id");
    let codes = codes(&dev);
    let path = complete(&dev, &codes);
    let mut browser = Browser::new(&dev);
    browser.log_in_at(&path, 0);
    let page = browser.get(&path).text();
    let (code, csrf) = (input(&page, "user_code"), input(&page, "csrf"));
    let evil = [("Origin", "https://evil.example")];
    let ours = [("Origin", dev.base())];
    for (headers, token) in [(&evil[..], &*csrf), (&ours, ""), (&ours, "0000")] {
        let fields = [("user_code", &*code), ("csrf", token), ("decision", "allow")];
        assert_eq!(browser.post("/oauth/device", headers, &fields).status, 400, "{headers:?} {token}");
    }
    assert_eq!(poll(&dev, &codes).json()["error"], "authorization_pending");
    for strange in ["", "nonsense", "AAAA-AAAA", "%00", "%3Cscript%3E"] {
        let page = browser.get(&format!("/oauth/device?user_code={strange}"));
        assert_eq!(page.status, 200, "{strange}");
        assert!(!page.text().contains("Pocket Shop") && !page.text().contains("<script>"), "{strange}");
    }
    let guess = |browser: &mut Browser<'_>, number: usize| {
        let letters = b"BCDFGHJKLMNPQRSTVWXZ";
        let last = char::from(letters[number % letters.len()]);
        browser.get(&format!("/oauth/device?user_code=BBBBBBB{last}")).status
    };
    let slowed = (0..12).find(|number| guess(&mut browser, *number) == 429);
    assert_eq!(slowed, Some(10));
    // Whom somebody else keeps busy goes on.
    let mut other = Browser::new(&dev);
    other.log_in_at(&path, 1);
    assert!(other.get(&path).text().contains("Pocket Shop"));
}

#[test]
fn device_codes_are_not_tried_without_end_and_a_device_that_waits_does_not_wait_for_that() {
    let dev = start("/public_app/client_id");
    let codes = codes(&dev);
    let guess = |number: usize| poll(&dev, &json!({"device_code": format!("tgd_{number}")}));
    let slowed = (0..80).find(|number| guess(*number).status == 429).expect("it goes on and on");
    // One more is let through every three seconds.
    assert!((50..80).contains(&slowed), "{slowed}");
    assert_eq!(poll(&dev, &codes).json()["error"], "authorization_pending");
}
