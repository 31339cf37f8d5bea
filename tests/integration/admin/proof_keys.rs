//! Proof keys as administrators and all others see them: rotated, revoked, published by every node, and never shown whole.

use serde_json::json;
use tollgate::billing::proof::keys;
use tollgate::domain::proof_key::{ProofKey, believed};

use super::world::{World, text};
use crate::support::dev::wait_for;
use crate::support::fleet::{Fleet, PUBLIC_URL};
use crate::support::http;
use crate::support::stores::Place;

const PUBLISHED: &str = "/.well-known/tollgate-proof-keys";

#[tokio::test]
async fn proof_keys_are_seen_rotated_and_revoked_and_never_shown() {
    let world = World::new().await;
    let keys = async || world.get("/admin/proof-keys").await.expect(200)["items"].clone();
    let first = keys().await[0].clone();
    assert_eq!((&first["state"], &first["alg"]), (&json!("signs"), &json!("EdDSA")));
    let answer = world.post("/admin/proof-keys", &json!({})).await;
    let next = answer.expect(201);
    assert_eq!((&next["state"], &next["signs_from"]), (&json!("waits"), &json!("2026-11-25T08:00:00Z")));
    assert_eq!(next["endorsed_by"], first["kid"]);
    assert_eq!(world.get(answer.header("location")).await.expect(200), next);
    let path = format!("/admin/proof-keys/{}/revoke", text(&first, "kid"));
    for _ in 0..2 {
        let revoked = world.post(&path, &json!({})).await.expect(200);
        assert_eq!(
            (&revoked["state"], &revoked["revoked_at"]),
            (&json!("revoked"), &json!("2026-11-24T08:00:00Z"))
        );
    }
    let after = keys().await;
    let states: Vec<_> = after.as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    let revoked = states.iter().filter(|state| **state == json!("revoked")).count();
    assert_eq!((revoked, states.len()), (2, 3), "the next one goes with it, and another signs: {after}");
    assert!(states.contains(&json!("signs")) && !after.to_string().contains("sealed"), "{after}");
    let records = world.get(&format!("/admin/audit?subject={}", text(&first, "kid"))).await.expect(200);
    let records = records["items"].as_array().unwrap();
    assert_eq!((records.len(), &records[0]["action"]), (1, &json!("proof_key.revoke")));
    assert_eq!(
        (&records[0]["before"]["state"], &records[0]["after"]["state"]),
        (&json!("signs"), &json!("revoked"))
    );
    world.post("/admin/proof-keys/none/revoke", &json!({})).await.expect(404);
    world.get("/admin/proof-keys/none").await.expect(404);
}

fn published(fleet: &Fleet, node: usize) -> Vec<ProofKey> {
    keys::read(&http::request(fleet.base(node), "GET", PUBLISHED, &[], "").text()).unwrap()
}

#[tokio::test]
async fn all_nodes_of_a_store_publish_the_same_keys() {
    let place = Place::postgres().await;
    let address = place.address();
    let walk = move || {
        let fleet = Fleet::start(address, 2, |_| {});
        let answer = http::request(fleet.base(0), "GET", PUBLISHED, &[], "");
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("public, max-age=300")));
        assert_eq!(answer.json()["issuer"], PUBLIC_URL);
        let first = published(&fleet, 1).pop().unwrap();
        assert_eq!(published(&fleet, 0), std::slice::from_ref(&first));
        let made = fleet.admin(0, "POST", "/admin/proof-keys", &json!({}));
        let both = published(&fleet, 0);
        assert_eq!((both.len(), &json!(both[1].kid)), (2, &made["kid"]), "at once where it was made");
        wait_for("the other node to publish the next key", || published(&fleet, 1) == both);
        assert_eq!(believed(&both, |kid| kid == first.kid).len(), 2, "the first vouches for the next");
        fleet.admin(0, "POST", &format!("/admin/proof-keys/{}/revoke", first.kid), &json!({}));
        let after = published(&fleet, 0);
        assert_eq!((after.len(), after.iter().filter(|key| key.revoked_at.is_none()).count()), (3, 1));
        wait_for("the other node to hear of it", || published(&fleet, 1) == after);
        assert_eq!(http::request(fleet.base(0), "POST", PUBLISHED, &[], "").status, 405);
        let beside = format!("{PUBLISHED}/x");
        assert_eq!(http::request(fleet.base(0), "GET", &beside, &[], "").status, 404);
    };
    tokio::task::spawn_blocking(walk).await.unwrap();
    drop(place);
}
