//! Partners, apps, keys, merchants, grants and subscriptions: made, seen, changed; and the data plane is told.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::api_key::ApiKey;
use tollgate::domain::id::{AppId, GrantId, MerchantId};
use tollgate::domain::identity::SecretHash;
use tollgate::domain::time::Clock;

use super::clients::patch;
use super::world::{World, text};

#[tokio::test]
async fn a_new_app_has_a_secret_that_is_shown_once() {
    let world = World::new().await;
    let made = world.app().await;
    let (id, secret) = (text(&made, "id"), text(&made, "client_secret"));
    assert!(id.starts_with("app_") && secret.starts_with("tgs_"), "{made}");
    assert_eq!((&made["environment"], &made["kind"]), (&json!("sandbox"), &json!("confidential")));
    let shown = world.get(&format!("/admin/apps/{id}")).await.expect(200);
    assert!(!shown.to_string().contains(&secret));
    let id = AppId::new(&id).unwrap();
    assert_eq!(world.store.secrets_of(&id).await.unwrap().len(), 1);
    let proving = world.store.proving_secret(&id, &SecretHash::of(&secret), world.clock.now()).await;
    assert!(proving.unwrap().is_some());
}

#[tokio::test]
async fn a_creation_says_where_the_new_thing_is() {
    let world = World::new().await;
    let answer = world.post("/admin/partners", &json!({"name": " Bright Apps "})).await;
    let made = answer.expect(201);
    assert_eq!(made["name"], "Bright Apps");
    assert_eq!(made["created_at"], "2026-11-24T08:00:00Z");
    assert_eq!(world.get(answer.header("location")).await.expect(200), made);
}

#[tokio::test]
async fn an_app_without_its_partner_is_refused() {
    let world = World::new().await;
    let body = json!({"partner": "partner_x", "name": "a", "scopes": ["order:read"]});
    let problem = world.post("/admin/apps", &body).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/partner");
}

#[tokio::test]
async fn a_public_app_gets_no_secret_and_must_use_pkce() {
    let world = World::new().await;
    let partner = world.partner().await;
    let mut body = json!({"partner": partner, "name": "a", "kind": "public", "scopes": ["order:read"],
        "redirect_uris": ["https://a.example/cb"]});
    let made = world.post("/admin/apps", &body).await.expect(201);
    assert_eq!((&made["client_secret"], &made["requires_pkce"]), (&Value::Null, &json!(true)));
    let more = world.post(&format!("/admin/apps/{}/secrets", text(&made, "id")), &json!({})).await;
    assert_eq!(more.expect(409)["code"], "conflict");
    body["requires_pkce"] = json!(false);
    world.post("/admin/apps", &body).await.expect(422);
}

#[tokio::test]
async fn an_app_that_gets_codes_keeps_where_they_go() {
    let world = World::new().await;
    let partner = world.partner().await;
    let refused = |problem: Value| {
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!((errors.len(), &errors[0]["pointer"]), (1, &json!("/redirect_uris")), "{problem}");
        assert!(errors[0]["detail"].as_str().unwrap().contains("are missing"), "{problem}");
    };
    let mut body = json!({"partner": partner, "name": "a", "scopes": ["order:read"], "kind": "public"});
    refused(world.post("/admin/apps", &body).await.expect(422));
    let of_device = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]);
    let mut device = body.clone();
    device["grant_types"] = of_device.clone();
    world.post("/admin/apps", &device).await.expect(201);
    body["redirect_uris"] = json!(["https://a.example/*"]);
    let problem = world.post("/admin/apps", &body).await.expect(422);
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("match exactly"), "{problem}");
    body["redirect_uris"] = json!(["https://a.example/cb"]);
    let public = text(&world.post("/admin/apps", &body).await.expect(201), "id");
    body["kind"] = json!("confidential");
    let confidential = text(&world.post("/admin/apps", &body).await.expect(201), "id");
    for id in [&public, &confidential] {
        refused(patch(&world, id, &json!({"redirect_uris": []})).await.expect(422));
        let both = json!({"redirect_uris": [], "grant_types": of_device});
        patch(&world, id, &both).await.expect(200);
    }
}

#[tokio::test]
async fn the_default_scopes_are_within_the_scopes() {
    let world = World::new().await;
    let partner = world.partner().await;
    let mut body = json!({"partner": partner, "name": "a", "scopes": ["order:read"]});
    let made = world.post("/admin/apps", &body).await.expect(201);
    assert_eq!(made["default_scopes"], json!(["order:read"]));
    body["default_scopes"] = json!(["order:write"]);
    let problem = world.post("/admin/apps", &body).await.expect(422);
    let detail = "must be within scopes; order:write is not";
    assert_eq!(problem["errors"], json!([{"pointer": "/default_scopes", "detail": detail}]));
}

#[tokio::test]
async fn to_suspend_an_app_or_its_partner_is_told_to_the_data_plane() {
    let world = World::new().await;
    let app = world.app().await;
    let (id, partner) = (text(&app, "id"), text(&app, "partner"));
    for (path, standing) in [
        (format!("apps/{id}/suspend"), "suspended"),
        (format!("apps/{id}/resume"), "active"),
        (format!("partners/{partner}/suspend"), "suspended"),
        (format!("partners/{partner}/resume"), "active"),
    ] {
        let shown = world.post(&format!("/admin/{path}"), &json!({})).await.expect(200);
        assert_eq!(shown["standing"], standing, "{path}");
        assert_eq!(world.forgotten.take(), [id.as_str()], "{path}");
    }
    let shown = world.get(&format!("/admin/apps/{id}")).await.expect(200);
    assert_eq!((&shown["standing"], &shown["partner_standing"]), (&json!("active"), &json!("active")));
    world.post(&format!("/admin/partners/{partner}/suspend"), &json!({})).await.expect(200);
    let shown = world.get(&format!("/admin/apps/{id}")).await.expect(200);
    assert_eq!((&shown["standing"], &shown["partner_standing"]), (&json!("active"), &json!("suspended")));
    for query in [String::new(), format!("?partner={partner}")] {
        let listed = world.get(&format!("/admin/apps{query}")).await.expect(200);
        assert_eq!(listed["items"], json!([shown]), "{query}");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_revoked_at_once() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let body = json!({"app": app, "scopes": ["order:read"], "expires_at": "2027-01-01T00:00:00Z"});
    let made = world.post("/admin/keys", &body).await.expect(201);
    let (key, id) = (text(&made, "key"), text(&made, "id"));
    assert!(key.starts_with("tg_test_"), "{key}");
    let (_, hash) = ApiKey::check(&key).unwrap();
    let record = world.store.key_by_hash(&hash).await.unwrap().unwrap();
    assert_eq!(record.id.as_str(), id);
    let listed = world.get(&format!("/admin/keys?app={app}")).await.expect(200);
    assert_eq!(listed["items"][0]["id"], id.as_str());
    assert!(!listed.to_string().contains(&key));
    world.forgotten.take();
    let revoked = world.post(&format!("/admin/keys/{id}/revoke"), &json!({})).await.expect(200);
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    assert_eq!(world.forgotten.take(), [id]);
}

#[tokio::test]
async fn a_key_is_no_wider_than_its_app_and_ends_in_the_future() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    for (body, pointer) in [
        (json!({"app": app, "scopes": ["catalog:write"]}), "/scopes"),
        (json!({"app": app, "expires_at": "2026-11-24T08:00:00Z"}), "/expires_at"),
        (json!({"app": app, "expires_at": "tomorrow"}), "/expires_at"),
        (json!({"app": "app_x"}), "/app"),
    ] {
        let problem = world.post("/admin/keys", &body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}

#[tokio::test]
async fn a_merchant_gets_a_password_that_is_shown_once() {
    let world = World::new().await;
    let made = world.post("/admin/merchants", &json!({"username": "shop", "name": "小店"})).await.expect(201);
    let (id, password) = (text(&made, "id"), text(&made, "password"));
    let (_, hash) = world.store.merchant_login("shop").await.unwrap().unwrap();
    assert!(tollgate::credential::password::verify(&password, &hash));
    let shown = world.get(&format!("/admin/merchants/{id}")).await.expect(200);
    assert_eq!(shown["password"], Value::Null);
    let again = world.post("/admin/merchants", &json!({"username": "shop", "name": "b"})).await;
    assert!(again.expect(409)["detail"].as_str().unwrap().contains("username"));
    world.post(&format!("/admin/merchants/{id}/suspend"), &json!({})).await.expect(200);
    assert_eq!(world.forgotten.take(), [id.as_str()]);
    let path = format!("/admin/merchants/{id}/password");
    world.post(&path, &json!({"password": "short"})).await.expect(422);
    let given = world.post(&path, &json!({"password": "correct horse"})).await.expect(200);
    assert_eq!(given["password"], Value::Null);
    let (_, hash) = world.store.merchant_login("shop").await.unwrap().unwrap();
    assert!(tollgate::credential::password::verify("correct horse", &hash));
    let made = text(&world.post(&path, &json!({})).await.expect(200), "password");
    let (_, hash) = world.store.merchant_login("shop").await.unwrap().unwrap();
    assert!(tollgate::credential::password::verify(&made, &hash));
}

#[tokio::test]
async fn a_grant_is_seen_from_both_sides_and_taken_back_at_once() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let merchant =
        world.post("/admin/merchants", &json!({"username": "shop", "name": "小店"})).await.expect(201);
    let merchant = text(&merchant, "id");
    let id = GrantId::new("grant_1").unwrap();
    let pair = (MerchantId::new(&merchant).unwrap(), AppId::new(&app).unwrap());
    let scopes = "order:read".parse().unwrap();
    world.store.grant_consent((&pair.0, &pair.1), &scopes, &id, world.clock.now()).await.unwrap();
    for query in [format!("app={app}"), format!("merchant={merchant}")] {
        let listed = world.get(&format!("/admin/grants?{query}")).await.expect(200);
        assert_eq!(listed["items"][0]["id"], "grant_1");
    }
    world.forgotten.take();
    let revoked = world.post("/admin/grants/grant_1/revoke", &json!({})).await.expect(200);
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    assert_eq!(world.forgotten.take(), ["grant_1"]);
}

#[tokio::test]
async fn an_app_is_subscribed_once_to_a_product_under_a_plan_for_it() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let body = json!({"app": app, "product": "storefront", "plan": "standard"});
    let made = world.post("/admin/subscriptions", &body).await.expect(201);
    assert_eq!(world.forgotten.take(), [app.as_str()]);
    let again = world.post("/admin/subscriptions", &body).await.expect(409);
    assert!(again["detail"].as_str().unwrap().contains("end that one first"), "{again}");
    for (product, plan, pointer) in [
        ("storefrnt", "standard", "/product"),
        ("supply", "standrad", "/plan"),
        ("supply", "standard", "/plan"),
    ] {
        let body = json!({"app": app, "product": product, "plan": plan});
        let problem = world.post("/admin/subscriptions", &body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    world.clock.advance(std::time::Duration::from_secs(60));
    let path = format!("/admin/subscriptions/{}/end", text(&made, "id"));
    let ended = world.post(&path, &json!({"app": app})).await.expect(200);
    assert_eq!(ended["until"], "2026-11-24T08:01:00Z");
    assert_eq!(world.forgotten.take(), [app.as_str()]);
    let other = text(&world.app().await, "id");
    world.post(&path, &json!({"app": other})).await.expect(404);
    world.post(&path, &json!({})).await.expect(200);
    let answer = world.post("/admin/subscriptions", &body).await;
    let second = answer.expect(201);
    assert_eq!(world.get(answer.header("location")).await.expect(200), second);
    world.get("/admin/subscriptions/sub_none").await.expect(404);
    let mut expected = [text(&made, "id"), text(&second, "id")];
    expected.sort();
    for (query, count) in
        [("", 2), ("?plan=standard&product=storefront", 2), ("?plan=starter", 0), ("?product=supply", 0)]
    {
        let listed = world.get(&format!("/admin/subscriptions{query}")).await.expect(200);
        let ids: Vec<String> =
            listed["items"].as_array().unwrap().iter().map(|item| text(item, "id")).collect();
        assert_eq!(ids, expected[..count], "{query}");
    }
    let page = world.get("/admin/subscriptions?limit=1").await.expect(200);
    let next = format!("/admin/subscriptions?limit=1&after={}", text(&page, "next"));
    assert_eq!(world.get(&next).await.expect(200)["items"][0]["id"], expected[1].as_str());
    for query in [format!("app={other}"), format!("app={app}&plan=none")] {
        let listed = world.get(&format!("/admin/subscriptions?{query}")).await.expect(200);
        assert_eq!(listed["items"], json!([]), "{query}");
    }
    world.get("/admin/subscriptions?aplication=x").await.expect(422);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.partner().await);
    }
    made.sort();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/admin/partners?limit=2&after={cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|partner| text(partner, "id")));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn plans_and_products_are_those_of_the_policies() {
    let world = World::new().await;
    let plan = world.get("/admin/plans/standard").await.expect(200);
    assert_eq!(plan["current"]["fee"]["per_unit"], "0.01");
    assert_eq!(plan["current"]["share"]["percent"], "2.5");
    assert_eq!(plan["current"]["limits"][0]["name"], "calls");
    assert!(plan["current"]["source"].as_str().unwrap().starts_with("plans/standard.yaml:"));
    let plans = world.get("/admin/plans").await.expect(200);
    assert_eq!(plans["items"].as_array().unwrap().len(), 3);
    let products = world.get("/admin/products").await.expect(200);
    assert_eq!(products["items"].as_array().unwrap().len(), 3);
    world.send(world.request(Method::POST, "/admin/plans", "{}")).await.expect(405);
}

#[tokio::test]
async fn signing_keys_are_seen_rotated_and_revoked_and_never_shown() {
    let world = World::new().await;
    let keys = async || world.get("/admin/signing-keys").await.expect(200)["items"].clone();
    let first = keys().await;
    assert_eq!((&first[0]["state"], &first[0]["algorithm"]), (&json!("signs"), &json!("ES256")));
    let answer = world.post("/admin/signing-keys", &json!({})).await;
    let next = answer.expect(201);
    assert_eq!((&next["state"], &next["signs_from"]), (&json!("waits"), &json!("2026-11-25T08:00:00Z")));
    assert_eq!(world.get(answer.header("location")).await.expect(200), next);
    let behind = world.post("/admin/signing-keys", &json!({})).await.expect(201);
    assert_eq!(behind["waits_behind"], json!([next["kid"]]));
    let path = format!("/admin/signing-keys/{}/revoke", text(&behind, "kid"));
    world.post(&path, &json!({})).await.expect(200);
    assert_eq!(world.forgotten.take(), ["all"]);
    world.clock.advance(std::time::Duration::from_secs(24 * 3600));
    let both = keys().await;
    assert_eq!((&both[0]["state"], &both[1]["state"]), (&json!("retired"), &json!("signs")));
    assert_eq!(both[0]["believed_until"], "2026-11-26T08:05:00Z");
    let path = format!("/admin/signing-keys/{}/revoke", text(&next, "kid"));
    for _ in 0..2 {
        assert_eq!(world.post(&path, &json!({})).await.expect(200)["state"], "revoked");
        assert_eq!(world.forgotten.take(), ["all"]);
    }
    let after = keys().await;
    let states: Vec<_> = after.as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == json!("signs")).count(), 1, "{after}");
    assert!(!after.to_string().contains("sealed"), "{after}");
    let records = world.get(&format!("/admin/audit?subject={}", text(&next, "kid"))).await.expect(200);
    let actions: Vec<_> =
        records["items"].as_array().unwrap().iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["signing_key.revoke", "signing_key.rotate"]);
    assert_eq!(records["items"][0]["before"]["state"], "signs");
    world.post("/admin/signing-keys/none/revoke", &json!({})).await.expect(404);
}
