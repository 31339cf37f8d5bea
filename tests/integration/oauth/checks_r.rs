//! The list R: refresh tokens, what they give, how they follow each other, and what a replay does. R5 is in
//! [`super::interrupted`].

use serde_json::Value;

use super::table::Expected::{Refused, Status, Token};
use super::table::{Expected, Table};
use crate::support::dev::{Dev, parameter};
use crate::support::http::{self, Answer, FORM, form};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn text(answer: &Answer, name: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", answer.text())).to_owned()
}

const INVALID_GRANT: Expected<'_> = Refused(400, "invalid_grant");

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

/// A call of the API by an access token.
fn orders(dev: &Dev, answer: &Answer) -> Answer {
    dev.get("/api/orders", &[("Authorization", &format!("Bearer {}", text(answer, "access_token")))])
}

#[test]
fn checks_r() {
    let dev = Dev::start();
    let mut table = Table::default();
    r1(&dev, &mut table);
    for app in ["app", "public_app"] {
        r2(&dev, &mut table, app);
        r3(&dev, &mut table, app);
    }
    r4(&mut table);
    table.end(&["R1", "R2", "R3", "R4"]);
}

fn r1(dev: &Dev, table: &mut Table) {
    let first = authorize(dev, "app", 0, "order:read catalog:read");
    let token = text(&first, "refresh_token");
    for stranger in ["other_app", "public_app"] {
        table.row(&format!("R1 {stranger}"), &refresh_as(dev, stranger, &token, ""), INVALID_GRANT);
    }
    for beyond in ["order:write", "order:read order:write", "catalog:write", "nothing"] {
        let answer = refresh_as(dev, "app", &token, beyond);
        table.row(&format!("R1 a scope beyond: {beyond}"), &answer, Refused(400, "invalid_scope"));
    }
    let less = refresh_as(dev, "app", &token, "order:read");
    table.equal("R1 less", text(&less, "scope"), "order:read");
    let all = refresh_as(dev, "app", &text(&less, "refresh_token"), "");
    let mut scopes: Vec<_> = text(&all, "scope").split(' ').map(str::to_owned).collect();
    scopes.sort_unstable();
    table.equal("R1 the rotated token has all of it", scopes, ["catalog:read", "order:read"]);
    // What it rests on: nothing happens to the token while its merchant or its app is suspended.
    let token = text(&all, "refresh_token");
    for (name, path, refused) in [
        ("R1 a suspended merchant", format!("merchants/{}", dev.told("/merchants/0/id")), INVALID_GRANT),
        (
            "R1 a suspended app",
            format!("apps/{}", dev.told("/app/client_id")),
            Refused(401, "invalid_client"),
        ),
    ] {
        let standing = |verb: &str| dev.admin("POST", &format!("/admin/{path}/{verb}"), "");
        table.row(name, &standing("suspend"), Status(200));
        table.row(name, &refresh_as(dev, "app", &token, ""), refused);
        table.row(name, &standing("resume"), Status(200));
    }
    let again = refresh_as(dev, "app", &token, "");
    table.row("R1 nobody is suspended", &again, Token);
    table.row("R1 its access token is good", &orders(dev, &again), Status(200));
}

fn r2(dev: &Dev, table: &mut Table, app: &str) {
    let other = authorize(dev, app, 0, "order:read");
    let first = authorize(dev, app, 0, "order:read");
    let next = |before: &Answer| refresh_as(dev, app, &text(before, "refresh_token"), "");
    let second = next(&first);
    let third = next(&second);
    for answer in [&first, &third] {
        table.row(&format!("R2 {app}, before the replay"), &orders(dev, answer), Status(200));
    }
    table.row(&format!("R2 {app}, the replay"), &next(&first), INVALID_GRANT);
    for ended in [&first, &second, &third] {
        table.row(&format!("R2 {app}, access tokens end"), &orders(dev, ended), Status(401));
        table.row(&format!("R2 {app}, refresh tokens end"), &next(ended), INVALID_GRANT);
    }
    table.row(&format!("R2 {app}, another authorization"), &orders(dev, &other), Status(200));
    table.row(&format!("R2 {app}, and its refresh token"), &next(&other), Token);
}

fn r3(dev: &Dev, table: &mut Table, app: &str) {
    let first = text(&authorize(dev, app, 0, "order:read"), "refresh_token");
    let lost: Vec<_> = (0..3).map(|_| refresh_as(dev, app, &first, "")).collect();
    for answer in &lost {
        table.row(&format!("R3 {app}, the old one while no successor was used"), answer, Token);
    }
    let used = refresh_as(dev, app, &text(&lost[1], "refresh_token"), "");
    table.row(&format!("R3 {app}, a successor"), &used, Token);
    table.row(&format!("R3 {app}, its access token"), &orders(dev, &used), Status(200));
    // The one that arrived last was never used: its sibling was.
    let sibling = refresh_as(dev, app, &text(&lost[2], "refresh_token"), "");
    table.row(&format!("R3 {app}, the sibling is a replay"), &sibling, INVALID_GRANT);
    table.row(&format!("R3 {app}, which ends all of it"), &orders(dev, &used), Status(401));
    let after = refresh_as(dev, app, &text(&used, "refresh_token"), "");
    table.row(&format!("R3 {app}, and the one in use"), &after, INVALID_GRANT);
}

/// Refresh tokens end though they are used, those of public apps with the first of them.
fn r4(table: &mut Table) {
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
        std::thread::sleep(std::time::Duration::from_millis(100));
        for (app, token) in [("public_app", &mut public), ("app", &mut confidential)] {
            if ended.contains(&app) {
                continue;
            }
            let answer = refresh_as(&dev, app, token, "");
            if answer.status == 200 {
                *token = text(&answer, "refresh_token");
            } else {
                table.row(&format!("R4 {app}"), &answer, INVALID_GRANT);
                ended.push(app);
            }
        }
    }
    table.equal("R4 a public app's end first", ended, ["public_app", "app"]);
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
