//! `tollgate policy explain --request-id` of a call whose path, query and header fields no record says.

use serde_json::{Value, json};

use super::explain::{explained, on_node};
use super::explain_on_node::{decision, recorded};
use super::explain_recorded::open;
use crate::support::bound::{Bound, add};
use crate::support::dev::Dev;
use crate::support::folder;

/// One whose path is what that of another is if its parameter stands there by its name.
const ROUTES: &str = r#"
routes:
  - name: named-like-a-parameter
    methods: [GET, PUT]
    path: /api/products/id
    upstream: order
    access: {scopes: [order:write]}
    meter: {}
  - name: on-parameter
    methods: [GET]
    path: /api/shelves/{id}
    upstream: order
    access: {condition: request.params.id != 'x'}
    meter: {}
  - name: on-path
    methods: [GET]
    path: /api/shelf
    upstream: order
    access: {condition: request.path == '/api/shelf' && request.method == 'GET'}
    meter: {}
  - name: on-path-of-merchant
    methods: [GET]
    path: /api/merchants/{merchant}/shelf
    upstream: order
    access: {merchant: {path: merchant}, condition: request.params.merchant != 'x'}
    meter: {}
"#;

#[test]
fn a_call_on_record_is_explained_by_the_route_on_record_or_not_at_all() {
    let dev = Dev::with_policies(|policies| add(policies, ROUTES));
    let call = &recorded(&dev, &dev.get("/api/products/p-1001", &[("X-Api-Key", dev.told("/app/api_key"))]));
    let told = explained(&on_node(&dev, &["--request-id", call]));
    assert_eq!((&told["route"], &told["allowed"]), (&json!("get-product"), &json!(true)), "{told}");
    // These policies have the route for another method, and one of that path for this.
    let other = folder::policies();
    add(other.path(), ROUTES);
    let name = "  - name: get-product\n    methods: ";
    folder::change(&other, "routes/catalog.yaml", &format!("{name}[GET]"), &format!("{name}[PATCH]"));
    let more = ["--request-id", call, "--expect", "refused", "--policies", other.path().to_str().unwrap()];
    let told = on_node(&dev, &more);
    let expected = "route get-product takes no GET at that host, and the call is on record as answered: 200";
    assert!(told.status == 1 && told.err.contains(expected), "{} {}", told.status, told.err);
}

#[test]
fn a_condition_on_what_no_record_says_of_a_request_decides_nothing_unless_it_is_said() {
    let world = Bound::start();
    let dev = &world.dev;
    let (beta, target) =
        (("X-Channel", "beta"), "which path and query it had is on no record: METHOD TARGET says it");
    for (path, answered, unknown) in [
        ("/api/summaries?kind=summary", true, target),
        ("/api/summaries?kind=full", false, target),
        ("/api/beta", true, "which header fields it had is on no record: --header says it"),
    ] {
        let answer = world.call("GET", path, &[beta], "");
        assert_eq!(answer.status == 200, answered, "{path}: {}", answer.text());
        let call = &recorded(dev, &answer);
        let told = explained(&on_node(dev, &["--request-id", call]));
        assert_eq!((open(&told), &told["allowed"]), (vec!["condition"], &Value::Null), "{path}: {told}");
        let (_, asked) = decision(&told, "condition");
        assert!(asked.contains(unknown), "{path}: {asked}");
        for expected in ["allowed", "refused", "condition_unmet"] {
            let done = on_node(dev, &["--request-id", call, "--expect", expected]);
            assert!(done.status == 1 && done.err.contains("may be either"), "{path}: {}", done.err);
        }
    }
    let call = &recorded(dev, &world.call("GET", "/api/beta", &[beta], ""));
    for (field, expected) in [("X-Channel: beta", "allowed"), ("X-Channel: other", "condition_unmet")] {
        let more = ["--request-id", call, "--header", field, "--expect", expected];
        let told = on_node(dev, &more);
        assert!(open(&explained(&told)).is_empty(), "{field}: {}", told.out);
    }
    // Another field says nothing of that one.
    let told = explained(&on_node(dev, &["--request-id", call, "--header", "X-Other: beta"]));
    assert_eq!(open(&told), ["condition"], "{told}");
}

#[test]
fn a_parameter_of_a_path_on_record_is_not_known_but_the_merchants_and_a_path_without_one_are() {
    let dev = &Dev::with_policies(|policies| add(policies, ROUTES));
    let bearer = dev.bearer(0);
    let of_merchant = format!("/api/merchants/{}/shelf", dev.told("/merchants/0/id"));
    for (path, allowed) in [
        ("/api/shelves/x", Value::Null),
        ("/api/shelves/7", Value::Null),
        ("/api/shelf", json!(true)),
        (of_merchant.as_str(), json!(true)),
    ] {
        let call = &recorded(dev, &dev.get(path, &[("Authorization", &bearer)]));
        let told = explained(&on_node(dev, &["--request-id", call]));
        let expected = if allowed.is_null() { vec!["condition"] } else { vec![] };
        assert_eq!((open(&told), &told["allowed"]), (expected, &allowed), "{path}: {told}");
    }
}
