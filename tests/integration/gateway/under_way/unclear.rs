//! Calls of whose credential something has changed while the store says nothing.

use serde_json::json;

use super::world::World;
use crate::support::dev::wait_for;
use crate::support::http;

#[test]
fn a_call_of_which_nobody_can_say_whether_it_may_go_on_ends_and_is_not_its_callers_to_pay() {
    let world = World::start();
    let app = world.dev.told("/app/client_id").to_owned();
    let (key, _) = world.key(&app);
    let mut stream = world.get(&key, "/api/watch/ticking");
    let waiting = world.get(&key, "/api/watch/waiting");
    world.dev.tamper("alter table api_key rename to api_key_elsewhere");
    world.admin("PATCH", &format!("/admin/apps/{app}"), &json!({"name": "Another name"}));
    (0..50).for_each(|_| stream.read_until("tick"));
    let metrics = || http::request(world.dev.told("/admin_url"), "GET", "/metrics", &[], "").text();
    wait_for("both to end", || metrics().contains("tollgate_refusals_total{code=\"unclear_under_way\"} 2"));
    waiting.ends_refused(503, "unclear_under_way");
    let id = stream.ends_cut_off();
    world.dev.tamper("alter table api_key_elsewhere rename to api_key");
    world.is_recorded(&id, 200, "unclear_under_way", "free");
}
