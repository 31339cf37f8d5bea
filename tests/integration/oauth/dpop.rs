//! Proofs of possession at the authorization server (RFC 9449): check P3 of the list, and the attacks on it.

use serde_json::json;

use crate::support::dev::{Dev, parameter};
use crate::support::dpop::{Holder, claims, now};
use crate::support::http::{self, Answer, FORM, form};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fn url(dev: &Dev) -> String {
    format!("{}/oauth/token", dev.base())
}

fn call(dev: &Dev, proofs: &[&str], fields: &[(&str, &str)]) -> Answer {
    let mut headers = vec![FORM];
    headers.extend(proofs.iter().map(|proof| ("DPoP", *proof)));
    http::request(dev.base(), "POST", "/oauth/token", &headers, &form(fields))
}

/// A call by the first app, which is confidential.
fn call_as_app(dev: &Dev, proofs: &[&str], fields: &[(&str, &str)]) -> Answer {
    let mut all =
        vec![("client_id", dev.told("/app/client_id")), ("client_secret", dev.told("/app/client_secret"))];
    all.extend(fields);
    call(dev, proofs, &all)
}

fn call_as_public(dev: &Dev, proofs: &[&str], fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", dev.told("/public_app/client_id"))];
    all.extend(fields);
    call(dev, proofs, &all)
}

fn error(answer: &Answer) -> String {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()["error"].as_str().unwrap().to_owned()
}

fn text(answer: &Answer, member: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[member].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

/// A code of the public app.
fn public_code(dev: &Dev, more: &str) -> String {
    let app = dev.told("/public_app/client_id");
    let query = format!("client_id={app}&response_type=code&{CHALLENGE}{more}");
    parameter(&dev.consent(&query, 0), "code").unwrap()
}

fn exchange_public(dev: &Dev, proofs: &[&str], code: &str) -> Answer {
    call_as_public(
        dev,
        proofs,
        &[("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)],
    )
}

#[test]
fn p3_a_proof_binds_the_token_and_the_answer_says_so() {
    let dev = Dev::start();
    let holder = Holder::new();
    let answer = call_as_app(&dev, &[&holder.prove("POST", &url(&dev))], &[GRANT]);
    assert_eq!(text(&answer, "token_type"), "DPoP");
    assert_eq!(claims(&text(&answer, "access_token"))["cnf"], json!({"jkt": holder.thumbprint()}));
    let unbound = call_as_app(&dev, &[], &[GRANT]);
    assert_eq!(text(&unbound, "token_type"), "Bearer");
    assert!(claims(&text(&unbound, "access_token")).get("cnf").is_none());
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    let algorithms = metadata["dpop_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")));
}

#[test]
fn p3_a_proof_is_taken_once_even_after_a_crash() {
    let dev = Dev::start();
    let holder = Holder::new();
    let proof = holder.prove_with("POST", &url(&dev), json!({"jti": "the only one"}));
    assert_eq!(call_as_app(&dev, &[&proof], &[GRANT]).status, 200);
    assert_eq!(error(&call_as_app(&dev, &[&proof], &[GRANT])), "invalid_dpop_proof");
    let again = holder.prove_with("POST", &url(&dev), json!({"jti": "the only one"}));
    assert_eq!(error(&call_as_app(&dev, &[&again], &[GRANT])), "invalid_dpop_proof");
    let others = Holder::new().prove_with("POST", &url(&dev), json!({"jti": "the only one"}));
    assert_eq!(call_as_app(&dev, &[&others], &[GRANT]).status, 200);
    let dev = dev.kill_and_restart();
    // The port is another one now, and with it the URL that a proof is of.
    let after = holder.prove_with("POST", &url(&dev), json!({"jti": "the only one"}));
    assert_eq!(error(&call_as_app(&dev, &[&after], &[GRANT])), "invalid_dpop_proof");
}

#[test]
fn p3_of_many_uses_of_a_proof_at_once_one_gives_a_token() {
    let dev = Dev::start();
    let proof = Holder::new().prove("POST", &url(&dev));
    let given = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..16).map(|_| scope.spawn(|| call_as_app(&dev, &[&proof], &[GRANT]).status)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(given, 1);
}

#[test]
fn p3_a_nonce_is_asked_for_where_the_platform_says_so() {
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("nonce_at_oauth: false", "nonce_at_oauth: true")).unwrap();
    });
    let holder = Holder::new();
    let challenged = call_as_app(&dev, &[&holder.prove("POST", &url(&dev))], &[GRANT]);
    assert_eq!(error(&challenged), "use_dpop_nonce");
    let nonce = challenged.header("dpop-nonce").unwrap().to_owned();
    let with = |nonce: &str| holder.prove_with("POST", &url(&dev), json!({"nonce": nonce}));
    let given = call_as_app(&dev, &[&with(&nonce)], &[GRANT]);
    assert_eq!(text(&given, "token_type"), "DPoP");
    assert!(given.header("dpop-nonce").is_some(), "the next nonce is told ahead of time");
    let clock_is_off = holder.prove_with("POST", &url(&dev), json!({"nonce": nonce, "iat": now() - 1000}));
    assert_eq!(call_as_app(&dev, &[&clock_is_off], &[GRANT]).status, 200);
    for wrong in ["", "x", &nonce[1..], &nonce.chars().rev().collect::<String>()] {
        assert_eq!(error(&call_as_app(&dev, &[&with(wrong)], &[GRANT])), "use_dpop_nonce", "{wrong:?}");
    }
    assert!(call_as_app(&dev, &[], &[GRANT]).header("dpop-nonce").is_none());
}

#[test]
fn p3_a_code_that_is_bound_to_a_key_is_of_no_use_without_it() {
    let dev = Dev::start();
    let (holder, thief) = (Holder::new(), Holder::new());
    let code = public_code(&dev, &format!("&dpop_jkt={}", holder.thumbprint()));
    assert_eq!(error(&exchange_public(&dev, &[], &code)), "invalid_grant");
    assert_eq!(error(&exchange_public(&dev, &[&thief.prove("POST", &url(&dev))], &code)), "invalid_grant");
    let answer = exchange_public(&dev, &[&holder.prove("POST", &url(&dev))], &code);
    assert_eq!(claims(&text(&answer, "access_token"))["cnf"]["jkt"], holder.thumbprint());
    let app = dev.told("/public_app/client_id");
    let query = format!("client_id={app}&response_type=code&{CHALLENGE}&dpop_jkt=short");
    let refused = dev.get_logged_in(&format!("/oauth/authorize?{query}"));
    let location = refused.header("location").unwrap();
    assert_eq!(parameter(location, "error").as_deref(), Some("invalid_request"));
}

#[test]
fn p3_a_public_apps_refresh_token_is_bound_to_its_key() {
    let dev = Dev::start();
    let (holder, thief) = (Holder::new(), Holder::new());
    let first = exchange_public(&dev, &[&holder.prove("POST", &url(&dev))], &public_code(&dev, ""));
    let token = text(&first, "refresh_token");
    let refresh = |proofs: &[&str], token: &str| {
        call_as_public(&dev, proofs, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    };
    assert_eq!(error(&refresh(&[], &token)), "invalid_grant");
    assert_eq!(error(&refresh(&[&thief.prove("POST", &url(&dev))], &token)), "invalid_grant");
    let second = refresh(&[&holder.prove("POST", &url(&dev))], &token);
    assert_eq!(text(&second, "token_type"), "DPoP");
    let third = refresh(&[&holder.prove("POST", &url(&dev))], &text(&second, "refresh_token"));
    assert_eq!(claims(&text(&third, "access_token"))["cnf"]["jkt"], holder.thumbprint());
    // Who has no key cannot have the family revoked by a token that was spent.
    assert_eq!(error(&refresh(&[&thief.prove("POST", &url(&dev))], &token)), "invalid_grant");
    let next = text(&third, "refresh_token");
    assert_eq!(refresh(&[&holder.prove("POST", &url(&dev))], &next).status, 200);
    // A token that was got without a proof is not bound later: it may be a thief who has it.
    let unbound = text(&exchange_public(&dev, &[], &public_code(&dev, "")), "refresh_token");
    assert_eq!(error(&refresh(&[&thief.prove("POST", &url(&dev))], &unbound)), "invalid_grant");
    assert_eq!(text(&refresh(&[], &unbound), "token_type"), "Bearer");
}

#[test]
fn p3_a_confidential_app_may_change_its_key_but_not_go_on_without() {
    let dev = Dev::start();
    let (one, other) = (Holder::new(), Holder::new());
    let code = dev.code(0);
    let uri = dev.told("/app/redirect_uri");
    let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", uri)];
    let first = call_as_app(&dev, &[&one.prove("POST", &url(&dev))], &grant);
    let token = text(&first, "refresh_token");
    let refresh = |proofs: &[&str], token: &str| {
        call_as_app(&dev, proofs, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    };
    assert_eq!(error(&refresh(&[], &token)), "invalid_grant");
    let second = refresh(&[&other.prove("POST", &url(&dev))], &token);
    assert_eq!(claims(&text(&second, "access_token"))["cnf"]["jkt"], other.thumbprint());
    let third = refresh(&[&one.prove("POST", &url(&dev))], &text(&second, "refresh_token"));
    assert_eq!(claims(&text(&third, "access_token"))["cnf"]["jkt"], one.thumbprint());
}

#[test]
fn p3_a_proof_is_not_spent_on_a_grant_that_is_not_good() {
    let dev = Dev::start();
    let proof = Holder::new().prove("POST", &url(&dev));
    let made_up = [("grant_type", "refresh_token"), ("refresh_token", "tgr_made_up")];
    assert_eq!(error(&call_as_public(&dev, &[&proof], &made_up)), "invalid_grant");
    assert_eq!(error(&exchange_public(&dev, &[&proof], "made_up")), "invalid_grant");
    let code = public_code(&dev, "");
    let grant = [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", "x")];
    assert_eq!(error(&call_as_public(&dev, &[&proof], &grant)), "invalid_grant");
    assert_eq!(text(&exchange_public(&dev, &[&proof], &code), "token_type"), "DPoP");
    // Now it is, also for what is good.
    let other = public_code(&dev, "");
    assert_eq!(error(&exchange_public(&dev, &[&proof], &other)), "invalid_dpop_proof");
}

#[test]
fn who_guesses_at_grants_of_a_public_app_is_told_to_wait() {
    let dev = Dev::start();
    let guess = [("grant_type", "refresh_token"), ("refresh_token", "tgr_made_up")];
    let told = (0..1_000).any(|_| call_as_public(&dev, &[], &guess).status == 429);
    assert!(told, "nobody was told to wait");
    let code = public_code(&dev, "");
    assert_eq!(exchange_public(&dev, &[], &code).status, 200, "who has a good grant does not wait");
}
