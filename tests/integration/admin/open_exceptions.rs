//! What is open, by what it is and how long, over the admin API.

use std::time::Duration;

use serde_json::{Value, json};

use super::books::{usage_id, with_exceptions};
use super::world::World;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let listed = world.get(&format!("/admin/exceptions?{query}")).await.expect(200);
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn exceptions_are_chosen_by_kind_app_and_age() {
    let world = World::new().await;
    with_exceptions(&world, 1..=3).await;
    world.clock.advance(DAY * 8);
    let all = listed(&world, "").await;
    assert_eq!((all.len(), &all[0]["noted_at"]), (3, &json!("2026-11-24T08:00:00Z")));
    assert_eq!(all[0]["age_seconds"], 8 * 24 * 3600);
    for (query, count) in [
        ("kind=evidence", 3),
        ("kind=short", 0),
        ("app=app_1&older_than=7d&sort=age", 3),
        ("app=app_2", 0),
        ("older_than=9d", 0),
    ] {
        assert_eq!(listed(&world, query).await.len(), count, "{query}");
    }
    let page = world.get("/admin/exceptions?sort=age&limit=2").await.expect(200);
    assert_eq!(page["next"], usage_id(2));
    let rest = listed(&world, &format!("sort=age&limit=2&after={}", usage_id(2))).await;
    assert_eq!(rest.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), [usage_id(3)]);
    for wrong in ["kind=strange", "older_than=long", "sort=size", "age=7d"] {
        world.get(&format!("/admin/exceptions?{wrong}")).await.expect(422);
    }
}

#[tokio::test]
async fn a_summary_tells_how_many_are_open_for_how_long() {
    let world = World::new().await;
    assert_eq!(world.get("/admin/exceptions/summary").await.expect(200), json!({"open": 0, "kinds": []}));
    with_exceptions(&world, 1..=3).await;
    world.clock.advance(DAY * 8);
    let waive = json!({"decision": "write_off", "who": "li", "why": "a test call", "estimate": "1.50", "currency": "CNY"});
    let lost = world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &waive).await.expect(200);
    assert_eq!((&lost["outcome"], &lost["evidence"]["estimate"]), (&json!("written_off"), &json!("1.50")));
    let summary = world.get("/admin/exceptions/summary").await.expect(200);
    let expected = json!({
        "kind": "evidence", "open": 2, "oldest_noted_at": "2026-11-24T08:00:00Z", "oldest_age_seconds": 8 * 24 * 3600,
        "under_1d": 0, "1d_to_7d": 0, "7d_to_30d": 2, "over_30d": 0,
    });
    assert_eq!(summary, json!({"open": 2, "kinds": [expected]}));
}

#[tokio::test]
async fn an_estimate_is_of_what_is_written_off_in_a_currency() {
    let world = World::new().await;
    with_exceptions(&world, 1..=1).await;
    for (decision, more) in [
        ("waive", json!({"estimate": "1.50", "currency": "CNY"})),
        ("write_off", json!({"estimate": "1.50"})),
        ("write_off", json!({"currency": "CNY"})),
        ("write_off", json!({"estimate": "-1.50", "currency": "CNY"})),
        ("write_off", json!({"estimate": "1.505", "currency": "CNY"})),
        ("write_off", json!({"units": 1})),
    ] {
        let mut body = json!({"decision": decision, "who": "li", "why": "so"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        world.post(&format!("/admin/exceptions/{}/resolve", usage_id(1)), &body).await.expect(422);
    }
    assert_eq!(listed(&world, "").await.len(), 1);
}
