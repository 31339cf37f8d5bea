//! What pays for an app's calls, and what is leased of its quotas, over HTTP.

use serde_json::json;

use super::world::{World, text};
use crate::billing::seed::{plan, register, tariff};

#[tokio::test]
async fn a_balance_is_asked_about_units_of_an_item_or_not_at_all() {
    let world = World::new().await;
    let app = world.app().await;
    let id = text(&app, "id");
    let path = |what: &str| format!("/admin/apps/{id}/{what}");
    for what in ["balances", "quotas"] {
        let nothing = world.get(&path(what)).await.expect(200);
        assert_eq!(nothing, json!({"items": [], "next": null}), "{what}");
        world.get(&format!("/admin/apps/app_none/{what}")).await.expect(404);
        world.get(&path(&format!("{what}?x=1"))).await.expect(422);
    }
    world.get(&path("quotas?plan=standard&quota=monthly")).await.expect(200);
    for half in ["plan=standard", "quota=monthly"] {
        let problem = world.get(&path(&format!("quotas?{half}"))).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], "?quota", "{problem}");
    }
    let credit = json!({"partner": app["partner"], "kind": "credit", "limit": "5.00", "currency": "CNY"});
    let balance = world.post("/admin/balances", &credit).await.expect(201);
    let listed = world.get(&path("balances")).await.expect(200)["items"][0].clone();
    assert_eq!((&listed["id"], &listed["left"]), (&balance["id"], &json!("5.00")), "{listed}");
    assert!(listed.get("bears").is_none(), "{listed}");
    for half in ["product=storefront", "units=2", "product=storefront&plan=standard&item=calls"] {
        let problem = world.get(&path(&format!("balances?{half}"))).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], "?item", "{problem}");
    }
    let bears = async |units: u64| {
        let whole = format!("balances?product=storefront&plan=standard&version=1&item=calls&units={units}");
        world.get(&path(&whole)).await.expect(200)["items"][0]["bears"].clone()
    };
    assert_eq!(bears(1).await, json!(null), "the books know no such plan version");
    register(&world.store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    for (units, cost, is_enough) in [(1, "0.01", true), (500, "5.00", true), (501, "5.01", false)] {
        let expected = json!({
            "units": units, "cost": cost, "is_enough": is_enough, "leased": 0, "leased_for_others": 0,
        });
        assert_eq!(bears(units).await, expected);
    }
}
