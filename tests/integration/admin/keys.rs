//! API keys as administrators make them: how narrow they may be, and what is told of it.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::api_key::ApiKey;
use tollgate::domain::hexadecimal::hexadecimal;

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
    let permits = shown.as_object_mut().unwrap().remove("permits");
    assert_eq!(
        permits,
        Some(json!({"scopes": ["order:read", "order:write"], "products": ["supply"], "personal_data": []}))
    );
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(world.get(&format!("/admin/keys/{id}")).await.expect(200), shown);
    assert_eq!(world.get(&format!("/admin/keys?app={app}")).await.expect(200)["items"][0], shown);
    let whole = world.post("/admin/keys", &json!({"app": app})).await.expect(201);
    assert_eq!((&whole["products"], &whole["addresses"]), (&Value::Null, &Value::Null));
    for told in ["state", "successor"] {
        shown.as_object_mut().unwrap().remove(told);
    }
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

/// What a call of rotation was answered, as made.
async fn rotate(world: &World, id: &str, body: &Value) -> Value {
    world.post(&format!("/admin/keys/{id}/rotate"), body).await.expect(201)
}

#[tokio::test]
async fn a_key_takes_anothers_place_as_narrow_as_that_and_both_are_on_one_record() {
    let world = World::new().await;
    let app = app_with(&world, &[("storefront", "standard")]).await;
    let body = json!({
        "app": app, "scopes": ["order:read"], "products": ["storefront"], "addresses": ["192.0.2.0/24"],
    });
    let old = world.post("/admin/keys", &body).await.expect(201);
    let old_id = text(&old, "id");
    world.forgotten.take();
    world.clock.advance(Duration::from_secs(60));
    let new = rotate(&world, &old_id, &json!({})).await;
    assert_eq!(world.forgotten.take(), [old_id.as_str()]);
    for field in ["app", "scopes", "products", "addresses", "expires_at"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    assert!(new["key"] != old["key"] && new["rotated_from"] == old["id"], "{new}");
    assert_eq!(new["predecessor"]["expires_at"], "2026-11-25T08:01:00Z");
    let kept = world.get(&format!("/admin/keys/{old_id}")).await.expect(200);
    assert_eq!(kept, new["predecessor"]);
    let listed = world.get(&format!("/admin/keys?app={app}")).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(new["key"].as_str().unwrap()));
    for id in [&old_id, &text(&new, "id")] {
        let records = world.get(&format!("/admin/audit?subject={id}")).await.expect(200);
        let record = &records["items"][0];
        assert_eq!(
            (&record["action"], &record["subject"]),
            (&json!("key.rotate"), &json!(old_id)),
            "{record}"
        );
        assert_eq!(
            (&record["before"]["expires_at"], &record["after"]["expires_at"]),
            (&Value::Null, &kept["expires_at"])
        );
        assert_eq!(record["after"]["successor"]["id"], new["id"]);
        assert!(!records.to_string().contains(new["key"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_rotation_lets_neither_key_live_longer_unless_another_end_is_said() {
    let world = World::new().await;
    let app = app_with(&world, &[]).await;
    let make = async |expires_at: Value| {
        let body = json!({"app": app, "expires_at": expires_at});
        text(&world.post("/admin/keys", &body).await.expect(201), "id")
    };
    let short = make(json!("2026-11-24T10:00:00Z")).await;
    world.clock.advance(Duration::from_secs(3600));
    let said = json!({"overlap": "7d", "expires_at": "2026-11-25T00:00:00Z"});
    let new = rotate(&world, &short, &said).await;
    assert_eq!(new["predecessor"]["expires_at"], "2026-11-24T10:00:00Z", "its end was earlier");
    assert_eq!((&new["expires_at"], &new["expires_as"]), (&said["expires_at"], &Value::Null));
    let long = make(json!("2027-11-24T09:00:00Z")).await;
    let new = rotate(&world, &long, &json!({"overlap": "90s", "expires_at": "2026-12-01T00:00:00Z"})).await;
    assert_eq!(new["predecessor"]["expires_at"], "2026-11-24T09:01:30Z");
    assert_eq!(new["expires_at"], "2026-12-01T00:00:00Z");
}

#[tokio::test]
async fn a_key_that_would_outlive_nothing_is_not_made_unless_its_end_is_said() {
    let world = World::new().await;
    let app = app_with(&world, &[]).await;
    let body = json!({"app": app, "expires_at": "2026-11-24T10:00:00Z"});
    let old = text(&world.post("/admin/keys", &body).await.expect(201), "id");
    let path = format!("/admin/keys/{old}/rotate");
    for body in [json!({}), json!({"overlap": "3h"}), json!({"overlap": "2h"})] {
        let problem = world.post(&path, &body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], "/expires_at", "{problem}");
        let told =
            format!("is missing: {old} was to end at 2026-11-24T10:00:00Z, and the old one ends no earlier");
        assert!(text(&problem["errors"][0], "detail").starts_with(&told), "{problem}");
    }
    let new = rotate(&world, &old, &json!({"overlap": "1h"})).await;
    assert_eq!((&new["expires_at"], &new["expires_as"]), (&json!("2026-11-24T10:00:00Z"), &json!(old)));
}

#[tokio::test]
async fn of_keys_that_take_each_others_place_the_last_is_rotated() {
    let world = World::new().await;
    let app = app_with(&world, &[]).await;
    let body = json!({"app": app, "expires_at": "2027-11-24T08:00:00Z"});
    let first = text(&world.post("/admin/keys", &body).await.expect(201), "id");
    let second = rotate(&world, &first, &json!({})).await;
    let path = |id: &str, what: &str| format!("/admin/keys/{id}/{what}");
    let again = world.post(&path(&first, "rotate"), &json!({})).await.expect(409);
    assert!(again["detail"].as_str().unwrap().contains(&text(&second, "id")), "{again}");
    let third = rotate(&world, &text(&second, "id"), &json!({})).await;
    assert_eq!(third["rotated_from"], second["id"]);
    // The answer with a successor was lost: nobody has that key.
    world.post(&path(&text(&second, "id"), "revoke"), &json!({})).await.expect(200);
    let another = rotate(&world, &first, &json!({})).await;
    assert_eq!(another["expires_at"], "2027-11-24T08:00:00Z", "when the first was to end");
    assert_eq!(another["predecessor"]["expires_at"], "2026-11-25T08:00:00Z");
    world.clock.advance(Duration::from_secs(24 * 3600));
    world.post(&path(&first, "rotate"), &json!({})).await.expect(409);
    world.post(&path(&text(&second, "id"), "rotate"), &json!({})).await.expect(409);
    world.post(&path("key_none", "rotate"), &json!({})).await.expect(404);
    for overlap in [json!("31d"), json!("00s"), json!("soon"), json!(3600), json!(0)] {
        let refused = world.post(&path(&text(&another, "id"), "rotate"), &json!({"overlap": overlap})).await;
        assert_eq!(refused.expect(422)["errors"][0]["pointer"], "/overlap", "{overlap}");
    }
}

#[tokio::test]
async fn who_rotates_after_the_end_of_the_last_says_another_end() {
    let world = World::new().await;
    let app = app_with(&world, &[]).await;
    let first = text(&world.post("/admin/keys", &json!({"app": app})).await.expect(201), "id");
    let body = json!({"overlap": "7d", "expires_at": "2026-11-25T08:00:00Z"});
    let second = text(&rotate(&world, &first, &body).await, "id");
    world.clock.advance(Duration::from_secs(24 * 3600));
    let path = format!("/admin/keys/{first}/rotate");
    let problem = world.post(&path, &json!({})).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/expires_at", "{problem}");
    let told = format!("{second} was to end at 2026-11-25T08:00:00Z, and");
    assert!(text(&problem["errors"][0], "detail").contains(&told), "{problem}");
    let new = rotate(&world, &first, &json!({"expires_at": "2026-12-25T08:00:00Z"})).await;
    assert_eq!(new["expires_at"], "2026-12-25T08:00:00Z");
}

#[tokio::test]
async fn a_key_is_inspected_by_itself_or_by_its_hash_and_a_token_for_reading_is_enough() {
    let world = World::new().await;
    let app = app_with(&world, &[("storefront", "standard")]).await;
    let body = json!({"app": app, "products": ["storefront"], "expires_at": "2026-11-24T09:00:00Z"});
    let made = world.post("/admin/keys", &body).await.expect(201);
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let (_, hash) = ApiKey::check(&key).unwrap();
    let hash = hexadecimal(&hash.0);
    let by_hash = json!({"sha256": hash.to_uppercase()});
    let inspect = async |body: &Value| world.post("/admin/keys/inspect", body).await.expect(200);
    let told = inspect(&by_hash).await;
    assert_eq!(
        (&told["known"], &told["state"], &told["sha256"]),
        (&json!(true), &json!("active"), &json!(hash))
    );
    assert_eq!((&told["key"]["id"], &told["key"]["products"]), (&json!(id), &json!(["storefront"])));
    assert_eq!((&told["app"]["id"], &told["app"]["name"]), (&json!(app), &json!("Order helper")));
    assert_eq!(told["partner"]["name"], "杭州软件 Ltd");
    assert_eq!(inspect(&json!({"key": format!("{key}\n")})).await, told);
    assert!(!told.to_string().contains(&key));

    let reader = world.post("/admin/tokens", &json!({"name": "auditor", "access": "read"})).await.expect(201);
    let mut request = world.request(Method::POST, "/admin/keys/inspect", by_hash.to_string());
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {}", text(&reader, "token")).parse().unwrap());
    assert_eq!(world.send(request).await.expect(200), told);
    let records = world.get("/admin/audit").await.expect(200);

    for (path, state) in [
        (format!("apps/{app}/suspend"), "app_suspended"),
        (format!("partners/{}/suspend", text(&told["partner"], "id")), "partner_suspended"),
    ] {
        world.post(&format!("/admin/{path}"), &json!({})).await.expect(200);
        assert_eq!(inspect(&by_hash).await["state"], state);
    }
    for path in [format!("apps/{app}/resume"), format!("partners/{}/resume", text(&told["partner"], "id"))] {
        world.post(&format!("/admin/{path}"), &json!({})).await.expect(200);
    }
    let anew = json!({"expires_at": "2026-12-24T08:00:00Z"});
    let new = text(&rotate(&world, &id, &anew).await, "id");
    assert_eq!(inspect(&by_hash).await["state"], "rotated");
    world.post(&format!("/admin/keys/{new}/revoke"), &json!({})).await.expect(200);
    assert_eq!(inspect(&by_hash).await["state"], "active");
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(inspect(&by_hash).await["state"], "expired");
    world.post(&format!("/admin/keys/{id}/revoke"), &json!({})).await.expect(200);
    let told = inspect(&by_hash).await;
    assert_eq!(
        (&told["state"], &told["key"]["revoked_at"]),
        (&json!("revoked"), &json!("2026-11-24T09:00:00Z"))
    );
    let unknown = inspect(&json!({"sha256": "0".repeat(64)})).await;
    assert_eq!(unknown, json!({"sha256": "0".repeat(64), "known": false}));
    let now = world.get("/admin/audit").await.expect(200)["items"].as_array().unwrap().len();
    assert_eq!(records["items"].as_array().unwrap().len() + 7, now, "to inspect a key changes nothing");
}

#[tokio::test]
async fn what_is_no_key_is_told_without_what_was_sent() {
    let world = World::new().await;
    let (_, key) = (world.app().await, "tg_live_0000000000000000000000000000000000000000000000000");
    for (body, pointer, told) in [
        (json!({}), "/key", "is missing, or sha256"),
        (json!({"key": key}), "/key", "checksum does not fit"),
        (json!({"key": &key[..40]}), "/key", "has 57 characters"),
        (json!({"key": 1}), "/key", "must be a string"),
        (json!({"sha256": key}), "/sha256", "64 hexadecimal digits"),
        (json!({"sha256": "0".repeat(64), "key": key}), "/key", "checksum"),
    ] {
        let problem = world.post("/admin/keys/inspect", &body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(told), "{problem}");
        assert!(!problem.to_string().contains("tg_live_0"), "{problem}");
    }
    assert_eq!(world.get("/admin/keys/inspect").await.status, 405);
}
