//! Usage, statements and ledger over HTTP, on empty books. Full ones are in the README's tour.

use serde_json::json;

use super::world::World;

#[tokio::test]
async fn empty_books_balance() {
    let world = World::new().await;
    let checked = world.get("/admin/ledger/check").await.expect(200);
    assert_eq!((&checked["balanced"], &checked["findings"]), (&json!(true), &json!([])));
    for path in ["usage", "exceptions", "statements", "ledger/accounts"] {
        let listed = world.get(&format!("/admin/{path}")).await.expect(200);
        assert_eq!(listed, json!({"items": [], "next": null}), "{path}");
    }
}

#[tokio::test]
async fn a_period_that_runs_is_closed_only_on_demand_and_only_once() {
    let world = World::new().await;
    let open = world.post("/admin/statements", &json!({"period": "2026-11"})).await.expect(409);
    assert!(open["detail"].as_str().unwrap().contains("2026-11-30T16:00:00Z"), "{open}");
    let closed =
        world.post("/admin/statements", &json!({"period": "2026-11", "early": true})).await.expect(200);
    assert_eq!((&closed["was_closed"], &closed["items"]), (&json!(false), &json!([])));
    let again = world.post("/admin/statements", &json!({"period": "2026-11"})).await.expect(200);
    assert_eq!(again["was_closed"], true);
    let past = world.post("/admin/statements", &json!({"period": "2026-10"})).await.expect(200);
    assert_eq!(past["was_closed"], false);
}

#[tokio::test]
async fn what_is_no_period_or_time_is_refused() {
    let world = World::new().await;
    for query in [
        "usage?period=2026-13",
        "usage?period=2026-11&from=2026-11-01T00:00:00Z",
        "usage?from=yesterday",
        "usage?limit=0",
        "statements?period=november",
        "exceptions?limit=501",
        "ledger/check?deep=yes",
    ] {
        assert_eq!(
            world.get(&format!("/admin/{query}")).await.expect(422)["code"],
            "fields_invalid",
            "{query}"
        );
    }
    for path in ["usage/nothing", "statements/2026-11/app_x", "statements/2026-13/app_x"] {
        assert_eq!(world.get(&format!("/admin/{path}")).await.expect(404)["code"], "not_found", "{path}");
    }
    world.post("/admin/statements", &json!({"period": "2026-13"})).await.expect(422);
}
