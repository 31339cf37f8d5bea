//! Answers that are masked on their way.

use serde_json::{Value, json};

use super::super::masked::bearer;
use super::world::World;

#[test]
fn a_masked_answer_is_refused_before_its_first_piece_and_cut_off_after_it() {
    let world = World::start();
    // An app without the scope that shows all.
    let (key, id) = world.key(world.dev.told("/other_app/client_id"));
    let headed = world.get(&key, "/api/masked/headed");
    let mut begun = world.get(&key, "/api/masked/silent");
    begun.read_until("begun");
    world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
    headed.ends_refused(401, "revoked_under_way");
    world.is_recorded(&begun.ends_cut_off(), 200, "revoked_under_way", "billable");
}

#[test]
fn personal_data_that_left_before_the_cut_is_listed() {
    let world = World::start();
    let (app, merchant) = (world.dev.told("/app/client_id"), world.dev.told("/merchants/0/id"));
    let scope = "order:read order:pii";
    let bearer = format!("Authorization: {}", bearer(&world.dev, scope));
    let mut begun = world.get(&bearer, "/api/masked/silent");
    begun.read_until("begun");
    let path = format!("/admin/merchants/{merchant}/suspend");
    world.admin("POST", &path, &Value::Null);
    let id = begun.ends_cut_off();
    world.is_recorded(&id, 200, "suspended_under_way", "billable");
    let reads = format!("/admin/merchants/{merchant}/personal-data-reads");
    let reads = world.admin("GET", &reads, &Value::Null);
    let found = reads["items"].as_array().unwrap().iter().find(|read| read["usage"] == id.as_str());
    assert_eq!(found.unwrap_or_else(|| panic!("{reads}"))["app"], json!(app));
}
