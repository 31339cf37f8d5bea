//! What the door for machines makes of a connection, and of a proof, that another door would take otherwise.

use std::time::Duration;

use serde_json::{Value, json};

use super::certificates::{Doors, GRANT, HOST, access_token, call, check, named, request};
use crate::support::dev::wait_for;
use crate::support::dpop::{Holder, hash, now};
use crate::support::http::form;

#[test]
fn p4_a_certificate_that_ends_while_its_connection_stays_open_proves_nothing_more() {
    let doors = Doors::open();
    let client = doors.client(&doors.authority.issue_to(|it| {
        named(it);
        it.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now() + 6);
    }));
    let (id, _) = doors.app(&json!({
        "token_endpoint_auth_methods": ["tls_client_auth"],
        "tls_client_auth_san_dns": "erp.bright.example",
        "tls_client_certificate_bound_access_tokens": true,
    }));
    let mut connection = client.connect(doors.machines(), HOST).unwrap();
    let body = form(&[GRANT, ("client_id", &*id)]);
    let ask = request("/oauth/token", Some(&body), "");
    let token = access_token(&connection.exchange(&ask).unwrap());
    let call = request("/api/products", None, &format!("Authorization: Bearer {token}\r\n"));
    assert_eq!(connection.exchange(&call).unwrap().status, 200);
    wait_for("the certificate to end", || connection.exchange(&call).unwrap().status == 401);
    let refused = connection.exchange(&ask).unwrap();
    check(&refused, 401, Some("invalid_client"), "it authenticates nobody any more");
    let open = request("/api/products", None, "");
    assert_eq!(connection.exchange(&open).unwrap().status, 200, "the connection itself goes on");
}

#[test]
fn p2_a_proof_is_of_the_url_of_the_door_that_was_called() {
    let doors = Doors::open();
    let (id, secret) = doors.app(&json!({}));
    let client = doors.authority.client();
    let (front, machines) = (doors.dev.tls_address(), doors.machines());
    let mut holder = Holder::new();
    let proof_of = [("client_id", &*id), ("client_secret", secret.as_deref().unwrap())];
    let token = form(&[&[GRANT][..], &proof_of].concat());
    let pushed = [
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1:9999/callback"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let pushed = form(&[&pushed[..], &proof_of].concat());
    let mut bound = String::new();
    for (called, other) in [(front, machines), (machines, front)] {
        for (path, body, status) in [("/oauth/token", &token, 200), ("/oauth/par", &pushed, 201)] {
            let ask = |of: &str| {
                let proof = holder.prove("POST", &format!("https://{of}{path}"));
                call(&client, called, path, Some(body), &format!("DPoP: {proof}\r\n"))
            };
            check(&ask(other), 400, Some("invalid_dpop_proof"), "the URL of the other door");
            let taken = ask(called);
            check(&taken, status, None, path);
            if path == "/oauth/token" {
                assert_eq!(taken.json()["token_type"], "DPoP");
                bound = access_token(&taken);
            }
        }
        let (path, ath) = ("/api/products", hash(&bound));
        let ask = |holder: &Holder, of: &str, more: Value| {
            let mut claims = json!({"ath": ath});
            more.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
            let proof = holder.prove_with("GET", &format!("https://{of}{path}"), claims);
            call(&client, called, path, None, &format!("Authorization: DPoP {bound}\r\nDPoP: {proof}\r\n"))
        };
        let told = ask(&holder, called, json!({"nonce": "unknown"}));
        holder.learn(told.header("dpop-nonce").unwrap());
        let elsewhere = ask(&holder, other, json!({}));
        assert_eq!((elsewhere.status, &*elsewhere.code()), (401, "proof_invalid"), "{}", elsewhere.text());
        let taken = ask(&holder, called, json!({}));
        assert_eq!(taken.status, 200, "{}", taken.text());
    }
}
