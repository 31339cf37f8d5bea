//! Whatever the authorization server refuses can be found by the id of its answer, is counted, and tells no secret.

use serde_json::json;

use crate::support::dev::Dev;
use crate::support::dpop::now;
use crate::support::http::{self, Answer, FORM, form};
use crate::support::signer::Signer;

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[track_caller]
fn check(dev: &Dev, answer: &Answer, told: &[&str]) {
    let line = dev.line_of(answer);
    for part in told {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

fn token(dev: &Dev, fields: &[(&str, &str)]) -> Answer {
    http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(fields))
}

#[test]
fn who_fails_to_be_an_app_is_found_by_request_id_and_counted() {
    let dev = Dev::start();
    let (app, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let wrong = token(&dev, &[GRANT, ("client_id", app), ("client_secret", "tgs_wrong")]);
    assert!(!wrong.text().contains("secret is wrong"), "{}", wrong.text());
    let app_field = format!("app=\"{app}\"");
    let refused = ["INFO", "invalid_client", "endpoint=\"/oauth/token\"", "address=127.0.0.1"];
    check(&dev, &wrong, &[&refused[..], &[&app_field, "the secret is wrong"]].concat());
    let long = format!("nobody\"{}", "x".repeat(900));
    let unknown = token(&dev, &[GRANT, ("client_id", &long), ("client_secret", "tgs_wrong")]);
    assert_eq!(unknown.text(), wrong.text());
    check(
        &dev,
        &unknown,
        &[&refused[..], &["there is no such app", "unknown_client=\"nobody\\\"xxx"]].concat(),
    );
    assert!(dev.line_of(&unknown).len() < 500);
    // The two changed places.
    let swapped = token(&dev, &[GRANT, ("client_id", secret), ("client_secret", app)]);
    check(&dev, &swapped, &["looks like a secret"]);
    assert!(!dev.log().contains(secret) && !dev.log().contains("tgs_wrong"));
    let refused = "tollgate_oauth_requests_total{endpoint=\"/oauth/token\",outcome=\"invalid_client\"}";
    assert_eq!(dev.figure(refused), 3);
    let right = token(&dev, &[GRANT, ("client_id", app), ("client_secret", secret)]);
    assert_eq!(right.status, 200, "{}", right.text());
    assert_eq!(dev.figure("tollgate_oauth_requests_total{endpoint=\"/oauth/token\",outcome=\"ok\"}"), 1);
    assert_eq!(dev.get("/oauth/made-up", &[]).status, 404);
    assert_eq!(dev.figure("tollgate_oauth_requests_total{endpoint=\"-\",outcome=\"no_such_path\"}"), 1);
}

#[test]
fn an_error_page_names_the_platform_and_the_request_and_reflects_nothing() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let wrong = "https://evil.example/cb?code=tell-nobody";
    let query = form(&[("client_id", app), ("response_type", "code"), ("redirect_uri", wrong)]);
    let page = dev.get(&format!("/oauth/authorize?{query}"), &[]);
    let (text, id) = (page.text(), page.header("x-request-id").unwrap().to_owned());
    assert_eq!(page.status, 400, "{text}");
    assert!(text.contains("<title>This did not work · ") && !text.contains("· Tollgate<"), "{text}");
    assert!(text.contains(&id) && !text.contains("evil") && !text.contains(app), "{text}");
    check(&dev, &page, &["INFO", "unknown_redirect_uri", app, "redirect_uri=\"https://evil.example/cb\""]);
    assert!(!dev.log().contains("tell-nobody"));
    let page = dev.get("/oauth/authorize?client_id=made-up&response_type=code", &[]);
    check(&dev, &page, &["INFO", "unknown_app", "unknown_client=\"made-up\""]);
}

#[test]
fn logins_are_counted_by_what_became_of_them_and_the_wrong_ones_logged() {
    let dev = Dev::start();
    let (name, password) = (dev.told("/merchants/0/username"), dev.told("/merchants/0/password"));
    let log_in = |name: &str, password: &str| {
        let fields = form(&[("request", "/oauth/apps"), ("username", name), ("password", password)]);
        http::request(dev.base(), "POST", "/oauth/login", &[FORM], &fields)
    };
    let wrong = log_in(name, "not-the-password");
    check(&dev, &wrong, &["INFO", "wrong_password", dev.told("/merchants/0/id")]);
    assert!(wrong.text().contains(&format!("value=\"{name}\"")), "{}", wrong.text());
    let unknown = log_in("\"><script>", "not-the-password");
    assert!(!unknown.text().contains("<script>") && unknown.text().contains("&#34;&#62;&#60;script&#62;"));
    check(&dev, &unknown, &["INFO", "wrong_password"]);
    assert!(!dev.line_of(&unknown).contains("script"));
    assert_eq!(log_in(name, password).status, 303);
    let throttled = (0..20).map(|_| log_in(name, "not-the-password")).find(|answer| answer.status == 429);
    check(&dev, &throttled.unwrap(), &["INFO", "too_many_attempts"]);
    assert!(!dev.log().contains("not-the-password"));
    let count = |outcome: &str| dev.figure(&format!("tollgate_oauth_logins_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((count("succeeded"), count("throttled")), (1, 1));
    assert!(count("wrong_password") >= 10);
}

#[test]
fn who_is_suspended_is_told_so_once_he_has_proved_himself_and_not_before() {
    let dev = Dev::start();
    let (app, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let tokens = dev.token_call(&[
        ("grant_type", "authorization_code"),
        ("code", &dev.code(1)),
        ("redirect_uri", dev.told("/app/redirect_uri")),
    ]);
    let refresh_token = tokens.json()["refresh_token"].as_str().unwrap().to_owned();
    let change = |path: &str, change: &str| {
        let changed = dev.admin("POST", &format!("{path}/{change}"), "");
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    let merchant = format!("/admin/merchants/{}", dev.told("/merchants/1/id"));
    change(&merchant, "suspend");
    let refresh = || dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &refresh_token)]);
    let refused = refresh().json();
    assert_eq!(refused["error"], "invalid_grant");
    assert!(
        refused["error_description"].as_str().unwrap().contains("the merchant is suspended"),
        "{refused}"
    );
    let log_in = |password: &str| {
        let fields = form(&[("username", dev.told("/merchants/1/username")), ("password", password)]);
        http::request(dev.base(), "POST", "/oauth/login", &[FORM], &fields).text()
    };
    assert!(log_in(dev.told("/merchants/1/password")).contains("This account is suspended"));
    assert!(!log_in("wrong").contains("suspended"));
    change(&merchant, "resume");
    assert_eq!(refresh().status, 200);
    change(&format!("/admin/apps/{app}"), "suspend");
    let right = token(&dev, &[GRANT, ("client_id", app), ("client_secret", secret)]);
    assert_eq!((right.status, &right.json()["error"]), (401, &json!("invalid_client")));
    assert_eq!(right.json()["error_description"], "the app is suspended");
    let wrong = token(&dev, &[GRANT, ("client_id", app), ("client_secret", "tgs_wrong")]);
    assert!(!wrong.text().contains("suspended"), "{}", wrong.text());
    let page = dev.get(&format!("/oauth/authorize?client_id={app}&response_type=code"), &[]);
    assert!(!page.text().contains("suspended"), "{}", page.text());
    check(&dev, &page, &["suspended_app", app]);
}

#[test]
fn an_app_that_signed_an_assertion_is_told_what_is_wrong_with_it_and_nobody_else_is() {
    let dev = Dev::start();
    let (key, other) = (Signer::new("ES256", "a"), Signer::new("ES256", "a"));
    let app = dev.told("/app/client_id");
    let keys = json!({"jwks": {"keys": [key.jwk()]}, "token_endpoint_auth_methods": ["private_key_jwt"]});
    assert_eq!(dev.admin("PATCH", &format!("/admin/apps/{app}"), &keys.to_string()).status, 200);
    let claims = |jti: &str, life: i64| json!({"iss": app, "sub": app, "aud": dev.base(), "exp": now().saturating_add_signed(life), "jti": jti});
    let ask = |assertion: &str| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        token(&dev, &[GRANT, ("client_assertion_type", kind), ("client_assertion", assertion)])
    };
    let told = |answer: &Answer| answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
    assert_eq!(ask(&key.sign(&claims("once", 60))).status, 200);
    let replayed = ask(&key.sign(&claims("once", 60)));
    assert!(told(&replayed).contains("jti was used before"), "{}", replayed.text());
    check(&dev, &replayed, &["INFO", "jti was used before", app]);
    assert!(told(&ask(&key.sign(&claims("long", 7200)))).contains("exp is more than an hour ahead"));
    assert!(told(&ask(&key.sign(&claims("late", -60)))).contains("exp is over"));
    let generic = "the client is unknown or did not authenticate";
    let forged = ask(&other.sign(&claims("once", 60)));
    assert_eq!(told(&forged), generic);
    check(&dev, &forged, &["its signature does not fit", app]);
    let kid = ask(&key.sign_as(&json!({"alg": "ES256", "kid": "b"}), &claims("kid", 60)));
    assert_eq!(told(&kid), generic);
    check(&dev, &kid, &["kid is none of the client's keys"]);
    let by_secret =
        token(&dev, &[GRANT, ("client_id", app), ("client_secret", dev.told("/app/client_secret"))]);
    assert_eq!(told(&by_secret), generic);
    check(&dev, &by_secret, &["not registered for client_secret_post"]);
}

#[test]
fn who_proves_nothing_fills_no_log_and_is_counted_all_the_same() {
    const CALLS: usize = 200;
    let dev = Dev::start();
    let unknown = [GRANT, ("client_secret", "tgs_wrong")];
    for number in 0..CALLS {
        let name = format!("made-up-{number}");
        assert_eq!(
            dev.get(&format!("/oauth/authorize?client_id={name}&response_type=code"), &[]).status,
            400
        );
        assert_eq!(token(&dev, &[&unknown[..], &[("client_id", &name)]].concat()).status, 401);
    }
    let of = |endpoint: &str, outcome: &str| {
        dev.figure(&format!("tollgate_oauth_requests_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}}"))
    };
    let counted = of("/oauth/authorize", "unknown_app") + of("/oauth/token", "invalid_client");
    assert_eq!(counted, 2 * CALLS as u64);
    let lines = dev.log().lines().filter(|line| line.contains("a call was refused")).count();
    // One more every six seconds.
    assert!((50..CALLS).contains(&lines), "{lines}");
}

#[test]
fn replays_fill_no_log_either() {
    const CALLS: usize = 200;
    let dev = Dev::start();
    let code = dev.code(0);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", dev.told("/app/redirect_uri")),
    ];
    assert_eq!(dev.token_call(&fields).status, 200);
    for _ in 0..CALLS {
        assert_eq!(dev.token_call(&fields).json()["error"], "invalid_grant");
    }
    let log = dev.log();
    let lines =
        log.lines().filter(|line| line.contains("WARN") && line.contains("a call was refused")).count();
    assert!((50..CALLS).contains(&lines), "{lines}");
}
