//! `tollgate policy explain --request-id` of a call whose path, query and header fields no record says.

use serde_json::json;

use super::explain::{explained, on_node};
use super::explain_recorded::recorded;
use crate::support::bound::add;
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
