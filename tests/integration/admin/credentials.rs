//! What is administered alike of API keys, signature keys and client certificates.

use std::time::Duration;

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
    for once in ["key", "secret", "permits", "predecessor", "expires_as"] {
        lasting.as_object_mut().unwrap().remove(once);
    }
    lasting
}

/// What is recorded of one that was made: how it stands is no part of it.
fn recorded(made: &Value) -> Value {
    let mut recorded = lasting(made);
    for told in ["state", "successor"] {
        recorded.as_object_mut().unwrap().remove(told);
    }
    recorded
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
        assert_eq!(record["after"], recorded(&made), "{path}");
        let permits = json!({"scopes": ["order:read"], "products": ["supply"], "personal_data": []});
        assert_eq!((&made["permits"], &made["state"]), (&permits, &json!("active")), "{path}");
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
        assert_eq!(record["after"]["successor"], recorded(&new), "{path}");
        assert_eq!(new["permits"], old["permits"], "{path}");
    }
}

#[tokio::test]
async fn of_each_kind_it_is_told_how_it_stands_and_what_took_its_place() {
    let world = World::new().await;
    let app = app_with_supply(&world).await;
    for (path, own, _) in kinds() {
        let old = text(&world.post(path, &asked(&own, &app, &json!({}))).await.expect(201), "id");
        let stands = async |id: &str| {
            let one = world.get(&format!("{path}/{id}")).await.expect(200);
            let listed = world.get(&format!("{path}?app={app}")).await.expect(200);
            let listed = listed["items"].as_array().unwrap().clone();
            assert!(listed.contains(&one), "{path}: {one} is not in {listed:?}");
            (text(&one, "state"), one["successor"].clone())
        };
        assert_eq!(stands(&old).await, ("active".to_owned(), Value::Null));
        world.clock.advance(Duration::from_secs(1));
        let rotate = format!("{path}/{old}/rotate");
        let new = text(&world.post(&rotate, &anew(path, &json!({"overlap": "1h"}))).await.expect(201), "id");
        assert_eq!(stands(&old).await, ("rotated".to_owned(), json!(new)), "{path}");
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(stands(&old).await, ("expired".to_owned(), json!(new)), "{path}");
        let revoked = world.post(&format!("{path}/{new}/revoke"), &json!({})).await.expect(200);
        assert_eq!((&revoked["state"], stands(&new).await.0), (&json!("revoked"), "revoked".to_owned()));
    }
}

#[tokio::test]
async fn of_each_kind_one_is_active_again_once_what_took_its_place_works_no_longer() {
    let world = World::new().await;
    let app = app_with_supply(&world).await;
    for (path, own, _) in kinds() {
        let old = text(&world.post(path, &asked(&own, &app, &json!({}))).await.expect(201), "id");
        let new = world.post(&format!("{path}/{old}/rotate"), &anew(path, &json!({}))).await.expect(201);
        assert_eq!(new["predecessor"]["state"], "rotated", "{path}");
        let new = text(&new, "id");
        world.post(&format!("{path}/{new}/revoke"), &json!({})).await.expect(200);
        let one = world.get(&format!("{path}/{old}")).await.expect(200);
        assert_eq!((&one["state"], &one["successor"]), (&json!("active"), &json!(new)), "{path}");
        let listed = world.get(&format!("{path}?app={app}")).await.expect(200);
        assert!(listed["items"].as_array().unwrap().contains(&one), "{path}: {listed}");
        let revoked = world.post(&format!("{path}/{old}/revoke"), &json!({})).await.expect(200);
        assert_eq!(revoked["successor"], new.as_str(), "{path}");
    }
}

#[tokio::test]
async fn of_each_kind_the_old_one_may_end_at_once_and_its_end_is_its_successors() {
    let world = World::new().await;
    let app = app_with_supply(&world).await;
    for (path, own, _) in kinds() {
        let end = json!({"expires_at": "2027-06-30T00:00:00Z"});
        let old = text(&world.post(path, &asked(&own, &app, &end)).await.expect(201), "id");
        world.clock.advance(Duration::from_secs(3600));
        let rotate = format!("{path}/{old}/rotate");
        let new = world.post(&rotate, &anew(path, &json!({"overlap": "0s"}))).await.expect(201);
        assert_eq!((&new["expires_at"], &new["expires_as"]), (&end["expires_at"], &json!(old)), "{path}");
        assert_eq!(new["predecessor"]["state"], "expired", "{path}");
        assert_eq!(new["predecessor"]["expires_at"], new["created_at"], "{path}");
        world.post(&format!("{path}/{}/revoke", text(&new, "id")), &json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn of_each_kind_none_is_rotated_that_would_be_good_for_no_api_product() {
    let world = World::new().await;
    let app = app_with_supply(&world).await;
    let both = json!({"app": app, "product": "storefront", "plan": "standard"});
    world.post("/admin/subscriptions", &both).await.expect(201);
    let mut made = Vec::new();
    for (path, own, kind) in kinds() {
        let narrow = json!({"products": ["storefront", "supply"]});
        let one = world.post(path, &asked(&own, &app, &narrow)).await.expect(201);
        made.push((path, kind, text(&one, "id")));
    }
    let subscriptions = world.get(&format!("/admin/subscriptions?app={app}")).await.expect(200);
    let end = async |product: &str| {
        let listed = subscriptions["items"].as_array().unwrap();
        let one = listed.iter().find(|one| one["product"] == product).unwrap();
        let path = format!("/admin/subscriptions/{}/end", text(one, "id"));
        world.post(&path, &json!({"app": app})).await.expect(200);
    };
    end("storefront").await;
    let mut rotated = Vec::new();
    for (path, kind, id) in made {
        let new = world.post(&format!("{path}/{id}/rotate"), &anew(path, &json!({}))).await.expect(201);
        assert_eq!(new["products"], json!(["storefront", "supply"]), "as narrow as that, and no narrower");
        assert_eq!(new["permits"]["products"], json!(["supply"]), "{path}");
        rotated.push((path, kind, text(&new, "id")));
    }
    end("supply").await;
    for (path, kind, id) in rotated {
        let refused = world.post(&format!("{path}/{id}/rotate"), &anew(path, &json!({}))).await;
        let refused = text(&refused.expect(409), "detail");
        let told =
            format!("This {kind} is narrowed to storefront, supply, and its app has subscribed to no such");
        assert!(refused.starts_with(&told), "{refused}");
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
