//! Durable calls: their caller is told at once, and what the upstream does is in the books as it is.

use serde_json::{Value, json};

use super::world::World;
use crate::support::dev::wait_for;

const WHOLE: &str = "Content-Length: 2\r\n\r\n{}";

#[test]
fn a_call_that_the_upstream_has_is_seen_to_its_end_without_its_caller() {
    for path in ["/api/durable/later", "/api/durable/half"] {
        let world = World::start();
        let (key, id) = world.key(world.dev.told("/app/client_id"));
        let call = world.begin(&key, "POST", path, WHOLE);
        world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
        let refused = call.ends_refused(401, "revoked_under_way");
        let request_id = refused.header("x-request-id").unwrap();
        let record = format!("/admin/usage/{request_id}");
        assert_eq!(world.dev.admin("GET", &record, "").status, 404, "the upstream is still at it");
        world.upstream.go_on();
        world.is_recorded(request_id, 401, "revoked_under_way", "billable");
    }
}

#[test]
fn a_call_that_the_upstream_has_in_part_ends() {
    let world = World::start();
    let (key, id) = world.key(world.dev.told("/app/client_id"));
    let calls = [("upload", 401), ("silent", 401)]
        .map(|(how, status)| (world.upload(&key, &format!("/api/durable/{how}")), format!("/{how}"), status));
    world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
    for (call, at, status) in calls {
        let refused = call.ends_refused(status, "revoked_under_way");
        wait_for("the upstream to be told", || world.upstream.ended(&at) == 1);
        let record = world.record(refused.header("x-request-id").unwrap());
        assert_eq!((&record["status"], &record["refusal"]), (&json!(status), &json!("revoked_under_way")));
    }
}
