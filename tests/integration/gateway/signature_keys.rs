//! Keys by which apps sign their requests, as narrow as their use.

use serde_json::{Value, json};

use super::signed_parameters::World;
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::message_signer::{MessageSigner, Unsigned, borrowed};
use crate::support::parameter_signer::ParameterSigner;
use crate::support::stores::Place;

/// A key of the app that has subscribed to three API products.
#[track_caller]
fn signer(dev: &Dev, terms: &Value) -> MessageSigner {
    MessageSigner::register_as(dev, dev.told("/other_app/client_id"), terms)
}

fn send(base: &str, signer: &MessageSigner, (method, path, body): (&str, &str, &str)) -> Answer {
    let url = format!("{base}{path}");
    let fields = signer.sign(Unsigned { method, url: &url, body });
    http::request(base, method, path, &borrowed(&fields), body)
}

/// By which code the gateway itself refused; empty if it did not.
fn refusal(answer: &Answer) -> String {
    let is_problem = answer.header("content-type") == Some("application/problem+json");
    if is_problem && answer.json()["fault"].is_string() { answer.code() } else { String::new() }
}

/// Calls of routes of the API products storefront and supply, and of one that is open to anyone.
const CALLS: [(&str, &str, &str); 3] =
    [("GET", "/api/orders", ""), ("PUT", "/api/products/p-1001", "{}"), ("GET", "/api/products/p-1001", "")];

#[test]
fn a_signature_key_is_of_use_for_what_it_is_narrowed_to_alone() {
    let dev = Dev::start();
    for (terms, codes) in [
        (json!({}), ["merchant_missing", "", ""]),
        (json!({"products": ["storefront"]}), ["merchant_missing", "product_not_allowed", ""]),
        (json!({"products": ["supply"]}), ["product_not_allowed", "", ""]),
        (json!({"addresses": ["192.0.2.0/24"]}), ["address_not_allowed"; 3]),
        (json!({"products": ["supply"], "addresses": ["127.0.0.0/8"]}), ["product_not_allowed", "", ""]),
        (json!({"scopes": ["order:read"]}), ["merchant_missing", "scope_missing", ""]),
    ] {
        let signer = signer(&dev, &terms);
        // Twice, as the node knows the key by then.
        for (call, code) in [CALLS, CALLS].concat().into_iter().zip([codes, codes].concat()) {
            let answer = send(dev.base(), &signer, call);
            assert_eq!(refusal(&answer), code, "{terms}: {call:?} {}", answer.text());
        }
    }
    // As in the other style: what it is narrowed to does not depend on what it signs.
    let world = World::new();
    let app = world.dev.told("/other_app/client_id");
    for (addresses, status) in [("127.0.0.1", 200), ("192.0.2.1", 403)] {
        let signer = ParameterSigner::register(&world.dev, app, json!({"addresses": [addresses]}));
        let answer = world.get(&signer.call());
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(refusal(&answer), if status == 200 { "" } else { "address_not_allowed" });
    }
}

#[test]
fn a_narrowed_signature_key_is_told_what_it_may() {
    let dev = Dev::start();
    let terms = json!({"products": ["supply"], "addresses": ["127.0.0.0/8"]});
    let me = send(dev.base(), &signer(&dev, &terms), ("GET", "/me", "")).json();
    assert_eq!((&me["credential"]["kind"], &me["narrowed_to"]), (&json!("signed_request"), &terms));
    let subscriptions = me["subscriptions"].as_array().unwrap();
    assert_eq!((subscriptions.len(), &subscriptions[0]["product"]), (1, &json!("supply")));
    let elsewhere = signer(&dev, &json!({"addresses": ["192.0.2.0/24"]}));
    assert_eq!(refusal(&send(dev.base(), &elsewhere, ("GET", "/me", ""))), "address_not_allowed");
}

#[test]
fn both_keys_sign_until_the_old_one_ends_and_the_hour_of_their_last_use_outlives_a_kill() {
    let dev = Dev::start();
    let unused = signer(&dev, &json!({}));
    let old = signer(&dev, &json!({"products": ["storefront"]}));
    let code = |signer: &MessageSigner| refusal(&send(dev.base(), signer, CALLS[0]));
    assert_eq!(code(&old), "merchant_missing");
    let rotate = |old: &MessageSigner, overlap: &str| {
        let path = format!("/admin/signature-keys/{}/rotate", old.id);
        let made = dev.admin("POST", &path, &json!({"overlap": overlap}).to_string());
        assert_eq!(made.status, 201, "{}", made.text());
        MessageSigner::made(&made.json())
    };
    let new = rotate(&old, "1h");
    assert_eq!([code(&old), code(&new)], ["merchant_missing"; 2]);
    let newest = rotate(&new, "500ms");
    wait_for("the end of the overlap", || code(&new) == "signature_key_unknown");
    assert_eq!([code(&old), code(&newest)], ["merchant_missing"; 2]);
    assert_eq!(
        refusal(&send(dev.base(), &newest, CALLS[1])),
        "product_not_allowed",
        "as narrow as the first"
    );
    let last_use = |dev: &Dev, signer: &MessageSigner| {
        let path = format!("/admin/signature-keys/{}", signer.id);
        dev.admin("GET", &path, "").json()["last_used_at"].clone()
    };
    let all = [&old, &new, &newest];
    for signer in all {
        wait_for("the last use to be known", || last_use(&dev, signer).is_string());
    }
    let known = all.map(|signer| last_use(&dev, signer));
    assert!(known[0].as_str().unwrap().ends_with(":00:00Z"), "{known:?}");
    let dev = dev.kill_and_restart();
    assert_eq!(all.map(|signer| last_use(&dev, signer)), known);
    assert_eq!(last_use(&dev, &unused), Value::Null);
}

#[tokio::test]
async fn each_node_of_a_store_knows_how_narrow_a_signature_key_is_and_when_it_ends() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let fleet = Fleet::start(address, 2, |_| {});
        let subscription = json!({"app": fleet.client_id, "product": "supply", "plan": "supplier"});
        fleet.admin(0, "POST", "/admin/subscriptions", &subscription);
        let make = |terms: Value| {
            let mut body = json!({"app": fleet.client_id, "algorithm": "hmac-sha256"});
            body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
            MessageSigner::made(&fleet.admin(0, "POST", "/admin/signature-keys", &body))
        };
        let code = |node: usize, signer: &MessageSigner| refusal(&send(fleet.base(node), signer, CALLS[0]));
        let narrow = make(json!({"products": ["storefront"], "addresses": ["127.0.0.0/8"]}));
        for (signer, expected) in [
            (&narrow, "merchant_missing"),
            (&make(json!({"products": ["supply"]})), "product_not_allowed"),
            (&make(json!({"addresses": ["192.0.2.0/24"]})), "address_not_allowed"),
        ] {
            assert_eq!([code(0, signer), code(1, signer)], [expected; 2]);
        }
        fleet.admin(0, "POST", &format!("/admin/signature-keys/{}/revoke", narrow.id), &json!({}));
        assert_eq!(code(0, &narrow), "signature_key_unknown");
        wait_for("the other node to hear of it", || code(1, &narrow) == "signature_key_unknown");
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
