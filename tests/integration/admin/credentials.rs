//! What is administered alike of API keys, signature keys and client certificates.

use serde_json::{Value, json};

use super::world::{World, text};

/// The kinds: where they are, what else one needs to be made, and what people call it.
fn kinds() -> [(&'static str, Value, &'static str); 3] {
    [
        ("/admin/keys", json!({}), "API key"),
        ("/admin/signature-keys", json!({"algorithm": "hmac-sha256"}), "signature key"),
        ("/admin/client-certificates", json!({"subject": "CN=erp"}), "client certificate"),
    ]
}

/// What is asked of a new one.
fn asked(own: &Value, app: &str, terms: &Value) -> Value {
    let mut body = own.clone();
    body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    body["app"] = json!(app);
    body
}

/// An app that has subscribed to one API product, by its id.
async fn app_with_supply(world: &World) -> String {
    let app = text(&world.app().await, "id");
    let subscription = json!({"app": app, "product": "supply", "plan": "supplier"});
    world.post("/admin/subscriptions", &subscription).await.expect(201);
    app
}

/// What was made, without what is told this once.
fn lasting(made: &Value) -> Value {
    let mut lasting = made.clone();
    for once in ["key", "secret", "permits", "predecessor"] {
        lasting.as_object_mut().unwrap().remove(once);
    }
    lasting
}

#[tokio::test]
async fn each_kind_is_narrowed_and_shown_alike() {
    let world = World::new().await;
    let app = app_with_supply(&world).await;
    for (path, own, _) in kinds() {
        let terms = json!({
            "scopes": ["order:read"], "products": ["supply"], "addresses": ["192.0.2.7", "2001:DB8::/32"],
            "expires_at": "2026-12-24T08:00:00Z",
        });
        let made = world.post(path, &asked(&own, &app, &terms)).await.expect(201);
        assert_eq!(made["addresses"], json!(["192.0.2.7/32", "2001:db8::/32"]), "{path}");
        for field in ["scopes", "products", "expires_at"] {
            assert_eq!(made[field], terms[field], "{path}");
        }
        let id = text(&made, "id");
        assert_eq!(world.get(&format!("{path}/{id}")).await.expect(200), lasting(&made));
        let listed = world.get(&format!("{path}?app={app}")).await.expect(200);
        assert_eq!(listed["items"], json!([lasting(&made)]), "{path}");
        let record = world.get(&format!("/admin/audit?subject={id}")).await.expect(200)["items"][0].clone();
        assert_eq!(record["after"], lasting(&made), "{path}");
        for (field, value, told) in [
            ("scopes", json!(["catalog:write"]), "must be within the app's scopes"),
            ("products", json!(["storefront"]), "which are: supply; not so: storefront"),
            ("products", json!([]), "must have at least one entry, or be left out"),
            ("addresses", json!(["192.0.2.7/24"]), "the network is 192.0.2.0/24"),
            ("expires_at", json!("2026-11-24T08:00:00Z"), "must be in the future"),
        ] {
            let problem = world.post(path, &asked(&own, &app, &json!({field: value}))).await.expect(422);
            assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{path}: {problem}");
            assert!(text(&problem["errors"][0], "detail").contains(told), "{path}: {problem}");
        }
        let orphan = world.post(path, &asked(&own, "app_x", &json!({}))).await.expect(422);
        assert_eq!(orphan["errors"][0]["detail"], "there is no app app_x", "{path}");
    }
}

/// What is said of one that takes another's place, with that beside.
fn anew(path: &str, more: &Value) -> Value {
    let mut body = match path.ends_with("certificates") {
        true => json!({"subject": "CN=erp 2"}),
        false => json!({}),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn of_each_kind_one_takes_anothers_place_as_narrow_as_that() {
    let world = World::new().await;
    let app = app_with_supply(&world).await;
    for (path, own, kind) in kinds() {
        let terms = json!({
            "scopes": ["order:read"], "products": ["supply"], "addresses": ["192.0.2.0/24"],
            "expires_at": "2026-12-24T08:00:00Z",
        });
        let old = world.post(path, &asked(&own, &app, &terms)).await.expect(201);
        let id = text(&old, "id");
        let rotate = async |id: &str, more: Value| {
            world.post(&format!("{path}/{id}/rotate"), &anew(path, &more)).await
        };
        for (more, pointer) in [
            (json!({"overlap": "31d"}), "/overlap"),
            (json!({"expires_at": "2026-11-24T08:00:00Z"}), "/expires_at"),
            (json!({"scopes": ["order:read"]}), "/scopes"),
        ] {
            assert_eq!(rotate(&id, more).await.expect(422)["errors"][0]["pointer"], pointer, "{path}");
        }
        let missing = rotate("none", json!({})).await.expect(404);
        assert_eq!(missing["detail"], format!("There is no such {kind}."));
        let new = rotate(&id, json!({"overlap": "2h"})).await.expect(201);
        for field in ["app", "scopes", "products", "addresses", "expires_at", "style", "algorithm", "label"] {
            assert_eq!(new[field], old[field], "{path}: {field}");
        }
        for secret in ["key", "secret"] {
            assert_eq!(new[secret].is_string(), old[secret].is_string(), "{path}");
            assert!(new[secret].is_null() || new[secret] != old[secret], "{path}");
        }
        let new_id = text(&new, "id");
        assert_eq!(new["rotated_from"], id.as_str());
        assert_eq!(new["predecessor"]["expires_at"], "2026-11-24T10:00:00Z");
        assert_eq!(world.get(&format!("{path}/{id}")).await.expect(200), new["predecessor"]);
        assert_eq!(world.get(&format!("{path}/{new_id}")).await.expect(200), lasting(&new));
        let again = rotate(&id, json!({})).await.expect(409);
        let told = format!("The {kind} {new_id} has taken this one's place: rotate {new_id}, or revoke it");
        assert!(text(&again, "detail").starts_with(&told), "{again}");
        let record =
            world.get(&format!("/admin/audit?subject={new_id}")).await.expect(200)["items"][0].clone();
        assert!(text(&record, "action").ends_with(".rotate"), "{record}");
        assert_eq!((&record["subject"], &record["before"]["expires_at"]), (&old["id"], &terms["expires_at"]));
        assert_eq!(record["after"]["successor"], lasting(&new), "{path}");
    }
}

#[tokio::test]
async fn of_each_kind_what_is_not_there_is_told_alike() {
    let world = World::new().await;
    for (path, _, kind) in kinds() {
        let told = format!("There is no such {kind}.");
        for id in ["none", "a%22b"] {
            assert_eq!(world.get(&format!("{path}/{id}")).await.expect(404)["detail"], told.as_str());
            let revoked = world.post(&format!("{path}/{id}/revoke"), &json!({})).await.expect(404);
            assert_eq!(revoked["detail"], told.as_str());
        }
        let nobody = world.get(path).await.expect(422);
        assert_eq!(nobody["errors"][0]["pointer"], "?app", "{path}");
    }
}
