//! What a provider, or whoever poses as one, must not get by with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Federated, SECRET, come_back, query, secret, send, session};
use crate::support::dev::{Dev, input, wait_for};
use crate::support::http::{self, FORM, form};
use crate::support::provider::{SigningPair, now, trust};

#[test]
fn an_id_token_that_is_not_right_in_every_way_logs_nobody_in() {
    let federated = Federated::start(&[]);
    let provider = &federated.provider;
    assert_eq!(federated.link(0, "user-1").status, 201);
    let other = SigningPair::new("one");
    let now = now();
    let header = json!({"alg": "ES256", "kid": "one"});
    type Forging<'f> = Box<dyn Fn(Value) -> String + 'f>;
    let with = |change: fn(&mut Value, u64)| {
        let header = header.clone();
        let forge = move |mut claims: Value| {
            change(&mut claims, now);
            provider.key.sign(&header, &claims)
        };
        Box::new(forge) as Forging<'_>
    };
    let headed =
        |header: Value| Box::new(move |claims: Value| provider.key.sign(&header, &claims)) as Forging<'_>;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let cases: Vec<(&str, Forging<'_>)> = vec![
        ("another nonce", with(|claims, _| claims["nonce"] = json!("x"))),
        ("no nonce", with(|claims, _| drop(claims.as_object_mut().unwrap().remove("nonce")))),
        ("another issuer", with(|claims, _| claims["iss"] = json!("https://evil.example"))),
        (
            "an issuer with a slash",
            with(|claims, _| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap()))),
        ),
        ("another audience", with(|claims, _| claims["aud"] = json!("another"))),
        ("no audience", with(|claims, _| claims["aud"] = json!([]))),
        ("several and no party", with(|claims, _| claims["aud"] = json!(["gateway", "another"]))),
        ("another party", with(|claims, _| claims["azp"] = json!("another"))),
        ("expired", with(|claims, now| claims["exp"] = json!(now - 120))),
        ("no expiry", with(|claims, _| drop(claims.as_object_mut().unwrap().remove("exp")))),
        ("of the future", with(|claims, now| claims["iat"] = json!(now + 3600))),
        ("old", with(|claims, now| claims["iat"] = json!(now - 3600))),
        ("not yet valid", with(|claims, now| claims["nbf"] = json!(now + 3600))),
        (
            "a login of five years ago",
            with(|claims, now| claims["auth_time"] = json!(now - 5 * 365 * 86_400)),
        ),
        ("no subject", with(|claims, _| drop(claims.as_object_mut().unwrap().remove("sub")))),
        ("an empty subject", with(|claims, _| claims["sub"] = json!(""))),
        (
            "alg none",
            Box::new(|claims| format!("{}.{}.", part(&json!({"alg": "none", "kid": "one"})), part(&claims))),
        ),
        ("alg HS256", headed(json!({"alg": "HS256", "kid": "one"}))),
        ("alg of another kind of key", headed(json!({"alg": "RS256", "kid": "one"}))),
        ("an unknown kid", headed(json!({"alg": "ES256", "kid": "two"}))),
        ("extensions", headed(json!({"alg": "ES256", "kid": "one", "crit": ["x"], "x": 1}))),
        (
            "a key that it brings along",
            Box::new(|claims| {
                other.sign(&json!({"alg": "ES256", "kid": "two", "jku": "https://evil.example"}), &claims)
            }),
        ),
        ("another key of that kid", Box::new(|claims| other.sign(&header, &claims))),
        (
            "cut short",
            Box::new(|claims| {
                provider.key.sign(&header, &claims).trim_end_matches(|char| char != '.').to_owned()
            }),
        ),
        ("no JWS", Box::new(|_| "abc".to_owned())),
    ];
    for (what, forge) in cases {
        let sent = send(&federated.dev);
        provider.gives(&forge(provider.claims("user-1", &sent.parameter("nonce"))));
        let answer =
            come_back(&federated.dev, &sent.cookie, &[("code", "c"), ("state", &sent.parameter("state"))]);
        assert_eq!((answer.status, session(&answer)), (502, None), "{what}: {}", answer.text());
    }
    // As it is the one thing that is wrong, all of it is right without.
    assert_eq!(federated.log_in("user-1", &json!({})).status, 303);
}

#[test]
fn a_login_is_finished_once_and_in_its_own_browser_alone() {
    let federated = Federated::start(&[]);
    let (dev, provider) = (&federated.dev, &federated.provider);
    assert_eq!(federated.link(0, "user-1").status, 201);
    let (mine, other) = (send(dev), send(dev));
    let state = mine.parameter("state");
    provider.lets_in("user-1", &mine.parameter("nonce"), &json!({}));
    let right = [("code", "c"), ("state", state.as_str())];
    for (what, cookie, parameters) in [
        ("another browser", other.cookie.as_str(), &right[..]),
        ("a browser without a cookie", "a=b", &right),
        ("no state", &mine.cookie, &right[..1]),
        ("another state", &mine.cookie, &[("code", "c"), ("state", "x")]),
        ("two states", &mine.cookie, &[right[0], right[1], right[1]]),
    ] {
        let answer = come_back(dev, cookie, parameters);
        assert_eq!((answer.status, session(&answer)), (400, None), "{what}: {}", answer.text());
    }
    assert_eq!(provider.exchanges().len(), 0);
    // None of them has used it up.
    assert_eq!(come_back(dev, &mine.cookie, &right).status, 303);
    let again = come_back(dev, &mine.cookie, &right);
    assert_eq!((again.status, session(&again)), (400, None));
    assert_eq!(provider.exchanges().len(), 1);
}

#[test]
fn the_code_of_one_login_is_no_use_in_another() {
    let federated = Federated::start(&[]);
    let (dev, provider) = (&federated.dev, &federated.provider);
    assert_eq!(federated.link(0, "user-1").status, 201);
    let (mine, victim) = (send(dev), send(dev));
    // An attacker's code in a victim's login: its nonce is another's, and the verifier that is sent does not go with it.
    provider.lets_in("user-1", &mine.parameter("nonce"), &json!({}));
    let answer = come_back(dev, &victim.cookie, &[("code", "c"), ("state", &victim.parameter("state"))]);
    assert_eq!((answer.status, session(&answer)), (502, None));
    let verifier = provider.exchanges()[0].field("code_verifier").unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), victim.parameter("code_challenge"));
    assert_ne!(mine.parameter("code_challenge"), victim.parameter("code_challenge"));
}

#[test]
fn a_mix_up_is_noticed_before_the_code_goes_anywhere() {
    let federated = Federated::start(&[]);
    let (dev, provider) = (&federated.dev, &federated.provider);
    assert_eq!(federated.link(0, "user-1").status, 201);
    let sent = send(dev);
    let state = sent.parameter("state");
    let answer =
        come_back(dev, &sent.cookie, &[("code", "c"), ("state", &state), ("iss", "https://evil.example")]);
    assert_eq!((answer.status, session(&answer)), (502, None));
    // A login that was answered wrongly is over.
    let answer =
        come_back(dev, &sent.cookie, &[("code", "c"), ("state", &state), ("iss", &provider.issuer())]);
    assert_eq!((answer.status, session(&answer)), (400, None));
    assert_eq!(provider.exchanges().len(), 0);
    let sent = send(dev);
    provider.lets_in("user-1", &sent.parameter("nonce"), &json!({}));
    let named = [("code", "c"), ("state", &*sent.parameter("state")), ("iss", &*provider.issuer())];
    assert_eq!(come_back(dev, &sent.cookie, &named).status, 303);
}

#[test]
fn a_provider_that_always_names_itself_is_held_to_it() {
    let provider = crate::support::provider::Provider::start();
    provider.says.lock().unwrap().metadata = json!({"authorization_response_iss_parameter_supported": true});
    let secret = secret();
    let dev = Dev::with_policies(|policies| provider.trust(policies, secret.path(), &[]));
    let sent = send(&dev);
    let answer = come_back(&dev, &sent.cookie, &[("code", "c"), ("state", &sent.parameter("state"))]);
    assert_eq!((answer.status, provider.exchanges().len()), (502, 0), "{}", answer.text());
}

#[test]
fn what_goes_wrong_at_the_provider_is_told_as_a_page_in_the_users_language() {
    let federated = Federated::start(&[]);
    let (dev, provider) = (&federated.dev, &federated.provider);
    let sent = send(dev);
    let denied =
        [("error", "access_denied"), ("error_description", "<b>x</b>"), ("state", &*sent.parameter("state"))];
    let answer = come_back(dev, &sent.cookie, &denied);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("You were not logged in there") && !answer.text().contains("<b>"));
    let (away, wrong) = ("目前无法以此方式登录", "对方返回的内容不可信");
    for (status, body, told) in [
        (400, json!({"error": "invalid_grant", "error_description": SECRET}).to_string(), wrong),
        (400, json!({"error": "invalid_client", "error_description": SECRET}).to_string(), away),
        (500, "<html>".to_owned(), away),
        (200, "{}".to_owned(), away),
        (200, json!({"access_token": "a", "token_type": "Bearer"}).to_string(), away),
    ] {
        provider.says.lock().unwrap().tokens = (status, body);
        let sent = send(dev);
        let path = format!(
            "/oauth/federated/callback?{}",
            form(&[("code", "c"), ("state", &sent.parameter("state"))])
        );
        let answer = dev.get(&path, &[("Cookie", &sent.cookie), ("Accept-Language", "zh")]);
        assert_eq!(answer.status, 502);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
    wait_for("the log", || dev.log().contains("invalid_client"));
    assert!(!dev.log().contains(SECRET), "{}", dev.log());
}

#[test]
fn who_comes_back_from_the_provider_in_vain_fills_no_log() {
    const TIMES: usize = 8;
    let federated = Federated::start(&[]);
    let dev = &federated.dev;
    let use_up = || {
        for _ in 0..4 {
            assert_eq!(dev.get("/oauth/authorize?client_id=made-up&response_type=code", &[]).status, 400);
        }
    };
    (0..15).for_each(|_| use_up());
    for _ in 0..TIMES {
        use_up();
        let sent = send(dev);
        let refused = [("error", "access_denied"), ("state", &sent.parameter("state"))];
        assert_eq!(come_back(dev, &sent.cookie, &refused).status, 403);
        use_up();
        assert_eq!(federated.log_in("nobody", &json!({})).status, 403);
        use_up();
        let sent = send(dev);
        let wrong = [("state", &*sent.parameter("state"))];
        assert_eq!(come_back(dev, &sent.cookie, &wrong).status, 502);
    }
    let log = dev.log();
    for what in ["did not let somebody in", "tollgate merchant link", "an answer of the identity provider"] {
        // One line every six seconds, if it comes just then.
        let lines = log.lines().filter(|line| line.contains(what)).count();
        assert!(lines < TIMES, "{what}: {lines}\n{log}");
    }
}

#[test]
fn a_provider_that_is_away_or_another_is_not_gone_to() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let secret = secret();
    let another = crate::support::provider::Provider::start();
    another.says.lock().unwrap().metadata = json!({"issuer": "https://evil.example"});
    for issuer in [format!("http://{closed}"), another.issuer()] {
        let dev = Dev::with_policies(|policies| trust(policies, (&issuer, secret.path()), &[]));
        let query = query(&dev);
        let page = dev.get(&format!("/oauth/authorize?{query}"), &[]);
        let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap();
        let fields = form(&[("request", &query), ("csrf", &input(&page.text(), "csrf"))]);
        let post = |headers: &[(&str, &str)]| {
            http::request(dev.base(), "POST", "/oauth/federated", headers, &fields)
        };
        let answer = post(&[FORM, ("Cookie", cookie)]);
        assert_eq!(answer.status, 502, "{}", answer.text());
        // Many who try do not each wait for it.
        assert_eq!(post(&[FORM, ("Cookie", cookie)]).status, 502);
        wait_for("the log", || dev.log().contains("failed just before"));
        // Whoever has a browser post it from elsewhere, or without the page's cookie, gets nowhere at all.
        assert_eq!(post(&[FORM, ("Cookie", cookie), ("Origin", "https://evil.example")]).status, 400);
        assert_eq!(post(&[FORM]).status, 400);
    }
}

#[test]
fn keys_that_the_provider_has_changed_are_read_again() {
    let federated = Federated::start(&[]);
    let provider = &federated.provider;
    assert_eq!(federated.link(0, "user-1").status, 201);
    assert_eq!(federated.log_in("user-1", &json!({})).status, 303);
    let next = SigningPair::new("two");
    provider.publish(&[&provider.key, &next]);
    let sent = send(&federated.dev);
    let claims = provider.claims("user-1", &sent.parameter("nonce"));
    provider.gives(&next.sign(&json!({"alg": "ES256", "kid": "two"}), &claims));
    let right = [("code", "c"), ("state", &*sent.parameter("state"))];
    assert_eq!(come_back(&federated.dev, &sent.cookie, &right).status, 303);
}

#[test]
fn without_passwords_the_provider_is_the_only_way() {
    let federated = Federated::start(&[]);
    let (dev, file) = (&federated.dev, federated.dev.policies().join("platform.yaml"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("  login:\n", "  login:\n    password: false\n")).unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    let query = query(dev);
    let page = dev.get(&format!("/oauth/authorize?{query}"), &[]);
    assert!(!page.text().contains("type=\"password\"") && page.text().contains("Company account"));
    let fields = [
        ("request", query.as_str()),
        ("username", dev.told("/merchants/0/username")),
        ("password", dev.told("/merchants/0/password")),
    ];
    assert_eq!(http::request(dev.base(), "POST", "/oauth/login", &[FORM], &form(&fields)).status, 400);
    assert_eq!(federated.link(0, "user-1").status, 201);
    assert_eq!(federated.log_in("user-1", &json!({})).status, 303);
}

#[test]
fn logins_at_the_provider_are_neither_begun_nor_answered_without_end() {
    let federated = Federated::start(&[]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, "user-1").status, 201);
    let sent = send(dev);
    federated.provider.lets_in("user-1", &sent.parameter("nonce"), &json!({}));
    let right = [("code", "c"), ("state", &*sent.parameter("state"))];
    let guess =
        |number: usize| come_back(dev, &sent.cookie, &[("code", "c"), ("state", &number.to_string())]);
    let slowed = (0..80).find(|number| guess(*number).status == 429).expect("it goes on and on");
    assert!((50..80).contains(&slowed), "{slowed}");
    // What was refused unseen is as it was.
    assert_eq!(come_back(dev, &sent.cookie, &right).status, 429);
    let query = query(dev);
    let page = dev.get(&format!("/oauth/authorize?{query}"), &[("Cookie", &sent.cookie)]);
    let fields = form(&[("request", &query), ("csrf", &input(&page.text(), "csrf"))]);
    let begin =
        || http::request(dev.base(), "POST", "/oauth/federated", &[FORM, ("Cookie", &sent.cookie)], &fields);
    let slowed = (0..300).find(|_| begin().status == 429).expect("it goes on and on");
    assert!((59..300).contains(&slowed), "{slowed}");
}
