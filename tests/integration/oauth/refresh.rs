//! Refresh tokens: what they give, how they follow each other, and what a replay does.

use std::time::Duration;

use serde_json::Value;

use crate::support::dev::{Dev, parameter};
use crate::support::http::{self, Answer, FORM, form};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn text(answer: &Answer, name: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", answer.text())).to_owned()
}

fn error(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// The first tokens of an app for a merchant, with that scope, or its usual ones.
fn authorize(dev: &Dev, app: &str, merchant: usize, scope: &str) -> Answer {
    let told = |name: &str| dev.told(&format!("/{app}/{name}"));
    let (id, redirect_uri) = (told("client_id"), told("redirect_uri"));
    let mut query = form(&[
        ("client_id", id),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    if !scope.is_empty() {
        query = format!("{query}&{}", form(&[("scope", scope)]));
    }
    let code = parameter(&dev.consent(&query, merchant), "code").expect("a code");
    let grant = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    call_as(dev, app, &[&grant[..], &[("redirect_uri", redirect_uri)]].concat())
}

fn call_as(dev: &Dev, app: &str, fields: &[(&str, &str)]) -> Answer {
    let secret = dev.ready.pointer(&format!("/{app}/client_secret")).and_then(Value::as_str);
    let mut all = vec![("client_id", dev.told(&format!("/{app}/client_id")))];
    all.extend(secret.map(|secret| ("client_secret", secret)));
    all.extend(fields);
    http::request(dev.base(), "POST", "/oauth/token", &[FORM], &form(&all))
}

fn refresh_as(dev: &Dev, app: &str, refresh_token: &str, scope: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("scope", scope)];
    call_as(dev, app, &fields)
}

fn works(dev: &Dev, answer: &Answer) -> bool {
    let bearer = format!("Bearer {}", text(answer, "access_token"));
    dev.get("/api/orders", &[("Authorization", &bearer)]).status == 200
}

#[test]
fn r1_a_refresh_token_is_its_clients_and_its_grants_and_keeps_its_scope() {
    let dev = Dev::start();
    let first = authorize(&dev, "app", 0, "order:read catalog:read");
    let token = text(&first, "refresh_token");
    for stranger in ["other_app", "public_app"] {
        assert_eq!(error(&refresh_as(&dev, stranger, &token, "")), invalid_grant());
    }
    for beyond in ["order:write", "order:read order:write", "catalog:write", "nothing"] {
        let refused = error(&refresh_as(&dev, "app", &token, beyond));
        assert_eq!(refused, (400, "invalid_scope".to_owned()), "{beyond}");
    }
    let less = refresh_as(&dev, "app", &token, "order:read");
    assert_eq!(text(&less, "scope"), "order:read");
    let all = refresh_as(&dev, "app", &text(&less, "refresh_token"), "");
    let mut scopes: Vec<_> = text(&all, "scope").split(' ').map(str::to_owned).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["catalog:read", "order:read"], "the rotated token has all that the first had");
    // What it rests on: nothing happens to the token while its merchant is suspended.
    let (token, merchant) = (text(&all, "refresh_token"), dev.told("/merchants/0/id"));
    let standing = |verb: &str| dev.admin("POST", &format!("/admin/merchants/{merchant}/{verb}"), "").status;
    assert_eq!(standing("suspend"), 200);
    assert_eq!(error(&refresh_as(&dev, "app", &token, "")), invalid_grant());
    assert_eq!(standing("resume"), 200);
    assert!(works(&dev, &refresh_as(&dev, "app", &token, "")));
}

#[test]
fn r2_a_replay_ends_the_authorization_and_no_other() {
    for app in ["app", "public_app"] {
        let dev = Dev::start();
        let other = authorize(&dev, app, 0, "order:read");
        let first = authorize(&dev, app, 0, "order:read");
        let second = refresh_as(&dev, app, &text(&first, "refresh_token"), "");
        let third = refresh_as(&dev, app, &text(&second, "refresh_token"), "");
        assert!(works(&dev, &first) && works(&dev, &third));
        let replayed = refresh_as(&dev, app, &text(&first, "refresh_token"), "");
        assert_eq!(error(&replayed), invalid_grant());
        for ended in [&first, &second, &third] {
            assert!(!works(&dev, ended), "{app}");
            assert_eq!(error(&refresh_as(&dev, app, &text(ended, "refresh_token"), "")), invalid_grant());
        }
        assert!(works(&dev, &other), "another authorization by the same grant");
        assert!(works(&dev, &refresh_as(&dev, app, &text(&other, "refresh_token"), "")));
    }
}

#[test]
fn r3_a_lost_answer_is_asked_for_again_until_a_successor_is_used() {
    let dev = Dev::start();
    let first = text(&authorize(&dev, "app", 0, "order:read"), "refresh_token");
    let lost: Vec<_> = (0..3).map(|_| refresh_as(&dev, "app", &first, "")).collect();
    let used = refresh_as(&dev, "app", &text(&lost[1], "refresh_token"), "");
    assert!(works(&dev, &used));
    // The one that arrived last was never used: its sibling was.
    assert_eq!(error(&refresh_as(&dev, "app", &text(&lost[2], "refresh_token"), "")), invalid_grant());
    assert!(!works(&dev, &used));
    assert_eq!(error(&refresh_as(&dev, "app", &text(&used, "refresh_token"), "")), invalid_grant());
}

#[test]
fn r4_refresh_tokens_end_though_they_are_used_those_of_public_apps_with_the_first() {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("refresh_token_lifetime: 30d", "refresh_token_lifetime: 4s");
        std::fs::write(&file, text.replace("refresh_family_lifetime: 365d", "refresh_family_lifetime: 12s"))
            .unwrap();
    });
    let mut public = text(&authorize(&dev, "public_app", 0, "order:read"), "refresh_token");
    let mut confidential = text(&authorize(&dev, "app", 1, "order:read"), "refresh_token");
    // Each use is sooner than a token would end that is not used.
    let mut ended = Vec::new();
    while ended.len() < 2 {
        // No more often than a family may refresh.
        std::thread::sleep(Duration::from_millis(100));
        for (app, token) in [("public_app", &mut public), ("app", &mut confidential)] {
            if ended.contains(&app) {
                continue;
            }
            let answer = refresh_as(&dev, app, token, "");
            if answer.status == 200 {
                *token = text(&answer, "refresh_token");
            } else {
                assert_eq!(error(&answer), invalid_grant());
                ended.push(app);
            }
        }
    }
    assert_eq!(ended, ["public_app", "app"]);
}

#[test]
fn what_a_scope_is_worth_decides_how_long_tokens_live() {
    let dev = Dev::start();
    let seconds = |answer: &Answer| answer.json()["expires_in"].as_u64().unwrap();
    let usual = authorize(&dev, "app", 0, "order:read");
    assert_eq!(seconds(&usual), 3600);
    let personal = authorize(&dev, "app", 0, "order:read order:pii");
    assert_eq!(seconds(&personal), 600, "the shortest of its scopes counts");
    let less = refresh_as(&dev, "app", &text(&personal, "refresh_token"), "order:read");
    assert_eq!(seconds(&less), 3600, "a token without it lives as long as others");
    let own = call_as(&dev, "app", &[("grant_type", "client_credentials"), ("scope", "order:pii")]);
    assert_eq!(seconds(&own), 600);
    // Of refresh tokens too, each successor as well: introspection tells from when to when they live.
    for (answer, days) in [(&usual, 30), (&personal, 7), (&less, 7)] {
        let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
        let token = text(answer, "refresh_token");
        let fields = form(&[("client_id", id), ("client_secret", secret), ("token", &token)]);
        let told = http::request(dev.base(), "POST", "/oauth/introspect", &[FORM], &fields).json();
        let lives = told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap();
        assert!((lives - days * 24 * 3600).abs() <= 1, "{told}");
    }
}

#[test]
fn t7_every_answer_of_the_token_endpoint_is_json_that_nobody_keeps() {
    let dev = Dev::start();
    let first = authorize(&dev, "app", 0, "order:read");
    let answers = [
        refresh_as(&dev, "app", &text(&first, "refresh_token"), ""),
        call_as(&dev, "app", &[("grant_type", "client_credentials")]),
        call_as(&dev, "app", &[("grant_type", "refresh_token"), ("refresh_token", "unknown")]),
        call_as(&dev, "app", &[("grant_type", "nonsense")]),
        http::request(dev.base(), "POST", "/oauth/token", &[FORM], "grant_type=client_credentials"),
        first,
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
        if answer.status == 200 {
            let told = answer.json();
            assert!(told["token_type"].as_str().unwrap().eq_ignore_ascii_case("bearer"));
            assert!(told["expires_in"].is_u64() && told["scope"].is_string(), "{told}");
        }
    }
}

#[test]
fn t8_tokens_cannot_be_guessed_and_are_kept_as_hashes() {
    let dev = Dev::start();
    let first = authorize(&dev, "app", 0, "order:read");
    let mut seen = vec![text(&first, "refresh_token")];
    for _ in 0..10 {
        let next = refresh_as(&dev, "app", seen.last().unwrap(), "");
        seen.push(text(&next, "refresh_token"));
    }
    for token in &seen {
        let random = token.strip_prefix("tgr_").unwrap();
        let letters: std::collections::HashSet<_> = random.chars().collect();
        // Five bits a letter: 256 and more.
        assert!(random.len() >= 52 && letters.len() > 10, "{token}");
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len());
    for entry in std::fs::read_dir(dev.data()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("tollgate.db") {
            let bytes = std::fs::read(entry.path()).unwrap();
            let holds = |token: &String| bytes.windows(token.len()).any(|part| part == token.as_bytes());
            assert!(!seen.iter().any(holds), "{:?} has a token", entry.file_name());
        }
    }
}
