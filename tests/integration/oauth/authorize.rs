//! The authorization endpoint and its pages.

use super::visitor::Browser;
use crate::support::dev::{Dev, input, parameter, wait_for};
use crate::support::http::{self, Answer, FORM, form};

const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

#[test]
fn an_unknown_app_or_redirect_uri_is_told_on_a_page_and_never_redirected() {
    let dev = Dev::start();
    let (app, uri) = (dev.told("/app/client_id"), dev.told("/app/redirect_uri"));
    for query in [
        String::new(),
        "client_id=nobody&response_type=code".to_owned(),
        format!("client_id={app}&response_type=code&redirect_uri=https://evil.example/cb"),
        format!("client_id={app}&response_type=code&redirect_uri={uri}/"),
        format!("client_id={app}&client_id={app}&response_type=code&redirect_uri={uri}"),
        format!("client_id={app}&response_type=code&redirect_uri={uri}&redirect_uri={uri}"),
    ] {
        let answer = dev.get(&format!("/oauth/authorize?{query}"), &[]);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.header("location").is_none() && answer.text().contains("<!doctype html>"), "{query}");
    }
}

#[test]
fn other_mistakes_go_back_to_the_app_with_state_and_issuer() {
    let dev = Dev::start();
    let base = format!(
        "client_id={}&redirect_uri={}&state=a%2Bb%20%26",
        dev.told("/app/client_id"),
        dev.told("/app/redirect_uri")
    );
    let public = format!(
        "client_id={}&redirect_uri={}&state=a%2Bb%20%26&response_type=code",
        dev.told("/public_app/client_id"),
        dev.told("/public_app/redirect_uri")
    );
    for (query, error) in [
        (base.clone(), "invalid_request"),
        (format!("{base}&response_type=token"), "unsupported_response_type"),
        (format!("{base}&response_type=code&scope=catalog:write"), "invalid_scope"),
        (format!("{base}&response_type=code&scope=nonsense"), "invalid_scope"),
        (format!("{base}&response_type=code&scope=order:read&scope=order:read"), "invalid_request"),
        (
            format!("{base}&response_type=code&code_challenge=abc&code_challenge_method=S256"),
            "invalid_request",
        ),
        (
            format!("{base}&response_type=code&code_challenge=abc&code_challenge_method=plain"),
            "invalid_request",
        ),
        (format!("{base}&response_type=code&code_challenge_method=S256"), "invalid_request"),
        (public, "invalid_request"),
        (format!("{base}&response_type=code&response_mode=fragment"), "invalid_request"),
        (format!("{base}&response_type=code&response_mode=form_post"), "invalid_request"),
        (format!("{base}&response_type=code&request=eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
    ] {
        let answer = dev.get_logged_in(&format!("/oauth/authorize?{query}"));
        assert_eq!(answer.status, 303, "{query}: {}", answer.text());
        let location = answer.header("location").unwrap();
        assert_eq!(parameter(location, "error").as_deref(), Some(error), "{query}");
        assert_eq!(parameter(location, "state").as_deref(), Some("a+b &"), "{query}");
        assert_eq!(parameter(location, "iss").as_deref(), Some(dev.base()), "{query}");
    }
}

#[test]
fn a_request_without_redirect_uri_is_told_that_it_is_missing_unless_the_app_has_one_alone() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let path = format!("/oauth/authorize?client_id={app}&response_type=code&response_mode=query");
    assert_eq!(dev.get(&path, &[]).status, 200);
    let several = r#"{"redirect_uris":["https://a.example/cb","https://b.example/cb"]}"#;
    let none = r#"{"redirect_uris":[],"grant_types":["client_credentials"]}"#;
    for (body, english, chinese) in [
        (
            several,
            "redirect_uri is missing, and it has registered several",
            "缺少 redirect_uri，而该应用登记了多个",
        ),
        (
            none,
            "redirect_uri is missing, and it has registered none",
            "缺少 redirect_uri，且该应用未登记任何",
        ),
    ] {
        let changed = dev.admin("PATCH", &format!("/admin/apps/{app}"), body);
        assert_eq!(changed.status, 200, "{}", changed.text());
        for (language, expected) in [("en", english), ("zh", chinese)] {
            let page = dev.get(&path, &[("Accept-Language", language)]);
            assert!(page.status == 400 && page.text().contains(expected), "{expected}: {}", page.text());
        }
    }
    let metrics = dev.admin("GET", "/metrics", "").text();
    let counted =
        r#"tollgate_oauth_requests_total{endpoint="/oauth/authorize",outcome="redirect_uri_missing"} 4"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn a_hint_fills_in_the_user_name_and_is_no_part_of_the_page() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code", dev.told("/app/client_id"));
    let username = |hint: &str| {
        let page = dev.get(&format!("/oauth/authorize?{query}&login_hint={hint}"), &[]).text();
        assert!(!page.contains("<b>"), "{page}");
        let field = page.split("name=\"username\"").nth(1).unwrap().split('>').next().unwrap();
        field.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(username("tea-house"), "tea-house");
    assert_eq!(
        username("%22%3E%3Cb%3Ex").replace("&#34;", "").replace("&#62;", "").replace("&#60;", ""),
        "bx"
    );
    for none in ["", "%00", &"a".repeat(201)] {
        assert_eq!(username(none), "", "{none}");
    }
}

#[test]
fn a_public_app_gets_a_code_with_pkce_on_any_loopback_port() {
    let dev = Dev::start();
    let query = format!(
        "client_id={}&response_type=code&redirect_uri=http://127.0.0.1:54321/callback&state=s&{CHALLENGE}",
        dev.told("/public_app/client_id")
    );
    let location = dev.consent(&query, 1);
    assert!(location.starts_with("http://127.0.0.1:54321/callback?code="), "{location}");
    let code = parameter(&location, "code").unwrap();
    let fields = [
        ("client_id", dev.told("/public_app/client_id")),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:54321/callback"),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    let answer = http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&fields));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn pages_cannot_be_framed_scripted_or_stored_and_speak_the_browsers_language() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code", dev.told("/app/client_id"));
    let page = dev.get(&format!("/oauth/authorize?{query}"), &[("Accept-Language", "zh-CN,zh;q=0.9")]);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    assert!(page.text().contains("登录") && page.text().contains("lang=\"zh\""));
    assert!(!page.text().contains("<script"));
    let app = dev.told("/app/client_id");
    assert_eq!(dev.admin("POST", &format!("/admin/apps/{app}/suspend"), "").status, 200);
    for (query, language, expected) in [
        (query.as_str(), "en", "The app that sent you here cannot be used at present."),
        (&query, "zh", "将您转到此处的应用目前无法使用。"),
        ("response_type=code", "en", "client_id is missing"),
        ("client_id=&response_type=code", "zh", "缺少 client_id"),
    ] {
        let page = dev.get(&format!("/oauth/authorize?{query}"), &[("Accept-Language", language)]);
        assert!(page.status == 400 && page.text().contains(expected), "{query}: {}", page.text());
    }
    for (accepted, expected) in [
        ("fr, zh;q=0.3, en;q=0.7", "is not registered"),
        ("fr, zh;q=0.7, en;q=0.3", "尚未注册"),
        ("zh;q=0, *", "is not registered"),
    ] {
        let page = dev.get("/oauth/authorize?client_id=nobody", &[("Accept-Language", accepted)]);
        assert_eq!(page.status, 400);
        assert!(page.text().contains(expected), "{accepted}: {}", page.text());
    }
}

#[test]
fn a_merchant_may_say_no_and_a_strange_form_is_refused() {
    let dev = Dev::start();
    let base = dev.base();
    let query = format!("client_id={}&response_type=code&state=x", dev.told("/app/client_id"));
    let (username, password) = (dev.told("/merchants/0/username"), dev.told("/merchants/0/password"));
    let login = form(&[("request", &query), ("username", username), ("password", password)]);
    let foreign =
        http::request(base, "POST", "/oauth/login", &[FORM, ("Origin", "https://evil.example")], &login);
    assert_eq!(foreign.status, 400);
    let answer = http::request(base, "POST", "/oauth/login", &[FORM], &login);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let page = dev.get(answer.header("location").unwrap(), &[("Cookie", cookie)]);
    for expected in ["Shop Manager", "Bright Apps", "West Lake Tea House", "See your orders"] {
        assert!(page.text().contains(expected), "no {expected} in {}", page.text());
    }
    let csrf = input(&page.text(), "csrf");
    for wrong in ["", "0000"] {
        let consent = form(&[("request", &query), ("csrf", wrong), ("decision", "allow")]);
        let answer = http::request(base, "POST", "/oauth/consent", &[FORM, ("Cookie", cookie)], &consent);
        assert_eq!(answer.status, 400, "csrf {wrong:?}");
    }
    let consent = form(&[("request", &query), ("csrf", &csrf), ("decision", "deny")]);
    let answer = http::request(base, "POST", "/oauth/consent", &[FORM, ("Cookie", cookie)], &consent);
    let location = answer.header("location").unwrap();
    assert_eq!(parameter(location, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(location, "state").as_deref(), Some("x"));
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_page_and_guessing_is_slowed() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code", dev.told("/app/client_id"));
    let attempt = |username: &str| {
        let login = form(&[("request", &query), ("username", username), ("password", "wrong-password")]);
        http::request(dev.base(), "POST", "/oauth/login", &[FORM], &login)
    };
    let name = dev.told("/merchants/0/username");
    let (known, unknown) = (attempt(name), attempt("nobody"));
    let told = |answer: &Answer, typed: &str| {
        let text = answer.text().replace(&input(&answer.text(), "csrf"), "");
        text.replace(&format!("value=\"{typed}\""), "")
    };
    assert_eq!((known.status, told(&known, name)), (unknown.status, told(&unknown, "nobody")));
    assert!(known.text().contains("wrong"), "{}", known.text());
    let slowed = (0..12).map(|_| attempt("somebody")).find(|answer| answer.status == 429);
    assert!(slowed.is_some_and(|answer| answer.header("retry-after").is_some()));
}

/// Where an app is told of an error, with its state and the issuer.
#[track_caller]
fn told(dev: &Dev, answer: &Answer) -> String {
    let location = answer.header("location").unwrap_or_else(|| panic!("{}", answer.text()));
    assert!(answer.status == 303 && location.starts_with(dev.told("/app/redirect_uri")), "{location}");
    assert_eq!(parameter(location, "state").as_deref(), Some("of the app"), "{location}");
    assert_eq!(parameter(location, "iss").as_deref(), Some(dev.base()), "{location}");
    parameter(location, "error").unwrap()
}

#[test]
fn a9_what_fails_on_our_side_is_told_to_the_app_once_it_is_known_where() {
    let dev = Dev::start();
    let query = format!("client_id={}&response_type=code&state=of+the+app", dev.told("/app/client_id"));
    let path = format!("/oauth/authorize?{query}");
    let mut browser = Browser::new(&dev);
    browser.log_in(&query);
    let page = browser.get(&path).text();
    let (request, csrf) = (input(&page, "request"), input(&page, "csrf"));
    let allow = [("request", &*request), ("csrf", &csrf), ("decision", "allow")];
    dev.tamper(
        "create trigger broken before insert on authorization_code begin select raise(abort, 'broken'); end",
    );
    assert_eq!(told(&dev, &browser.submit("/oauth/consent", &allow)), "server_error");
    dev.tamper("drop trigger broken; update login_session set acr = 'gold'");
    assert_eq!(told(&dev, &browser.get(&path)), "server_error");
    wait_for("the log", || dev.log().contains("an authorization request could not be served"));
    // Nobody knows where to, or whose it is.
    let unproven = browser.get(&format!("{path}&redirect_uri=https://evil.example"));
    assert_eq!((unproven.status, unproven.header("location")), (400, None));
    let apps = browser.get("/oauth/apps");
    assert_eq!((apps.status, apps.header("location")), (503, None));
    dev.tamper("update login_session set acr = 'urn:tollgate:acr:one-factor'");
    // Another process has the store for itself, and longer than anybody waits.
    let held = dev.hold_store();
    assert_eq!(told(&dev, &browser.submit("/oauth/consent", &allow)), "temporarily_unavailable");
    held();
    assert!(browser.submit("/oauth/consent", &allow).header("location").unwrap().contains("code="));
}
