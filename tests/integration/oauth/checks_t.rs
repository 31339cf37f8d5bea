//! The list T: codes and the token endpoint. T5 and T6 have more in [`super::clients`], T8 in [`super::secrets`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::table::Expected::{Refused, Status, Token};
use super::table::Table;
use crate::support::dev::{Dev, parameter, wait_for};
use crate::support::dpop::now;
use crate::support::http::{self, Answer, FORM, form};

/// RFC 7636, appendix B.
const CHALLENGE: [(&str, &str); 2] =
    [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
const VERIFIER: (&str, &str) = ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const INVALID_GRANT: super::table::Expected<'_> = Refused(400, "invalid_grant");
const INVALID_REQUEST: super::table::Expected<'_> = Refused(400, "invalid_request");
const INVALID_CLIENT: super::table::Expected<'_> = Refused(401, "invalid_client");

#[test]
fn checks_t() {
    let dev = Dev::start();
    let mut table = Table::default();
    t1(&mut table);
    t2(&dev, &mut table);
    t3(&dev, &mut table);
    t4(&dev, &mut table);
    t5(&dev, &mut table);
    t6(&dev, &mut table);
    t7(&dev, &mut table);
    t8(&dev, &mut table);
    table.end(&["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8"]);
}

/// A code for the first app, which was asked for with `more`.
fn code(dev: &Dev, more: &[(&str, &str)]) -> String {
    let fields = [&[("client_id", dev.told("/app/client_id")), ("response_type", "code")], more].concat();
    parameter(&dev.consent(&form(&fields), 0), "code").unwrap()
}

fn exchange(dev: &Dev, code: &str, more: &[(&str, &str)]) -> Answer {
    dev.token_call(&[&[("grant_type", "authorization_code"), ("code", code)], more].concat())
}

/// A call that proves itself by what it brings.
fn call(dev: &Dev, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
    http::request(dev.base(), "POST", "/oauth/token", &[&[FORM], headers].concat(), &form(fields))
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn orders(dev: &Dev, tokens: &Answer) -> Answer {
    let bearer = format!("Bearer {}", tokens.json()["access_token"].as_str().unwrap_or_default());
    dev.get("/api/orders", &[("Authorization", &bearer)])
}

fn refresh(dev: &Dev, tokens: &Answer) -> Answer {
    let token = tokens.json()["refresh_token"].as_str().unwrap_or_default().to_owned();
    dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &token)])
}

/// The client's, redirect URI's and challenge's parts of it are T6, T4 and T3. That no policy lets a code live for more than ten
/// minutes is among the [broken policies](crate::policy).
fn t1(table: &mut Table) {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("code_lifetime: 60s"));
        std::fs::write(&file, text.replace("code_lifetime: 60s", "code_lifetime: 1s")).unwrap();
    });
    let (code, given_at) = (code(&dev, &[]), now());
    wait_for("the code to expire", || now() > given_at + 1);
    table.row("T1 an expired code", &exchange(&dev, &code, &[]), INVALID_GRANT);
    table.row("T1 and again", &exchange(&dev, &code, &[]), INVALID_GRANT);
}

fn t2(dev: &Dev, table: &mut Table) {
    let (uri, id) =
        (("redirect_uri", dev.told("/app/redirect_uri")), ("client_id", dev.told("/app/client_id")));
    let code = code(dev, &[uri, CHALLENGE[0], CHALLENGE[1]]);
    let first = exchange(dev, &code, &[uri, VERIFIER]);
    table.row("T2 a code gives tokens", &first, Token);
    let replay = [("grant_type", "authorization_code"), ("code", &*code), uri, VERIFIER];
    let other_verifier = ("code_verifier", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let other_app = [
        ("client_id", dev.told("/other_app/client_id")),
        ("client_secret", dev.told("/other_app/client_secret")),
    ];
    let public = [("client_id", dev.told("/public_app/client_id"))];
    for (name, answer, expected) in [
        ("T2 replay, wrong verifier", exchange(dev, &code, &[uri, other_verifier]), INVALID_GRANT),
        ("T2 replay, no verifier", exchange(dev, &code, &[uri]), INVALID_GRANT),
        (
            "T2 replay, another redirect URI",
            exchange(dev, &code, &[("redirect_uri", "http://127.0.0.1:9999/other"), VERIFIER]),
            INVALID_GRANT,
        ),
        (
            "T2 replay, wrong secret",
            call(dev, &[], &[&[id, ("client_secret", "wrong")], &replay[..]].concat()),
            INVALID_CLIENT,
        ),
        ("T2 replay, no secret", call(dev, &[], &[&[id], &replay[..]].concat()), INVALID_CLIENT),
        ("T2 replay, another app", call(dev, &[], &[&other_app[..], &replay].concat()), INVALID_GRANT),
        ("T2 replay, a public app", call(dev, &[], &[&public[..], &replay].concat()), INVALID_GRANT),
    ] {
        table.row(name, &answer, expected);
        table.row(&format!("{name}: revokes nothing"), &orders(dev, &first), Status(200));
    }
    let second = refresh(dev, &first);
    table.row("T2 nor the refresh token", &second, Token);
    table.row("T2 a right replay", &exchange(dev, &code, &[uri, VERIFIER]), INVALID_GRANT);
    for tokens in [&first, &second] {
        table.row("T2 a right replay ends the access tokens", &orders(dev, tokens), Status(401));
        table.row("T2 a right replay ends the refresh tokens", &refresh(dev, tokens), INVALID_GRANT);
    }
}

fn t3(dev: &Dev, table: &mut Table) {
    let plain = code(dev, &[]);
    table.row("T3 a verifier and no challenge", &exchange(dev, &plain, &[VERIFIER]), INVALID_REQUEST);
    table.row("T3 neither", &exchange(dev, &plain, &[]), Token);
    let bound = code(dev, &CHALLENGE);
    let (long, odd) = ("x".repeat(129), format!("{}!", &VERIFIER.1[1..]));
    for (name, verifier) in [
        ("T3 42 characters", &VERIFIER.1[1..]),
        ("T3 129 characters", &long),
        ("T3 another alphabet", &odd),
        ("T3 another verifier", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("T3 the challenge itself", CHALLENGE[0].1),
        ("T3 an empty verifier", ""),
    ] {
        table.row(name, &exchange(dev, &bound, &[("code_verifier", verifier)]), INVALID_GRANT);
    }
    table.row("T3 no verifier", &exchange(dev, &bound, &[]), INVALID_GRANT);
    table.row("T3 the right verifier", &exchange(dev, &bound, &[VERIFIER]), Token);
    // An app that has to use PKCE by now.
    let (earlier, bound) = (code(dev, &[]), code(dev, &CHALLENGE));
    let path = format!("/admin/apps/{}", dev.told("/app/client_id"));
    let change = |settings: &str| dev.admin("PATCH", &path, settings);
    table.row("T3 to require PKCE", &change(r#"{"requires_pkce": true}"#), Status(200));
    table.row("T3 an earlier code without", &exchange(dev, &earlier, &[]), INVALID_GRANT);
    table.row("T3 an earlier code with a verifier", &exchange(dev, &earlier, &[VERIFIER]), INVALID_GRANT);
    table.row("T3 an earlier code that has it", &exchange(dev, &bound, &[VERIFIER]), Token);
    table.row("T3 to require it no more", &change(r#"{"requires_pkce": false}"#), Status(200));
}

fn t4(dev: &Dev, table: &mut Table) {
    let uri = ("redirect_uri", dev.told("/app/redirect_uri"));
    let named = code(dev, &[uri]);
    let elsewhere = code(dev, &[]);
    for (name, wrong) in [
        ("T4 a slash more", "http://127.0.0.1:9999/callback/"),
        ("T4 another port", "http://127.0.0.1:1234/callback"),
        ("T4 another place", "https://evil.example/"),
    ] {
        table.row(name, &exchange(dev, &named, &[("redirect_uri", wrong)]), INVALID_GRANT);
        let name = format!("{name}, the request had none");
        table.row(&name, &exchange(dev, &elsewhere, &[("redirect_uri", wrong)]), INVALID_GRANT);
    }
    table.row("T4 none, and no PKCE either", &exchange(dev, &named, &[]), INVALID_GRANT);
    table.row("T4 the same", &exchange(dev, &named, &[uri]), Token);
    table.row("T4 the only one that there is", &exchange(dev, &elsewhere, &[uri]), Token);
    let by_challenge = code(dev, &[uri, CHALLENGE[0], CHALLENGE[1]]);
    table.row("T4 none, by PKCE (OAuth 2.1)", &exchange(dev, &by_challenge, &[VERIFIER]), Token);
    table.row("T4 never named", &exchange(dev, &code(dev, &[]), &[]), Token);
}

fn t5(dev: &Dev, table: &mut Table) {
    let (id, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let encoded = form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('_', "%5F");
    let right = basic(id, secret);
    let escaped = basic(&encoded, &secret.replace("tgs_", "tgs%5F"));
    let by_basic = ("Authorization", &*right);
    let in_form = [GRANT, ("client_id", id), ("client_secret", secret)];
    let in_address = format!("/oauth/token?{}", form(&in_form));
    let json = [("Content-Type", "application/json"), by_basic];
    let post = |path: &str, headers: &[(&str, &str)], body: &str| {
        http::request(dev.base(), "POST", path, headers, body)
    };
    for (name, answer, expected) in [
        ("T5 client_secret_post", call(dev, &[], &in_form), Token),
        ("T5 client_secret_basic", call(dev, &[by_basic], &[GRANT]), Token),
        ("T5 both parts encoded first", call(dev, &[("Authorization", &escaped)], &[GRANT]), Token),
        ("T5 two ways at once", call(dev, &[by_basic], &in_form), INVALID_REQUEST),
        ("T5 Basic twice", call(dev, &[by_basic, by_basic], &[GRANT]), INVALID_REQUEST),
        ("T5 credentials in the address", post(&in_address, &[FORM], &form(&[GRANT])), INVALID_CLIENT),
        ("T5 all in the address", post(&in_address, &[FORM], ""), INVALID_CLIENT),
        ("T5 a body that is no form", post("/oauth/token", &json, r#"{"grant_type":"x"}"#), INVALID_REQUEST),
    ] {
        table.row(name, &answer, expected);
    }
    for method in ["GET", "PUT", "DELETE"] {
        let answer = http::request(dev.base(), method, &in_address, &[], "");
        table.row(&format!("T5 {method}"), &answer, Status(405));
        table.equal("T5 it says what is allowed", answer.header("allow"), Some("POST"));
    }
    let guess = basic(id, "guess");
    let slowed = (0..400).any(|_| call(dev, &[("Authorization", &guess)], &[GRANT]).status == 429);
    table.equal("T5 who guesses is slowed", slowed, true);
    table.row("T5 the right secret is not", &call(dev, &[by_basic], &[GRANT]), Token);
}

fn t6(dev: &Dev, table: &mut Table) {
    let (other, secret) = (dev.told("/other_app/client_id"), dev.told("/other_app/client_secret"));
    let public = dev.told("/public_app/client_id");
    let wrong = call(dev, &[("Authorization", &basic(other, "wrong"))], &[GRANT]);
    let used = code(dev, &[]);
    table.row("T6 a code is used", &exchange(dev, &used, &[]), Token);
    let others = code(dev, &[]);
    let by_other = [
        ("grant_type", "authorization_code"),
        ("code", &others),
        ("client_id", other),
        ("client_secret", secret),
    ];
    let as_app = |fields: &[(&str, &str)]| dev.token_call(fields);
    let alone = |fields: &[(&str, &str)]| call(dev, &[], fields);
    let unknown = ("refresh_token", "tgr_unknown");
    let challenge = wrong.header("www-authenticate").unwrap_or_default().starts_with("Basic realm=");
    table.equal("T6 Basic is answered by Basic", challenge, true);
    for (name, answer, expected) in [
        ("T6 a wrong secret, by Basic", wrong, INVALID_CLIENT),
        (
            "T6 a wrong secret",
            alone(&[GRANT, ("client_id", other), ("client_secret", "wrong")]),
            INVALID_CLIENT,
        ),
        ("T6 no secret", alone(&[GRANT, ("client_id", other)]), INVALID_CLIENT),
        ("T6 no client", alone(&[GRANT]), INVALID_CLIENT),
        (
            "T6 an unknown client",
            alone(&[GRANT, ("client_id", "no"), ("client_secret", secret)]),
            INVALID_CLIENT,
        ),
        (
            "T6 a public app's secret",
            alone(&[GRANT, ("client_id", public), ("client_secret", "x")]),
            INVALID_CLIENT,
        ),
        ("T6 a used code", exchange(dev, &used, &[]), INVALID_GRANT),
        ("T6 an unknown code", exchange(dev, "tgc_unknown", &[]), INVALID_GRANT),
        ("T6 another client's code", alone(&by_other), INVALID_GRANT),
        ("T6 an unknown refresh token", as_app(&[("grant_type", "refresh_token"), unknown]), INVALID_GRANT),
        ("T6 no code", as_app(&[("grant_type", "authorization_code")]), INVALID_REQUEST),
        ("T6 no refresh token", as_app(&[("grant_type", "refresh_token")]), INVALID_REQUEST),
        ("T6 no grant type", as_app(&[]), INVALID_REQUEST),
        ("T6 a parameter twice", as_app(&[GRANT, GRANT]), INVALID_REQUEST),
        ("T6 a NUL", as_app(&[GRANT, ("scope", "a\0b")]), INVALID_REQUEST),
        ("T6 a password", as_app(&[("grant_type", "password")]), Refused(400, "unsupported_grant_type")),
        (
            "T6 in other letters",
            as_app(&[("grant_type", "Password")]),
            Refused(400, "unsupported_grant_type"),
        ),
        ("T6 a scope beyond", as_app(&[GRANT, ("scope", "catalog:write")]), Refused(400, "invalid_scope")),
        (
            "T6 a public app for itself",
            alone(&[GRANT, ("client_id", public)]),
            Refused(400, "unauthorized_client"),
        ),
    ] {
        table.row(name, &answer, expected);
        table.equal(name, answer.header("content-type"), Some("application/json"));
        table.equal(name, answer.header("www-authenticate").is_some(), answer.status == 401);
    }
    let codes_alone = dev.register(&serde_json::json!({"grant_types": ["authorization_code"]}));
    let text = |name: &str| codes_alone[name].as_str().unwrap();
    let proof = [("client_id", text("client_id")), ("client_secret", text("client_secret"))];
    let for_itself = alone(&[&[GRANT], &proof[..]].concat());
    table.row("T6 not registered for it", &for_itself, Refused(400, "unauthorized_client"));
    let code = dev.consent(&form(&[proof[0], ("response_type", "code")]), 0);
    let code = parameter(&code, "code").unwrap();
    let grant = [("grant_type", "authorization_code"), ("code", &*code)];
    let tokens = alone(&[&grant, &proof[..]].concat());
    table.row("T6 registered for it", &tokens, Token);
    table.equal("T6 and for no refresh token", tokens.json().get("refresh_token"), None::<&Value>);
}

fn t7(dev: &Dev, table: &mut Table) {
    let first = exchange(dev, &code(dev, &[("scope", "order:read")]), &[]);
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    for (name, answer) in [
        ("T7 a refresh", refresh(dev, &first)),
        ("T7 a code", first),
        ("T7 for itself", dev.token_call(&[GRANT])),
        ("T7 for itself, less", dev.token_call(&[GRANT, ("scope", "catalog:read")])),
        ("T7 no device", dev.token_call(&[("grant_type", device), ("device_code", "x")])),
        ("T7 an unknown grant", dev.token_call(&[("grant_type", "nonsense")])),
        ("T7 nobody", call(dev, &[], &[GRANT])),
    ] {
        table.equal(name, answer.header("cache-control"), Some("no-store"));
        table.equal(name, answer.header("content-type"), Some("application/json"));
        if answer.status == 200 {
            let told = answer.json();
            let kind = told["token_type"].as_str().unwrap_or_default().to_ascii_lowercase();
            table.equal(name, kind.as_str(), "bearer");
            table.equal(name, told["expires_in"].is_u64() && told["scope"].is_string(), true);
        }
    }
}

fn t8(dev: &Dev, table: &mut Table) {
    let mut tokens = exchange(dev, &code(dev, &[]), &[]);
    let mut seen = vec![code(dev, &[])];
    for _ in 0..10 {
        seen.push(tokens.json()["refresh_token"].as_str().unwrap_or_default().to_owned());
        tokens = refresh(dev, &tokens);
    }
    for secret in &seen {
        let random = secret.split_once('_').unwrap_or_default().1;
        let letters: std::collections::HashSet<_> = random.chars().collect();
        // Five bits a letter: 256 and more.
        table.equal("T8 256 random bits", random.len() >= 52 && letters.len() > 10, true);
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    table.equal("T8 no two alike", distinct.len(), seen.len());
    for entry in std::fs::read_dir(dev.data()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("tollgate.db") {
            let bytes = std::fs::read(entry.path()).unwrap();
            let holds = |token: &String| bytes.windows(token.len()).any(|part| part == token.as_bytes());
            table.equal("T8 kept as hashes", seen.iter().filter(|token| holds(token)).count(), 0);
        }
    }
}
