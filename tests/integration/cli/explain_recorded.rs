//! `tollgate policy explain --request-id`: what became of a call is told first, and what no record says is not decided.

use serde_json::{Value, json};

use super::explain::{decisions, explained, on_node};
use super::explain_on_node::{decision, recorded};
use super::{finished, tollgate};
use crate::support::bound::Bound;
use crate::support::dev::{Dev, wait_for};
use crate::support::folder;
use crate::support::http::{self, Connection};

/// A key of the first app: its id, and the key.
fn key(dev: &Dev, more: Value) -> (String, String) {
    let mut body = more;
    body["app"] = json!(dev.told("/app/client_id"));
    let made = dev.admin("POST", "/admin/keys", &body.to_string()).json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

/// What a person is shown of a call on record.
pub(super) fn human(dev: &Dev, call: &str) -> String {
    let mut command = tollgate(&["policy", "explain", "--request-id", call]);
    command.env("TOLLGATE_READY_FILE", dev.ready_file()).env("TOLLGATE_POLICIES", dev.policies());
    finished(command.output().unwrap()).out
}

/// The questions that are left open, but for what was switched off then, which no policy says.
pub(super) fn open(told: &Value) -> Vec<&str> {
    let all = decisions(told).into_iter();
    all.filter(|(name, outcome)| *outcome == "not known" && *name != "switch").map(|(name, _)| name).collect()
}

#[test]
fn a_call_on_record_is_explained_as_it_was() {
    let world = Bound::start();
    let dev = &world.dev;
    let other = world.call("GET", &format!("/api/merchants/{}/orders", world.ids[1]), &[], "");
    let own = world.call("GET", &format!("/api/reports?merchant_id={}", world.ids[0]), &[], "");
    for (answer, route, allowed) in [(&other, "bound-by-path", false), (&own, "bound-by-query", true)] {
        let id = &recorded(dev, answer);
        let told = explained(&on_node(dev, &["--request-id", id, "--two-factors"]));
        assert_eq!((&told["route"], &told["allowed"]), (&json!(route), &json!(allowed)), "{told}");
        // Which merchant another one was, no record says.
        assert_eq!(told["call"].as_str().unwrap().contains(&world.ids[0]), allowed, "{told}");
    }
    // One by an API key is that key's, not that of a token with all that the app may do.
    let body = json!({"app": dev.told("/app/client_id"), "scopes": ["catalog:read"]}).to_string();
    let key = dev.admin("POST", "/admin/keys", &body).json();
    let refused = dev.get("/api/orders", &[("X-Api-Key", key["key"].as_str().unwrap())]);
    assert_eq!(refused.code(), "scope_missing");
    let id = &recorded(dev, &refused);
    let record = dev.admin("GET", &format!("/admin/usage/{id}"), "").json();
    assert_eq!((&record["credential"], &record["credential_id"]), (&json!("api_key"), &key["id"]));
    let told = explained(&on_node(dev, &["--request-id", id]));
    assert_eq!((&told["code"], &told["detail"]), (&json!("scope_missing"), &refused.json()["detail"]));
    let unknown = on_node(dev, &["--request-id", "01900000-0000-7000-8000-000000000000"]);
    assert_eq!(unknown.status, 1, "{}", unknown.err);
    // The node has other policies than those of the folder.
    let folder = folder::policies();
    let told = on_node(dev, &["GET /api/products", "--policies", folder.path().to_str().unwrap()]);
    assert!(told.err.contains("other policies in force"), "{}", told.err);
}

#[test]
fn where_a_call_on_record_came_from_is_not_known_and_decides_nothing_unless_it_is_said() {
    let world = Bound::start();
    let dev = &world.dev;
    let by_key = |key: &str| http::request(dev.base(), "POST", "/api/private", &[("X-Api-Key", key)], "");
    let narrow = json!({"addresses": ["127.0.0.0/8", "192.0.2.0/24"]});
    let call = recorded(dev, &by_key(&key(dev, narrow).1));
    let told = explained(&on_node(dev, &["--request-id", &call]));
    assert_eq!((open(&told), &told["allowed"]), (vec!["address", "network"], &Value::Null), "{told}");
    for (name, words) in
        [("address", "a route for 127.0.0.0/30 2001:db8::/32; "), ("network", "a credential for ")]
    {
        let (_, asked) = decision(&told, name);
        assert!(asked.starts_with(words) && asked.ends_with("is on no record: --from says it"), "{asked}");
    }
    for (from, allowed, code) in
        [("127.0.0.1", json!(true), json!(null)), ("192.0.2.7", json!(false), json!("address_not_allowed"))]
    {
        let told = explained(&on_node(dev, &["--request-id", &call, "--from", from]));
        assert_eq!((&told["allowed"], &told["code"], open(&told)), (&allowed, &code, vec![]), "{told}");
    }
    // No address is of both: it was refused wherever it came from, or the one or the other was another then.
    let elsewhere = recorded(dev, &by_key(&key(dev, json!({"addresses": ["192.0.2.0/24"]})).1));
    let told = explained(&on_node(dev, &["--request-id", &elsewhere]));
    assert_eq!(
        (&told["on_record"]["refusal"], &told["allowed"]),
        (&json!("address_not_allowed"), &json!(null))
    );
    assert_eq!(decisions(&told).last(), Some(&("network", "not known")));
    // A condition that asks for it.
    let inside = recorded(dev, &world.call("GET", "/api/inside", &[], ""));
    let told = explained(&on_node(dev, &["--request-id", &inside]));
    assert_eq!((open(&told), &told["allowed"]), (vec!["condition"], &Value::Null), "{told}");
    let told = explained(&on_node(dev, &["--request-id", &inside, "--from", "192.0.2.1"]));
    assert_eq!(told["code"], "condition_unmet");
    // What is refused for another reason is, but perhaps not first.
    let lacking = recorded(dev, &by_key(&key(dev, json!({"scopes": ["catalog:read"]})).1));
    let told = on_node(dev, &["--request-id", &lacking, "--expect", "refused"]);
    assert_eq!(
        (explained(&told)["code"].as_str(), open(&explained(&told))),
        (Some("scope_missing"), vec!["address"])
    );
    let done = on_node(dev, &["--request-id", &lacking, "--expect", "scope_missing"]);
    let only = "is refused, with another code perhaps, not refused with scope_missing for sure";
    assert!(done.status == 1 && done.err.contains(only), "{}", done.err);
    let told = human(dev, &lacking);
    assert!(
        told.contains(
            " is refused (perhaps with another code, by what is not known above): 403 scope_missing: "
        ),
        "{told}"
    );
    let from = ["--request-id", &lacking, "--expect", "scope_missing", "--from", "127.0.0.1"];
    assert_eq!(on_node(dev, &from).status, 0);
}

#[test]
fn what_became_of_a_call_is_told_first_and_then_what_is_only_assumed() {
    let dev = Dev::start();
    let (id, text) = key(&dev, json!({"scopes": ["catalog:read"]}));
    let by_key = |path: &str| recorded(&dev, &dev.get(path, &[("X-Api-Key", &text)]));
    let (refused, answered) = (by_key("/api/orders"), by_key("/api/products"));
    for change in ["rotate", "revoke"] {
        let changed = dev.admin("POST", &format!("/admin/keys/{id}/{change}"), "{}");
        assert!(matches!(changed.status, 200 | 201), "{change}: {}", changed.text());
    }
    for (call, told, record) in [
        (
            &refused,
            "refused: scope_missing",
            json!({"refusal": "scope_missing", "status": 403, "route": "list-orders"}),
        ),
        (&answered, "answered: 200", json!({"refusal": null, "status": 200, "route": "list-products"})),
    ] {
        let shown = explained(&on_node(&dev, &["--request-id", call]));
        for (name, value) in record.as_object().unwrap() {
            assert_eq!(&shown["on_record"][name], value, "{name} in {shown}");
        }
        // The key was rotated and revoked after it.
        let (outcome, credential) = decision(&shown, "credential");
        assert!(credential.contains(" has taken its place, after this call; revoked at "), "{credential}");
        assert!(outcome == "allowed" && credential.ends_with(", after this call"), "{credential}");
        let (outcome, switch) = decision(&shown, "switch");
        assert_eq!(outcome, "not known");
        assert!(
            switch.ends_with("is switched off today; what was at the time of the call is not known"),
            "{switch}"
        );
        let assumed = shown["assumed"].to_string();
        for part in ["where it came from is not known", "as of today", "kill switches are those of today"] {
            assert!(assumed.contains(part), "no {part:?} in {assumed}");
        }
        let human = human(&dev, call);
        assert!(human.starts_with(&format!("The call is on record as {told} (route ")), "{human}");
        assert!(human.find("kill switches are those of today") < human.find("what is asked"), "{human}");
    }
    for (more, told) in
        [(&["--scope", "catalog:read"][..], "--scope is of"), (&["--two-factors"], "--two-factors is of")]
    {
        let done = on_node(&dev, &[&["--request-id", &*refused], more].concat());
        assert!(done.status == 2 && done.err.contains(told), "{}", done.err);
    }
    let imagined = explained(&on_node(&dev, &["GET /api/products"]));
    assert!(imagined.get("on_record").is_none() && imagined.get("assumed").is_none(), "{imagined}");
}

#[test]
fn a_call_on_record_ends_as_it_did_and_its_path_is_told_as_far_as_it_is_known() {
    let dev = Dev::start();
    let (_, text) = key(&dev, json!({"scopes": ["catalog:read"]}));
    let refused = recorded(&dev, &dev.get("/api/orders/o-1", &[("X-Api-Key", &text)]));
    let told = explained(&on_node(&dev, &["--request-id", &refused]));
    assert_eq!(told["call"], "GET /api/orders/{id}", "{told}");
    let (_, route) = decision(&told, "route");
    assert!(route.starts_with("GET /api/orders/{id} of ") && route.ends_with(": route get-order"), "{route}");
    let told = human(&dev, &refused);
    let end = "GET /api/orders/{id} is on record as refused: scope_missing. By what is known of it now, it is refused: 403 scope_missing: ";
    assert!(told.contains(end) && told.contains("As it was refused, it was free"), "{told}");
    let answered = recorded(&dev, &dev.get("/api/products/p-1001", &[("X-Api-Key", &text)]));
    let told = human(&dev, &answered);
    let end = "GET /api/products/{id} is on record as answered: 200. By what is known of it now, it is allowed, and goes to upstream catalog.";
    assert!(told.contains(end) && told.contains("It was billable"), "{told}");
}

#[test]
fn a_record_of_many_calls_is_explained_as_none_of_them() {
    let dev = Dev::with_options(&["--workers", "1"], |_| {});
    let (_, key) = key(&dev, json!({"scopes": ["catalog:read"]}));
    let requests = format!("GET /api/orders HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n").repeat(50);
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    for _ in 0..20 {
        connection.send(requests.as_bytes());
        (0..50).for_each(|_| assert_eq!(connection.receive().unwrap().code(), "scope_missing"));
    }
    let path = format!("/admin/usage?app={}&limit=500", dev.told("/app/client_id"));
    let mut of_many = Value::Null;
    wait_for("a record of many calls", || {
        let page = dev.admin("GET", &path, "").json();
        let records = page["items"].as_array().unwrap();
        of_many = records.iter().find(|record| record["calls"] != 1).cloned().unwrap_or_default();
        of_many.is_object()
    });
    let refused = on_node(&dev, &["--request-id", of_many["id"].as_str().unwrap()]);
    let told = format!("that record is of {} calls that were refused alike", of_many["calls"]);
    assert!(refused.status == 1 && refused.err.contains(&told), "{}", refused.err);
}
