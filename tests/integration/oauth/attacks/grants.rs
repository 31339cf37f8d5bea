//! Codes, tokens and answers that come from somewhere else than they should (RFC 9700, sections 4.3 to 4.15). What this platform
//! checks as a client of an identity provider is in [`super::super::federation`].

use serde_json::json;

use crate::oauth::table::Expected::{Refused, Status, Token};
use crate::oauth::table::{Expected, Table};
use crate::support::dev::{Dev, parameter};
use crate::support::dpop::{Holder, claims, hash};
use crate::support::http::{self, Answer, FORM, form};

const INVALID_GRANT: Expected<'_> = Refused(400, "invalid_grant");
const INVALID_PROOF: Expected<'_> = Refused(400, "invalid_dpop_proof");
/// RFC 7636, appendix B.
const CHALLENGE: [(&str, &str); 2] =
    [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The verifier of an attacker's own request, and the hash that it sent.
const HIS_VERIFIER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const HIS_CHALLENGE: &str = "DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQnip4TOnlzRo";

#[test]
fn rfc_9700_grants() {
    let dev = Dev::start();
    let mut table = Table::default();
    mix_up(&dev, &mut table);
    injection(&dev, &mut table);
    downgrade(&dev, &mut table);
    foreign_tokens(&dev, &mut table);
    replay(&dev, &mut table);
    stolen_proofs(&dev, &mut table);
    table.end(&[
        "9700-4.3",
        "9700-4.4",
        "9700-4.5",
        "9700-4.6",
        "9700-4.8",
        "9700-4.9",
        "9700-4.10",
        "9700-4.14",
        "9700-4.15",
    ]);
}

/// Where a merchant who consents to an app's request with `more` is sent.
fn back(dev: &Dev, app: &str, more: &[(&str, &str)]) -> String {
    let id = dev.told(&format!("/{app}/client_id"));
    dev.consent(&form(&[&[("client_id", id), ("response_type", "code")], more].concat()), 0)
}

fn code(dev: &Dev, app: &str, more: &[(&str, &str)]) -> String {
    parameter(&back(dev, app, more), "code").unwrap()
}

fn call(dev: &Dev, app: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", dev.told(&format!("/{app}/client_id")))];
    let secret = dev.ready.pointer(&format!("/{app}/client_secret")).and_then(|secret| secret.as_str());
    all.extend(secret.map(|secret| ("client_secret", secret)));
    all.extend(fields);
    http::request(dev.base(), "POST", "/oauth/token", &[&[FORM], headers].concat(), &form(&all))
}

fn exchange(dev: &Dev, app: &str, code: &str, verifier: &str) -> Answer {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
    call(dev, app, &[], &fields)
}

fn text(answer: &Answer, name: &str) -> String {
    answer.json()[name].as_str().unwrap_or_default().to_owned()
}

fn orders(dev: &Dev, authorization: &str, proof: &str) -> Answer {
    dev.get("/api/orders", &[("Authorization", authorization), ("DPoP", proof)])
}

/// An app that talks to several servers knows by `iss` whose answer it has.
fn mix_up(dev: &Dev, table: &mut Table) {
    let location = back(dev, "app", &[("state", "s")]);
    table.equal("9700-4.4 iss with a code", parameter(&location, "iss").as_deref(), Some(dev.base()));
    let query = form(&[("client_id", dev.told("/app/client_id")), ("response_type", "token")]);
    let error = dev.get_logged_in(&format!("/oauth/authorize?{query}"));
    let issuer = parameter(error.header("location").unwrap(), "iss");
    table.equal("9700-4.4 iss with an error", issuer.as_deref(), Some(dev.base()));
    let spoofed = back(dev, "app", &[("iss", "https://evil.example"), ("state", "s&iss=evil")]);
    table.equal("9700-4.4 iss is not the request's", parameter(&spoofed, "iss").as_deref(), Some(dev.base()));
    table.equal("9700-4.3 the browser sees no token", location.contains("access_token"), false);
    table.equal("9700-4.3 nor a fragment", location.contains('#'), false);
}

/// A code that was given to somebody else.
fn injection(dev: &Dev, table: &mut Table) {
    let his = [("code_challenge", HIS_CHALLENGE), CHALLENGE[1]];
    let own = exchange(dev, "public_app", &code(dev, "public_app", &his), HIS_VERIFIER);
    table.row("9700-4.5 the attacker's own code", &own, Token);
    let stolen = code(dev, "public_app", &CHALLENGE);
    for (name, app, verifier) in [
        ("9700-4.5 a stolen code in the attacker's flow", "public_app", HIS_VERIFIER),
        ("9700-4.5 a stolen code by the challenge", "public_app", CHALLENGE[0].1),
        ("9700-4.5 a stolen code at the attacker's app", "other_app", VERIFIER),
    ] {
        table.row(name, &exchange(dev, app, &stolen, verifier), INVALID_GRANT);
    }
    table.row("9700-4.5 it is still its owner's", &exchange(dev, "public_app", &stolen, VERIFIER), Token);
    table.row("9700-4.3 and once alone", &exchange(dev, "public_app", &stolen, VERIFIER), INVALID_GRANT);
}

/// The challenge is taken out of the request on its way, or the verifier out of the exchange.
fn downgrade(dev: &Dev, table: &mut Table) {
    let query = form(&[("client_id", dev.told("/public_app/client_id")), ("response_type", "code")]);
    let error = dev.get_logged_in(&format!("/oauth/authorize?{query}"));
    table.row("9700-4.8 a public app without a challenge", &error, Expected::ToApp("invalid_request"));
    let unbound = code(dev, "app", &[]);
    let refused = exchange(dev, "app", &unbound, VERIFIER);
    table.row("9700-4.8 the challenge is gone", &refused, Refused(400, "invalid_request"));
    let bound = code(dev, "app", &CHALLENGE);
    let without = [("grant_type", "authorization_code"), ("code", &*bound)];
    table.row("9700-4.8 the verifier is gone", &call(dev, "app", &[], &without), INVALID_GRANT);
    table.row("9700-4.8 none of it spoils the code", &exchange(dev, "app", &bound, VERIFIER), Token);
}

/// Tokens of another app, of another API, or of nobody but an app.
fn foreign_tokens(dev: &Dev, table: &mut Table) {
    let tokens = exchange(dev, "app", &code(dev, "app", &CHALLENGE), VERIFIER);
    let token = text(&tokens, "access_token");
    let fields = form(&[
        ("client_id", dev.told("/other_app/client_id")),
        ("client_secret", dev.told("/other_app/client_secret")),
        ("token", &token),
    ]);
    let told = http::request(dev.base(), "POST", "/oauth/introspect", &[FORM], &fields);
    table.equal("9700-4.6 a token of another app, introspected", told.json(), json!({"active": false}));
    table.equal("9700-4.6 a token names its app", &claims(&token)["client_id"], dev.told("/app/client_id"));
    table.equal("9700-4.9 a token names its API", &claims(&token)["aud"], dev.base());
    let own = call(dev, "app", &[], &[("grant_type", "client_credentials"), ("scope", "order:read")]);
    let own = text(&own, "access_token");
    table.equal("9700-4.15 an app is nobody but itself", &claims(&own)["sub"], dev.told("/app/client_id"));
    let answer = orders(dev, &format!("Bearer {own}"), "");
    table.row("9700-4.15 an app acts for no merchant", &answer, Status(403));
    // Ids are the platform's to give: an app cannot be called as a merchant is.
    let named = dev.register(&json!({}));
    let is_apart = |id: &str, prefix: &str| id.starts_with(prefix);
    let apart = (
        is_apart(named["client_id"].as_str().unwrap(), "app_"),
        is_apart(dev.told("/merchants/0/id"), "mer_"),
    );
    table.equal("9700-4.15 ids of apps and of merchants", apart, (true, true));
    let partner = dev.admin("POST", "/admin/partners", r#"{"name":"A"}"#).json();
    let chosen = json!({"name": "A", "partner": partner["id"], "client_id": dev.told("/merchants/0/id")});
    let refused = dev.admin("POST", "/admin/apps", &chosen.to_string());
    table.row("9700-4.15 an id of one's own choice", &refused, Status(422));
}

/// Refresh tokens that come twice or from somebody else.
fn replay(dev: &Dev, table: &mut Table) {
    for app in ["app", "public_app"] {
        let refresh = |app: &str, token: &str| {
            call(dev, app, &[], &[("grant_type", "refresh_token"), ("refresh_token", token)])
        };
        let first = exchange(dev, app, &code(dev, app, &CHALLENGE), VERIFIER);
        let stolen = text(&first, "refresh_token");
        table.row(&format!("9700-4.14 {app}: by another app"), &refresh("other_app", &stolen), INVALID_GRANT);
        let second = refresh(app, &stolen);
        let third = refresh(app, &text(&second, "refresh_token"));
        table.row(&format!("9700-4.14 {app}: its owner"), &third, Token);
        table.row(&format!("9700-4.14 {app}: the thief"), &refresh(app, &stolen), INVALID_GRANT);
        let after = refresh(app, &text(&third, "refresh_token"));
        table.row(&format!("9700-4.14 {app}: ends it for both"), &after, INVALID_GRANT);
        let bearer = format!("Bearer {}", text(&third, "access_token"));
        table.row(&format!("9700-4.14 {app}: access tokens too"), &orders(dev, &bearer, ""), Status(401));
    }
}

/// A bound token is of no use to who steals it, nor is a proof that was seen.
fn stolen_proofs(dev: &Dev, table: &mut Table) {
    let (mut holder, thief) = (Holder::new(), Holder::new());
    let [token_url, orders_url] = ["/oauth/token", "/api/orders"].map(|path| format!("{}{path}", dev.base()));
    let code = code(dev, "app", &CHALLENGE);
    let fields = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", VERIFIER)];
    let proof = holder.prove("POST", &token_url);
    let tokens = call(dev, "app", &[("DPoP", &proof)], &fields);
    table.row("9700-4.10 a proof with a code", &tokens, Token);
    let for_itself = [("grant_type", "client_credentials")];
    table.row(
        "9700-4.10 the proof again",
        &call(dev, "app", &[("DPoP", &proof)], &for_itself),
        INVALID_PROOF,
    );
    let access = text(&tokens, "access_token");
    let (bound, bearer) = (format!("DPoP {access}"), format!("Bearer {access}"));
    // A node that has just begun takes no proof that may have been used before.
    let unknown = holder.prove_with("GET", &orders_url, json!({"ath": hash(&access), "nonce": "unknown"}));
    holder.learn(orders(dev, &bound, &unknown).header("dpop-nonce").unwrap());
    let right = holder.prove_token("GET", &orders_url, &access);
    for (name, authorization, proof, status) in [
        ("9700-4.9 as a bearer", &bearer, String::new(), 401),
        ("9700-4.9 as a bearer, with a proof", &bearer, right.clone(), 401),
        ("9700-4.10 no proof", &bound, String::new(), 401),
        ("9700-4.10 by the thief's key", &bound, thief.prove_token("GET", &orders_url, &access), 401),
        ("9700-4.10 for another method", &bound, holder.prove_token("POST", &orders_url, &access), 401),
        ("9700-4.10 for another place", &bound, holder.prove_token("GET", &token_url, &access), 401),
        ("9700-4.10 for no token", &bound, holder.prove("GET", &orders_url), 401),
        ("9700-4.10 its owner", &bound, right.clone(), 200),
        ("9700-4.10 the same proof again", &bound, right, 401),
    ] {
        table.row(name, &orders(dev, authorization, &proof), Status(status));
    }
    let refresh = ("refresh_token", text(&tokens, "refresh_token"));
    let refresh = [("grant_type", "refresh_token"), (refresh.0, &refresh.1)];
    table.row("9700-4.14 a bound family without a proof", &call(dev, "app", &[], &refresh), INVALID_GRANT);
}
