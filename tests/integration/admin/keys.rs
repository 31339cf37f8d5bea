//! API keys as administrators make them: how narrow they may be, and what is told of it.

use serde_json::{Value, json};

use super::world::{World, text};

/// An app that has subscribed to these API products, by its id.
async fn app_with(world: &World, products: &[(&str, &str)]) -> String {
    let app = text(&world.app().await, "id");
    for (product, plan) in products {
        let subscription = json!({"app": app, "product": product, "plan": plan});
        world.post("/admin/subscriptions", &subscription).await.expect(201);
    }
    app
}

#[tokio::test]
async fn a_key_is_narrowed_to_products_and_networks_and_shown_so() {
    let world = World::new().await;
    let app = app_with(&world, &[("storefront", "standard"), ("supply", "supplier")]).await;
    let body = json!({
        "app": app, "products": ["supply"], "addresses": ["2001:DB8::/32", "192.0.2.7", "192.0.2.7/32"],
    });
    let made = world.post("/admin/keys", &body).await.expect(201);
    assert_eq!(made["products"], json!(["supply"]));
    assert_eq!(made["addresses"], json!(["192.0.2.7/32", "2001:db8::/32"]));
    let id = text(&made, "id");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(world.get(&format!("/admin/keys/{id}")).await.expect(200), shown);
    assert_eq!(world.get(&format!("/admin/keys?app={app}")).await.expect(200)["items"][0], shown);
    let whole = world.post("/admin/keys", &json!({"app": app})).await.expect(201);
    assert_eq!((&whole["products"], &whole["addresses"]), (&Value::Null, &Value::Null));
    let record = world.get(&format!("/admin/audit?subject={id}")).await.expect(200)["items"][0].clone();
    assert_eq!((&record["action"], &record["after"]), (&json!("key.create"), &shown));
}

#[tokio::test]
async fn a_key_is_narrowed_to_what_its_app_has_and_to_something() {
    let world = World::new().await;
    let app = app_with(&world, &[("storefront", "standard"), ("supply", "supplier")]).await;
    let ended = world.get(&format!("/admin/subscriptions?app={app}")).await.expect(200);
    let ended =
        ended["items"].as_array().unwrap().iter().find(|one| one["product"] == "supply").unwrap().clone();
    let path = format!("/admin/subscriptions/{}/end", text(&ended, "id"));
    world.post(&path, &json!({"app": app})).await.expect(200);
    let many: Vec<String> = (0..65).map(|number| format!("192.0.2.{number}")).collect();
    for (field, value, told) in [
        ("products", json!(["carrier", "storefront"]), "which are: storefront; not so: carrier"),
        ("products", json!(["supply"]), "not so: supply"),
        ("products", json!([]), "must have at least one entry, or be left out"),
        ("products", json!(["a b"]), "an id has 1 to 128 visible ASCII characters"),
        ("products", json!("storefront"), "must be a list of strings"),
        ("addresses", json!([]), "must have at least one entry"),
        (
            "addresses",
            json!(["192.0.2.7/24"]),
            "the network is 192.0.2.0/24, the address by itself 192.0.2.7",
        ),
        ("addresses", json!(["example.com", "10.0.0.0/8", "::/129"]), "\"example.com\" is no network"),
        ("addresses", json!(["example.com", "10.0.0.0/8", "::/129"]), "\"::/129\" is no network"),
        ("addresses", json!(many), "has more than 64 entries"),
    ] {
        let problem = world.post("/admin/keys", &json!({"app": app, field: value})).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(told), "no {told:?} in {problem}");
    }
    let wide = json!({"app": app, "products": ["carrier"], "scopes": ["catalog:write"]});
    let problem = world.post("/admin/keys", &wide).await.expect(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
}
