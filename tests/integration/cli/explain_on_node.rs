//! `tollgate policy explain` tells of what a node knows as the node decides it: its credentials, and what is switched off.

use serde_json::{Value, json};

use super::explain::{check, explained, offline, on_node};
use crate::support::dev::{Dev, wait_for};
use crate::support::folder;
use crate::support::http::Answer;
use crate::support::machines::{Machines, get, named};
use crate::support::message_signer::{MessageSigner, Unsigned, borrowed};
use crate::support::tls::Identity;

const PRODUCT: &str = "/api/products/p-1001";

/// The decision about what is switched off: its outcome, and what it rests on.
#[track_caller]
fn switch(told: &Value) -> (String, String) {
    decision(told, "switch")
}

/// The outcome of a decision, and what was asked.
#[track_caller]
pub(super) fn decision(told: &Value, name: &str) -> (String, String) {
    let all = told["decisions"].as_array().unwrap();
    let found = all.iter().find(|decision| decision["decision"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {told}"));
    (found["outcome"].as_str().unwrap().to_owned(), found["asked"].as_str().unwrap().to_owned())
}

/// The id of a call, once it is on record.
pub(super) fn recorded(dev: &Dev, answer: &Answer) -> String {
    let id = answer.header("x-request-id").unwrap();
    wait_for("the usage record", || dev.admin("GET", &format!("/admin/usage/{id}"), "").status == 200);
    id.to_owned()
}

fn switch_off(dev: &Dev, what: &str) -> Value {
    let body = json!({"reason": "prices are wrong", "message": "Prices are being corrected."}).to_string();
    dev.admin("PUT", &format!("/admin/kill-switches/{what}"), &body).json()
}

#[test]
fn what_is_switched_off_is_told_with_who_and_since_when() {
    let dev = Dev::start();
    let key = dev.admin("GET", &format!("/admin/keys?app={}", dev.told("/app/client_id")), "").json();
    let key = key["items"][0]["id"].as_str().unwrap().to_owned();
    let told = || explained(&on_node(&dev, &[PRODUCT, "--key", &key]));
    let nothing = "neither route get-product nor upstream catalog is switched off";
    for (what, words) in
        [("route/get-product", "route get-product"), ("upstream/catalog", "upstream catalog")]
    {
        assert_eq!(switch(&told()), ("allowed".to_owned(), nothing.to_owned()));
        let off = switch_off(&dev, what);
        let sent = dev.get(PRODUCT, &[("X-Api-Key", dev.told("/app/api_key"))]);
        assert_eq!(sent.code(), "switched_off");
        let told = told();
        check(&sent, &told);
        let subject = what.replace('/', ":");
        let record = dev.admin("GET", &format!("/admin/audit?subject={subject}&limit=1"), "").json();
        let (since, by) = (off["off_since"].as_str().unwrap(), record["items"][0]["actor"].as_str().unwrap());
        let expected = format!("{words} is off since {since} by {by}: prices are wrong");
        assert_eq!(switch(&told), ("refused".to_owned(), expected));
        assert_eq!(told["decisions"].as_array().unwrap().last().unwrap()["decision"], "switch");
        let nobody = explained(&on_node(&dev, &[PRODUCT]));
        assert_eq!((&nobody["code"], &nobody["allowed"]), (&json!("switched_off"), &json!(false)));
        dev.admin("DELETE", &format!("/admin/kill-switches/{what}"), "");
    }
    switch_off(&dev, "route/list-products");
    assert_eq!(switch(&told()), ("allowed".to_owned(), nothing.to_owned()), "another route");
}

#[test]
fn what_was_switched_off_after_a_call_did_not_refuse_it() {
    let dev = Dev::start();
    let id = recorded(&dev, &dev.get(PRODUCT, &[("X-Api-Key", dev.told("/app/api_key"))]));
    switch_off(&dev, "route/get-product");
    let told = explained(&on_node(&dev, &["--request-id", &id]));
    assert_eq!(told["allowed"], true, "{told}");
    let (outcome, asked) = switch(&told);
    assert_eq!(outcome, "allowed");
    assert!(asked.starts_with("route get-product is off only after this call, since "), "{asked}");
}

#[test]
fn a_call_that_was_refused_for_what_is_on_again_is_not_told_as_allowed() {
    let dev = Dev::start();
    let explain = |call: &str| explained(&on_node(&dev, &["--request-id", call]));
    switch_off(&dev, "route/get-product");
    let refused = dev.get(PRODUCT, &[("X-Api-Key", dev.told("/app/api_key"))]);
    assert_eq!(refused.code(), "switched_off");
    let call = recorded(&dev, &refused);
    assert_eq!(explain(&call)["code"], "switched_off", "it is off still");
    dev.admin("DELETE", "/admin/kill-switches/route/get-product", "");
    let unknown =
        "; what was at the time of the call is not known, but it is on record as refused: switched_off";
    let check = |starts: &str| {
        let told = explain(&call);
        let (outcome, asked) = switch(&told);
        assert_eq!((outcome.as_str(), &told["allowed"]), ("not known", &Value::Null), "{told}");
        assert!(asked.starts_with(starts) && asked.ends_with(unknown), "{asked}");
    };
    check("neither route get-product nor upstream catalog is switched off today");
    switch_off(&dev, "route/get-product");
    check("route get-product is off only after this call, since ");
}

#[test]
fn without_a_node_it_is_not_known_what_is_switched_off() {
    let folder = folder::policies();
    let told = explained(&offline(folder.path(), &[PRODUCT]));
    let expected = "whether route get-product or upstream catalog is switched off, a node knows";
    assert_eq!(switch(&told), ("not known".to_owned(), expected.to_owned()));
    assert_eq!(told["allowed"], true, "the policies allow it");
}

#[test]
fn a_call_by_a_certificate_is_explained_as_the_node_decides_it() {
    let machines = Machines::start();
    for terms in [json!({}), json!({"products": ["supply"]}), json!({"addresses": ["192.0.2.0/24"]})] {
        let (identity, mut terms) = (Identity::self_signed(named("erp", &[])), terms);
        terms["fingerprint"] = json!(identity.fingerprint());
        let made = machines.register(&terms);
        let id = made["id"].as_str().unwrap();
        let agree = || {
            for path in ["/api/orders", "/api/products"] {
                let sent = get(&mut machines.connect(&identity), path, "");
                check(&sent, &explained(&on_node(&machines.dev, &[path, "--client-certificate", id])));
            }
        };
        agree();
        machines.dev.admin("POST", &format!("/admin/client-certificates/{id}/revoke"), "");
        agree();
    }
}

#[test]
fn a_call_that_is_signed_is_explained_as_the_node_decides_it() {
    let dev = Dev::start();
    for terms in [
        json!({}),
        json!({"scopes": ["catalog:read"]}),
        json!({"products": ["supply"]}),
        json!({"addresses": ["192.0.2.0/24"]}),
    ] {
        let signer = MessageSigner::register_as(&dev, dev.told("/other_app/client_id"), &terms);
        let agree = || {
            for path in ["/api/orders", "/api/products"] {
                let url = format!("{}{path}", dev.base());
                let fields = signer.sign(Unsigned { method: "GET", url: &url, body: "" });
                let sent = dev.get(path, &borrowed(&fields));
                check(&sent, &explained(&on_node(&dev, &[path, "--signature-key", &signer.id])));
            }
        };
        agree();
        dev.admin("POST", &format!("/admin/signature-keys/{}/revoke", signer.id), "");
        agree();
    }
}

#[test]
fn of_a_credential_that_works_no_longer_it_is_told_what_became_of_it_and_when() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let key = dev.admin("POST", "/admin/keys", &json!({ "app": app }).to_string()).json();
    let id = key["id"].as_str().unwrap();
    let credential = || decision(&explained(&on_node(&dev, &[PRODUCT, "--key", id])), "credential");
    let told = |outcome: &str, became: &str| (outcome.to_owned(), format!("key {id} of app {app}{became}"));
    assert_eq!(credential(), told("allowed", ""));
    let successor = dev.admin("POST", &format!("/admin/keys/{id}/rotate"), "{}").json();
    let (new, end) = (successor["id"].as_str().unwrap(), &successor["predecessor"]["expires_at"]);
    let rotated = format!(", rotated: {new} has taken its place; ");
    let works = format!("{rotated}works until {}", end.as_str().unwrap());
    assert_eq!(credential(), told("allowed", &works));
    let revoked = dev.admin("POST", &format!("/admin/keys/{id}/revoke"), "").json();
    let revoked = format!("{rotated}revoked at {}", revoked["revoked_at"].as_str().unwrap());
    assert_eq!(credential(), told("refused", &revoked));
}
