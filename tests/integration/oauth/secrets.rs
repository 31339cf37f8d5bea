//! No secret is in a log, an error, a URL of ours, a metric, an audit record, or in clear in what is kept.

use std::path::Path;

use serde_json::{Value, json};

use super::visitor::Browser;
use super::{device, second_factor};
use crate::support::dev::{Dev, parameter};
use crate::support::http::{self, FORM, form};

/// All texts that must not be found, each with what it is.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &str) -> String {
        assert!(secret.len() >= 8, "{what}: {secret:?} would be found anywhere");
        self.0.push((what, secret.to_owned()));
        secret.to_owned()
    }

    #[track_caller]
    fn are_not_in(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (what, secret) in &self.0 {
            if let Some(at) = text.find(secret.as_str()) {
                let from = text[..at].char_indices().rev().nth(200).map_or(0, |(from, _)| from);
                panic!("{what} is in {place}: …{}[here]", &text[from..at]);
            }
        }
    }
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// What a device gets, and what a merchant's second factor is made of.
fn pages(dev: &Dev, secrets: &mut Secrets) {
    device::register(dev, "/public_app/client_id");
    let codes = device::codes(dev);
    let mut add = |what, name: &str| secrets.add(what, codes[name].as_str().unwrap());
    add("a device code", "device_code");
    let user_code = add("a user code", "user_code");
    secrets.add("a user code's letters", &user_code.replace('-', ""));
    let mut browser = Browser::new(dev);
    let (secret, recovery) = second_factor::turn_on(&mut browser);
    secrets.add("the secret of one-time passwords", &secret);
    for code in &recovery {
        secrets.add("a recovery code", code);
    }
    assert!(browser.get(&format!("/oauth/device?user_code={user_code}")).text().contains("Pocket Shop"));
    let begun = Browser::new(dev).log_in_at("/oauth/apps", 0);
    let pending = begun.header("set-cookie").unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    secrets.add("a login that waits", &pending);
}

#[test]
fn what_was_made_or_guessed_in_a_full_run_is_nowhere_to_be_found() {
    let dev = Dev::logging("debug");
    let mut secrets = Secrets::default();
    for (what, pointer) in [
        ("a client secret", "/app/client_secret"),
        ("another app's secret", "/other_app/client_secret"),
        ("an API key", "/app/api_key"),
        ("another app's API key", "/other_app/api_key"),
        ("a merchant's password", "/merchants/0/password"),
        ("the node's admin token", "/admin_token"),
    ] {
        secrets.add(what, dev.told(pointer));
    }
    let made = |path: &str, body: Value| dev.admin("POST", path, &body.to_string()).json();
    let field = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let app = dev.told("/app/client_id");
    let more = made(&format!("/admin/apps/{app}/secrets"), json!({}));
    secrets.add("an added client secret", &field(&more, "client_secret"));
    secrets.add("a new API key", &field(&made("/admin/keys", json!({ "app": app })), "key"));
    secrets.add("a named admin token", &field(&made("/admin/tokens", json!({"name": "alice"})), "token"));
    let merchant = made("/admin/merchants", json!({"username": "shop", "name": "Shop"}));
    secrets.add("a made password", &field(&merchant, "password"));
    let password = secrets.add("a given password", "a password of the administrator's");
    let path = format!("/admin/merchants/{}/password", field(&merchant, "id"));
    made(&path, json!({ "password": password }));
    answers(&dev, &mut secrets);
    refusals(&dev, &mut secrets);
    pages(&dev, &mut secrets);
    let metrics = http::request(dev.told("/admin_url"), "GET", "/metrics", &[], "");
    secrets.are_not_in("the metrics", &metrics.body);
    let audit = dev.admin("GET", "/admin/audit?limit=500", "");
    assert!(audit.json()["items"].as_array().unwrap().len() >= 4);
    secrets.are_not_in("the audit records", &audit.body);
    let log = dev.log();
    assert!(log.contains("DEBUG") && log.contains("was used twice") && log.contains("was replayed"), "{log}");
    secrets.are_not_in("the log", log.as_bytes());
    let mut kept = Vec::new();
    files(&dev.data(), &mut kept);
    assert!(kept.len() > 2, "{kept:?}");
    for file in kept.iter().filter(|file| !is_secret(file)) {
        let bytes = std::fs::read(file).unwrap();
        // Behind what is used there may be megabytes of room.
        secrets.are_not_in(&file.display().to_string(), &bytes[..tollgate::journal::frame::used(&bytes)]);
    }
}

/// Files whose purpose it is to hold a secret, readable by their owner alone.
fn is_secret(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let is_demo = file.file_name().is_some_and(|name| name.to_string_lossy().contains("demo"));
    let is_token = file.file_name().is_some_and(|name| name.to_string_lossy().contains("admin"));
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    (is_demo || is_token) && mode & 0o077 == 0
}

/// Codes, tokens and cookies of flows that go well.
fn answers(dev: &Dev, secrets: &mut Secrets) {
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let verifier = secrets.add("a code verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let query = form(&[
        ("response_type", "code"),
        ("client_id", dev.told("/app/client_id")),
        ("redirect_uri", dev.told("/app/redirect_uri")),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]);
    let back = dev.consent(&query, 0);
    let code = secrets.add("a code", &parameter(&back, "code").unwrap());
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", dev.told("/app/redirect_uri")),
        ("code_verifier", &verifier),
    ];
    let tokens = dev.token_call(&exchange).json();
    let access = secrets.add("an access token", tokens["access_token"].as_str().unwrap());
    let refresh = secrets.add("a refresh token", tokens["refresh_token"].as_str().unwrap());
    let bearer = format!("Bearer {access}");
    assert_eq!(dev.get("/api/orders", &[("Authorization", &bearer)]).status, 200);
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    let fresh = dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).json();
    secrets.add("the next access token", fresh["access_token"].as_str().unwrap());
    let next = secrets.add("the next refresh token", fresh["refresh_token"].as_str().unwrap());
    dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &next)]);
    // Replays are told in the log: first that of the refresh token, as that of the code ends the family.
    let replayed = dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    secrets.are_not_in("an error", &replayed.body);
    secrets.are_not_in("an error", &dev.token_call(&exchange).body);
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    assert_eq!(dev.get("/api/products", &key).status, 200);
}

/// Secrets that are sent where they are refused, or where they do not belong.
fn refusals(dev: &Dev, secrets: &mut Secrets) {
    let wrong = secrets.add("a wrong password", "a-password-that-is-wrong");
    let login = form(&[("request", "client_id=x"), ("username", "shop"), ("password", &wrong)]);
    let answer = http::request(dev.base(), "POST", "/oauth/login", &[FORM], &login);
    secrets.are_not_in("a page", &answer.body);
    let wrong = secrets.add("a wrong secret", "tgs_00000000000000000000000000000000000000000000000001");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", &wrong),
    ];
    let answer = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&fields));
    assert_eq!(answer.status, 401);
    secrets.are_not_in("an error", &answer.body);
    let key =
        secrets.add("a wrong key", "tg_test_0000000000000000000000000000000000000000000000000000_000000");
    let token = secrets.add("a wrong token", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJub2JvZHkifQ.c2lnbmF0dXJl");
    for headers in [[("X-Api-Key", key.clone())], [("Authorization", format!("Bearer {token}"))]] {
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = dev.get("/api/orders", &headers);
        assert_eq!(answer.status, 401);
        secrets.are_not_in("a problem", &answer.body);
    }
    let in_query = secrets.add("a token in a query", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJxdWVyeSJ9.c2lnbmF0dXJl");
    dev.get(&format!("/api/orders?access_token={in_query}"), &[]);
    let code = secrets.add("a code in a query", "tgc_00000000000000000000000000000000000000000000000002");
    dev.get(&format!("/oauth/token?code={code}"), &[]);
    let admin = secrets.add("a wrong admin token", "tga_00000000000000000000000000000000000000000000000003");
    let headers = [("Authorization", &*format!("Bearer {admin}"))];
    let answer = http::request(dev.told("/admin_url"), "GET", "/admin/apps", &headers, "");
    assert_eq!(answer.status, 401);
    secrets.are_not_in("a problem", &answer.body);
}
