//! `tollgate policy explain` tells what a node does, and which line of a policy says so.

use std::path::Path;

use serde_json::{Value, json};

use super::{Finished, finished, run, tollgate};
use crate::support::bound::{Bound, ROUTES, add};
use crate::support::dev::Dev;
use crate::support::folder;
use crate::support::http;

const SANDBOX: [&str; 2] = ["--environment", "sandbox"];

/// The decisions about a call by an app that nobody knows, of the sandbox unless it is said otherwise.
pub(super) fn offline(folder: &Path, more: &[&str]) -> Finished {
    let policies =
        ["policy", "explain", "--offline", "--output", "json", "--policies", folder.to_str().unwrap()];
    let is_of_sandbox = more.contains(&"--app") && !more.contains(&"--environment");
    let of_sandbox: &[&str] = if is_of_sandbox { &SANDBOX } else { &[] };
    run(&[&policies[..], of_sandbox, more].concat())
}

#[track_caller]
pub(super) fn explained(finished: &Finished) -> Value {
    assert_eq!(finished.status, 0, "{}", finished.err);
    serde_json::from_str(&finished.out).unwrap()
}

pub(super) fn decisions(explained: &Value) -> Vec<(&str, &str)> {
    let of = |decision: &'_ Value, name: &str| decision[name].as_str().unwrap().to_owned();
    let all = explained["decisions"].as_array().unwrap();
    assert!(all.iter().all(|decision| !of(decision, "asked").is_empty()), "{all:?}");
    all.iter()
        .map(|decision| (decision["decision"].as_str().unwrap(), decision["outcome"].as_str().unwrap()))
        .collect()
}

/// The line of a policy that made a decision.
#[track_caller]
pub(super) fn line(folder: &Path, explained: &Value, decision: &str) -> String {
    let all = explained["decisions"].as_array().unwrap();
    let found = all.iter().find(|found| found["decision"] == decision);
    let place = found.unwrap_or_else(|| panic!("no {decision} in {all:?}"))["policy"].as_str().unwrap();
    let mut parts = place.split(':');
    let (file, line) = (parts.next().unwrap(), parts.next().unwrap().parse::<usize>().unwrap());
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().nth(line - 1).unwrap().trim().to_owned()
}

pub(super) const ORDER: [&str; 5] =
    ["POST /api/orders", "--app", "app_1", "--subscription", "storefront=standard"];

#[test]
fn every_decision_has_its_line() {
    let folder = folder::policies();
    let folder = folder.path();
    let allowed = explained(&offline(folder, &[&ORDER[..], &["--merchant", "mer_1"]].concat()));
    assert_eq!((&allowed["allowed"], &allowed["upstream"]), (&json!(true), &json!("order")), "{allowed}");
    let names = ["message", "route", "credential", "switch", "access", "subscription", "environment"];
    let names =
        [&names[..], &["scopes", "merchant", "units", "sale", "limit", "fee", "share", "cap", "balance"]]
            .concat();
    // What is switched off, and what is left of balances, no policy says.
    let unknown = ["switch", "sale", "cap", "balance"];
    let outcome = |name: &str| if unknown.contains(&name) { "not known" } else { "allowed" };
    let expected: Vec<_> = names.iter().map(|name| (*name, outcome(name))).collect();
    assert_eq!(decisions(&allowed), expected);
    for (decision, expected) in [
        ("route", "- name: place-order"),
        ("access", "access:"),
        ("subscription", "- version: 1"),
        ("environment", "order:"),
        ("scopes", "scopes: [order:write]"),
        ("merchant", "merchant: true"),
        ("units", "meter:"),
        ("sale", "percent: 2.5"),
        ("limit", "requests: 60000"),
        ("fee", "per_unit: 0.01"),
        ("share", "percent: 2.5"),
        ("cap", "per_unit: 0.01"),
        ("balance", "per_unit: 0.01"),
    ] {
        let line = line(folder, &allowed, decision);
        assert!(line.contains(expected), "{decision} is by {line:?}");
    }
    let shown = run(&[
        &["policy", "explain", "--offline", "--policies", folder.to_str().unwrap()][..],
        &ORDER[..],
        &["--merchant", "mer_1"],
        &SANDBOX,
    ]
    .concat());
    for part in ["routes/orders.yaml:", "order:write", "POST /api/orders is allowed", "upstream order"] {
        assert!(shown.out.contains(part), "no {part:?} in {}", shown.out);
    }
}

/// A call, who makes it, what is said beside, and which decision refuses it by which code.
type Row<'r> = (&'r str, &'r [&'r str], &'r [&'r str], Option<(&'r str, &'r str)>);

#[test]
fn the_first_refusal_ends_it_and_is_the_one_that_a_caller_gets() {
    let folder = folder::policies();
    add(folder.path(), ROUTES);
    let app = ["--app", "app_1", "--subscription", "storefront=standard"];
    let merchant = [&app[..], &["--merchant", "mer_1"]].concat();
    let body = |id: &str| format!(r#"{{"seller":{{"id":"{id}"}}}}"#);
    let (own, other) = (body("mer_1"), body("mer_2"));
    let (inside, outside) = (&["--from", "::ffff:127.0.0.2"][..], &["--from", "192.0.2.1"][..]);
    let rows: [Row<'_>; 20] = [
        ("GET /nowhere", &[], &[], Some(("route", "route_unknown"))),
        ("DELETE /api/orders", &[], &[], Some(("route", "method_not_allowed"))),
        ("GET /api//orders", &[], &[], Some(("message", "path_ambiguous"))),
        ("/api/products", &[], &[], None),
        ("/api/orders", &[], &[], Some(("access", "credential_missing"))),
        ("/api/orders", &["--app", "app_1"], &[], Some(("subscription", "not_subscribed"))),
        ("/api/orders", &merchant, &["--scope", "catalog:read"], Some(("scopes", "scope_missing"))),
        ("/api/orders", &app, &["--environment", "live"], Some(("environment", "environment_mismatch"))),
        ("/api/orders", &app, &[], Some(("merchant", "merchant_missing"))),
        ("/api/merchants/mer_1/orders", &merchant, &[], None),
        ("/api/merchants/mer_2/orders", &merchant, &[], Some(("binding", "merchant_mismatch"))),
        ("/api/reports", &merchant, &[], Some(("binding", "merchant_unclear"))),
        ("POST /api/listings", &merchant, &["--body", &own], None),
        ("POST /api/listings", &merchant, &["--body", &other], Some(("body", "merchant_mismatch"))),
        ("/api/beta", &app, &[], Some(("condition", "condition_unmet"))),
        ("/api/inside", &app, inside, None),
        ("/api/inside", &app, outside, Some(("condition", "condition_unmet"))),
        ("POST /api/private", &app, inside, None),
        ("POST /api/private", &[], outside, Some(("address", "address_not_allowed"))),
        ("GET /api/private", &[], inside, None),
    ];
    for (call, who, more, refused) in rows {
        let explained = explained(&offline(folder.path(), &[&[call][..], who, more].concat()));
        let last = explained["decisions"].as_array().unwrap().last().unwrap();
        match refused {
            None => assert_eq!(explained["allowed"], true, "{call}: {explained}"),
            Some((decision, code)) => {
                assert_eq!(
                    (&last["decision"], &last["outcome"]),
                    (&json!(decision), &json!("refused")),
                    "{call}"
                );
                assert_eq!(
                    (&explained["code"], &explained["allowed"]),
                    (&json!(code), &json!(false)),
                    "{call}"
                );
            }
        }
    }
    let beta = ["/api/beta", "--header", "X-Channel: beta"];
    let allowed = explained(&offline(folder.path(), &[&beta[..], &app].concat()));
    assert_eq!(allowed["allowed"], true, "{allowed}");
    assert!(line(folder.path(), &allowed, "condition").contains("request.headers['x-channel'] == 'beta'"));
    let allowed = explained(&offline(folder.path(), &[&["POST /api/private"][..], &app, inside].concat()));
    assert!(line(folder.path(), &allowed, "address").contains("addresses: [127.0.0.0/30"), "{allowed}");
    // What is not given is not guessed.
    let unknown = explained(&offline(folder.path(), &[&["POST /api/listings"][..], &merchant].concat()));
    assert!(decisions(&unknown).contains(&("body", "not asked")), "{unknown}");
    assert_eq!((&unknown["allowed"], &unknown["code"]), (&Value::Null, &Value::Null), "{unknown}");
}

#[test]
fn what_the_gateway_itself_answers_is_no_route_and_who_may_ask_is_told() {
    let folder = folder::policies();
    let app = ["--app", "app_1", "--subscription", "storefront=standard"];
    let merchant = [&app[..], &["--merchant", "mer_1"]].concat();
    let rows: [(&str, &[&str], Value, Option<&str>); 8] = [
        ("GET /me", &app, json!(true), None),
        ("GET /me", &[], json!(false), Some("credential_missing")),
        ("POST /me", &app, json!(false), Some("method_not_allowed")),
        ("GET /me/usage", &app, json!(true), None),
        ("GET /me/usage", &merchant, json!(false), Some("own_credential_needed")),
        ("GET /me/other", &app, json!(false), Some("route_unknown")),
        ("POST /oauth/token", &[], json!(null), None),
        ("GET /menu", &app, json!(false), Some("route_unknown")),
    ];
    for (call, who, allowed, code) in rows {
        let told = explained(&offline(folder.path(), &[&[call][..], who].concat()));
        assert_eq!((&told["allowed"], told["code"].as_str()), (&allowed, code), "{call}: {told}");
        assert_eq!((&told["route"], &told["upstream"]), (&Value::Null, &Value::Null), "{call}");
    }
}

#[test]
fn what_is_masked_for_the_caller_is_told_with_its_line() {
    let folder = folder::policies();
    let call = [&ORDER[..], &["--merchant", "mer_1", "--scope", "order:write"]].concat();
    let told = explained(&offline(folder.path(), &call));
    assert_eq!(told["allowed"], true);
    assert!(line(folder.path(), &told, "mask").starts_with("mask:"), "{told}");
    let row = told["decisions"].as_array().unwrap().last().unwrap();
    assert!(row["asked"].as_str().unwrap().contains("receiver.phone without order:pii"), "{row}");
    // Who counts as nobody sees what nobody does.
    let name = "  - name: list-products\n";
    let masked = format!("{name}    mask: [{{fields: [receiver.name], scope: order:pii}}]\n");
    folder::change(&folder, "routes/catalog.yaml", name, &masked);
    let call = ["/api/products", "--app", "app_1", "--scope", "order:pii"];
    for (subscription, is_masked) in [(&[][..], true), (&ORDER[3..], false)] {
        let told = explained(&offline(folder.path(), &[&call[..], subscription].concat()));
        assert_eq!(decisions(&told).contains(&("mask", "allowed")), is_masked, "{told}");
    }
}

#[test]
fn how_many_units_a_call_takes_beforehand_is_told() {
    let folder = folder::policies();
    for (file, from, to) in [
        (
            "plans/standard.yaml",
            "{name: calls, requests: 60000, window: 1m, burst: 2000}",
            "{name: items, units: 20, window: 1h}",
        ),
        ("routes/orders.yaml", "    meter:\n", "    meter:\n      units: int(request.query.count)\n"),
    ] {
        let file = folder.path().join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    }
    let asked = |call| {
        explained(&offline(folder.path(), &[&[call][..], &ORDER[1..], &["--merchant", "mer_1"]].concat()))
    };
    let told = asked("POST /api/orders?count=7");
    assert_eq!(told["allowed"], true, "{told}");
    assert!(
        told.to_string().contains("items: 20 units of the app in 3600 s, 20 at once; this call takes 7"),
        "{told}"
    );
    assert_eq!(line(folder.path(), &told, "limit"), "- {name: items, units: 20, window: 1h}");
    assert_eq!(asked("POST /api/orders?count=21")["code"], "call_too_large");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let folder = folder::policies();
    for (more, status, told) in [
        (&["--offline"][..], 2, "METHOD TARGET"),
        (&["GET /", "--key", "key_1"], 2, "--admin-url"),
        (&["GET /", "--client-certificate", "crt_1"], 2, "--admin-url"),
        (&["GET /", "--signature-key", "sgk_1"], 2, "--admin-url"),
        (&["--request-id", "x"], 2, "--admin-url"),
        (&["GET nowhere at all"], 2, "is no target"),
        (&["GET /", "--header", "nonsense"], 2, "is no field"),
        (&["GET /", "--app", "app_1", "--two-factors"], 2, "--merchant"),
        (&["--request-id", "x", "--two-factors"], 2, "--admin-url"),
        (&["GET /", "--subscription", "nonsense"], 2, "storefront=standard"),
        (&["GET /", "--subscription", "storefront=standard"], 2, "--app"),
        (&["GET /", "--environment", "sandbox"], 2, "--app"),
        (&["GET /", "--scope", "catalog:read"], 2, "--app"),
    ] {
        let policies = ["policy", "explain", "--policies", folder.path().to_str().unwrap()];
        let done = run(&[&policies[..], more].concat());
        assert_eq!(done.status, status, "{more:?}: {}", done.err);
        assert!(done.err.contains(told), "no {told:?} in {}", done.err);
    }
    let mistyped = |more: &[&str], told: &str| {
        let done = offline(folder.path(), &[&["GET /api/orders", "--app", "app_1"], more].concat());
        assert!(done.status == 2 && done.err.contains(told), "no {told:?} in {}", done.err);
    };
    mistyped(
        &["--scope", "catalog:raed"],
        "the policies have no scope catalog:raed: did you mean catalog:read?",
    );
    mistyped(
        &["--subscription", "zzz=standard"],
        "no API product zzz: there are: carrier, storefront, supply",
    );
    mistyped(&["--subscription", "storefront=standrad"], "no plan standrad: did you mean standard?");
    mistyped(
        &["--subscription", "supply=standard"],
        "plan standard is not for API product supply, but for: storefront",
    );
    let of_node = ["policy", "explain", "GET /", "--app", "app_1", "--admin-url", "http://127.0.0.1:9"];
    for in_vain in [["--environment", "live"], ["--subscription", "storefront=standard"]] {
        let done = run(&[&of_node[..], &in_vain].concat());
        assert!(done.status == 2 && done.err.contains("give --offline besides"), "{}", done.err);
    }
    folder::change(&folder, "plans/standard.yaml", "per_unit", "per_unti");
    let wrong = offline(folder.path(), &["GET /"]);
    assert!(wrong.status == 3 && wrong.err.contains("per_unti"), "{}", wrong.err);
}

#[test]
fn a_script_says_what_it_expects_and_fails_if_it_is_otherwise() {
    let folder = folder::policies();
    add(folder.path(), ROUTES);
    let without_body = ["POST /api/listings", "--app", "app_1", "--subscription", "storefront=standard"];
    let without_body = [&without_body[..], &["--merchant", "mer_1"]].concat();
    let expectations = [&[][..], &["--expect", "allowed"], &["--expect", "refused"]];
    for (call, statuses, told) in [
        (&["GET /api/products"][..], [0, 0, 1], "GET /api/products is allowed, not refused for sure"),
        (&["GET /api/orders"], [0, 1, 0], "GET /api/orders is refused, not allowed for sure"),
        (&["POST /oauth/token"], [0, 1, 1], "may be either"),
        (&without_body, [0, 1, 1], "may be either"),
    ] {
        for (expect, status) in expectations.into_iter().zip(statuses) {
            let done = offline(folder.path(), &[call, expect].concat());
            assert_eq!(done.status, status, "{call:?} {expect:?}: {}", done.err);
            assert_eq!(done.err.contains(told), status == 1, "{call:?} {expect:?}: {}", done.err);
            let shown: Value = serde_json::from_str(&done.out).unwrap();
            assert!(shown["decisions"].is_array(), "the decisions are shown all the same: {shown}");
        }
    }
    for (code, status, told) in [
        ("credential_missing", 0, ""),
        (
            "scope_missing",
            1,
            "GET /api/orders is refused with credential_missing, not refused with scope_missing",
        ),
        ("scope_mising", 2, "did you mean scope_missing?"),
        ("nothing", 2, "allowed, refused, message_malformed"),
    ] {
        let done = offline(folder.path(), &["GET /api/orders", "--expect", code]);
        assert!(done.status == status && done.err.contains(told), "{code}: {} {}", done.status, done.err);
    }
}

/// What a node knows of who calls decides.
pub(super) fn on_node(dev: &Dev, more: &[&str]) -> Finished {
    let mut command = tollgate(&[&["policy", "explain", "--output", "json"], more].concat());
    command.env("TOLLGATE_READY_FILE", dev.ready_file()).env("TOLLGATE_POLICIES", dev.policies());
    finished(command.output().unwrap())
}

#[test]
fn what_is_explained_of_those_that_a_node_knows_is_what_the_node_does() {
    let world = Bound::start();
    let dev = &world.dev;
    let (app, other) = (dev.told("/app/client_id"), dev.told("/other_app/client_id"));
    let key = |app: &str, more: Value| {
        let mut body = more;
        body["app"] = json!(app);
        let made = dev.admin("POST", "/admin/keys", &body.to_string()).json();
        (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    };
    let keys = [
        key(app, json!({})),
        key(app, json!({"scopes": ["catalog:read"]})),
        key(other, json!({"products": ["supply"]})),
        key(app, json!({"addresses": ["192.0.2.0/24"]})),
    ];
    let agree = |calls: &[(&str, &str, &str)]| {
        for (method, path, body) in calls {
            for (id, key) in &keys {
                let sent = http::request(dev.base(), method, path, &[("X-Api-Key", key)], body);
                let told = explained(&on_node(dev, &[&format!("{method} {path}"), "--key", id]));
                check(&sent, &told);
            }
            for (bearer, merchant) in world.bearers.iter().zip(&world.ids) {
                let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
                let sent = http::request(dev.base(), method, path, &headers, body);
                let call = format!("{method} {path}");
                let mut arguments = vec![call.as_str(), "--app", app, "--merchant", merchant];
                if !body.is_empty() {
                    arguments.extend(["--body", body]);
                }
                check(&sent, &explained(&on_node(dev, &arguments)));
            }
        }
    };
    let of_first = format!("/api/merchants/{}/orders", world.ids[0]);
    let body = format!(r#"{{"seller":{{"id":"{}"}},"count":1}}"#, world.ids[1]);
    let calls = [
        ("GET", "/api/products", ""),
        ("GET", "/api/orders", ""),
        ("GET", of_first.as_str(), ""),
        ("GET", "/api/reports?merchant_id=nobody", ""),
        ("POST", "/api/listings", body.as_str()),
        ("PUT", "/api/products/p-1001", ""),
        ("GET", "/api/beta", ""),
        ("GET", "/api/inside", ""),
        ("GET", "/api/private", ""),
        ("POST", "/api/private", "{}"),
    ];
    agree(&calls);
    let grants = dev.admin("GET", &format!("/admin/grants?app={app}"), "").json();
    let grant =
        grants["items"].as_array().unwrap().iter().find(|grant| grant["merchant"] == world.ids[0].as_str());
    let path = format!("/admin/grants/{}/revoke", grant.unwrap()["id"].as_str().unwrap());
    assert_eq!(dev.admin("POST", &path, "").status, 200);
    assert_eq!(dev.admin("POST", &format!("/admin/keys/{}/revoke", keys[1].0), "").status, 200);
    agree(&calls[1..3]);
    assert_eq!(dev.admin("POST", &format!("/admin/apps/{app}/suspend"), "").status, 200);
    agree(&calls[..2]);
}

#[track_caller]
pub(super) fn check(sent: &http::Answer, told: &Value) {
    // The sandbox's own answers are the upstream's.
    let is_refused =
        sent.header("content-type") == Some("application/problem+json") && sent.json()["fault"].is_string();
    let code = is_refused.then(|| sent.code());
    assert_eq!(told["code"].as_str().map(str::to_owned), code, "{} {told}", sent.text());
    if is_refused {
        assert_eq!((&told["status"], &told["detail"]), (&json!(sent.status), &sent.json()["detail"]));
    }
}
