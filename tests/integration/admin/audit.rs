//! Every change leaves a record: who, what, when, from where, before and after; and no secret.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::action::Action;
use tollgate::domain::audit::{Actor, Change, Subject};
use tollgate::domain::time::Clock;

use super::world::{TOKEN, World, text};

async fn records(world: &World, query: &str) -> Vec<Value> {
    let answer = world.get(&format!("/admin/audit{query}")).await.expect(200);
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_change_is_recorded_with_what_was_before_and_after() {
    let world = World::new().await;
    let app = world.app().await;
    let id = text(&app, "id");
    world.post(&format!("/admin/apps/{id}/suspend"), &json!({})).await.expect(200);
    let found = records(&world, &format!("?subject={id}")).await;
    let [suspended, created] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&created["action"], &created["before"]), (&json!("app.create"), &Value::Null));
    assert_eq!(created["after"]["name"], "Order helper");
    assert_eq!(suspended["action"], "app.suspend");
    assert_eq!(suspended["actor"], "administrator:node");
    assert_eq!(suspended["at"], "2026-11-24T08:00:00Z");
    assert!(suspended["request_id"].as_str().unwrap().starts_with("req_"));
    assert_eq!(
        (&suspended["before"]["standing"], &suspended["after"]["standing"]),
        (&json!("active"), &json!("suspended"))
    );
    assert_eq!(records(&world, &format!("?subject={id}&action=app.create")).await.len(), 1);
    assert_eq!(records(&world, "?actor=administrator:nobody").await.len(), 0);
    let first = world.get("/admin/audit?limit=1").await.expect(200);
    let next = first["next"].as_str().unwrap();
    assert_ne!(
        records(&world, &format!("?limit=1&after={next}")).await[0]["number"],
        first["items"][0]["number"]
    );
}

#[tokio::test]
async fn what_was_refused_or_only_seen_is_not_recorded() {
    let world = World::new().await;
    let app = world.app().await;
    let before = records(&world, "").await.len();
    let id = text(&app, "id");
    world.get(&format!("/admin/apps/{id}")).await.expect(200);
    world
        .post("/admin/apps", &json!({"partner": "partner_x", "name": "a", "scopes": ["order:read"]}))
        .await
        .expect(422);
    world.post("/admin/apps/app_none/suspend", &json!({})).await.expect(404);
    world.post("/admin/keys", &json!({"app": id, "scopes": ["catalog:read"]})).await.expect(422);
    assert_eq!(records(&world, "").await.len(), before);
}

#[tokio::test]
async fn no_record_holds_a_secret() {
    let world = World::new().await;
    let app = world.app().await;
    let id = text(&app, "id");
    let more =
        world.post(&format!("/admin/apps/{id}/secrets"), &json!({"revoke_others": true})).await.expect(201);
    let key = world.post("/admin/keys", &json!({"app": id})).await.expect(201);
    let merchant =
        world.post("/admin/merchants", &json!({"username": "shop", "name": "Shop"})).await.expect(201);
    let token = world.post("/admin/tokens", &json!({"name": "alice"})).await.expect(201);
    let changed = format!("/admin/merchants/{}/password", text(&merchant, "id"));
    world.post(&changed, &json!({"password": "correct horse battery"})).await.expect(200);
    let all = json!(records(&world, "").await).to_string();
    let secrets = [
        text(&app, "client_secret"),
        text(&more, "client_secret"),
        text(&key, "key"),
        text(&merchant, "password"),
        text(&token, "token"),
        "correct horse battery".to_owned(),
        TOKEN.to_owned(),
    ];
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret} in {all}");
    }
    for action in [
        "app.create",
        "app.add_secret",
        "key.create",
        "merchant.create",
        "merchant.set_password",
        "token.create",
    ] {
        assert!(all.contains(action), "{action}");
    }
}

#[tokio::test]
async fn a_named_token_says_who_it_was_until_it_expires_or_is_revoked() {
    let world = World::new().await;
    let made = world
        .post("/admin/tokens", &json!({"name": "alice", "expires_at": "2026-11-24T09:00:00Z"}))
        .await
        .expect(201);
    let (id, token) = (text(&made, "id"), text(&made, "token"));
    let sent = |method: Method, path: &str| {
        let mut request = world.request(method, path, "{}");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    let partner = world.partner().await;
    let path = format!("/admin/partners/{partner}/suspend");
    world.send(sent(Method::POST, &path)).await.expect(200);
    let record = &records(&world, &format!("?subject={partner}&action=partner.suspend")).await[0];
    assert_eq!((&record["actor"], &record["credential"]), (&json!("administrator:alice"), &json!(id)));
    world.clock.advance(std::time::Duration::from_secs(3600));
    world.send(sent(Method::GET, "/admin/partners")).await.expect(401);
    let other = world.post("/admin/tokens", &json!({"name": "bob"})).await.expect(201);
    let (id, token) = (text(&other, "id"), text(&other, "token"));
    world.post(&format!("/admin/tokens/{id}/revoke"), &json!({})).await.expect(200);
    let mut request = world.request(Method::GET, "/admin/partners", "");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    world.send(request).await.expect(401);
    world.post("/admin/tokens", &json!({"name": "node"})).await.expect(422);
    // A name is free again once its token no longer works, and taken until then.
    for name in ["alice", "bob"] {
        world.post("/admin/tokens", &json!({ "name": name })).await.expect(201);
        let again = world.post("/admin/tokens", &json!({ "name": name })).await.expect(409);
        assert_eq!(again["detail"], "Another admin token has that name.");
    }
    let listed = world.get("/admin/tokens").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);
    assert!(!listed.to_string().contains(&token));
}

#[tokio::test]
async fn a_filter_that_can_find_nothing_is_told_with_what_there_is() {
    let world = World::new().await;
    for (filter, told) in [
        ("action=app.suspnd", "there are: app.create, app.update, app.suspend,"),
        ("action=", "there are: app.create"),
        (
            "subject=merchnt:mer_1",
            "kinds are: app, balance, client_certificate, exception, grant, key, kill_switch, ledger, merchant,",
        ),
        (
            "subject=shop:x",
            "kinds are: app, balance, client_certificate, exception, grant, key, kill_switch, ledger, merchant,",
        ),
        ("subject=nope", "is an id, such as app_…, or KIND:ID; kinds are: app,"),
        ("actor=alice", "kinds are: administrator, merchant, node, presenter"),
        ("actor=administrator:", "kinds are: administrator, merchant, node, presenter"),
    ] {
        let problem = world.get(&format!("/admin/audit?{filter}")).await.expect(422);
        let error = &problem["errors"][0];
        let name = filter.split('=').next().unwrap();
        assert_eq!(error["pointer"], format!("?{name}"), "{problem}");
        assert!(error["detail"].as_str().unwrap().contains(told), "{problem}");
    }
    assert_eq!(records(&world, "?subject=mer_none&action=grant.give").await.len(), 0);
}

#[tokio::test]
async fn an_id_that_holds_a_colon_finds_its_records_with_or_without_its_kind() {
    let world = World::new().await;
    let id = "usage:019ac000-0000-7000-8000-000000000001";
    let resolved = Change {
        at: world.clock.now(),
        actor: Actor::Administrator("alice".to_owned()),
        credential: None,
        address: None,
        request_id: None,
        action: Action::ExceptionResolve,
        subject: Subject::new(id),
        before: None,
        after: None,
    };
    // An older program named a consent by the app that got it.
    let consent = Change { action: Action::GrantGive, subject: Subject::new("app_1"), ..resolved.clone() };
    world.store.record_changes(&[resolved, consent]).await.unwrap();
    let consent = &records(&world, "?subject=app:app_1").await[0];
    assert_eq!((&consent["action"], &consent["subject_kind"]), (&json!("grant.give"), &json!("app")));
    for (subject, count) in [(id.to_owned(), 1), (format!("exception:{id}"), 1), (format!("key:{id}"), 0)] {
        assert_eq!(records(&world, &format!("?subject={subject}")).await.len(), count, "{subject}");
    }
}

#[tokio::test]
async fn a_record_is_found_by_its_subject_by_what_that_belongs_to_and_by_its_number() {
    let world = World::new().await;
    let app = world.app().await;
    let (id, partner) = (text(&app, "id"), text(&app, "partner"));
    let key = world.post("/admin/keys", &json!({ "app": id })).await.expect(201);
    let secret = world.post(&format!("/admin/apps/{id}/secrets"), &json!({})).await.expect(201);
    let (key, secret) = (text(&key, "id"), text(&secret["secret"], "id"));
    for (subject, actions) in [
        (id.clone(), &["app.add_secret", "key.create", "app.create"][..]),
        (format!("app:{id}"), &["app.add_secret", "key.create", "app.create"]),
        (format!("key:{key}"), &["key.create"]),
        (secret.clone(), &["app.add_secret"]),
        (partner.clone(), &["app.create", "partner.create"]),
        (format!("merchant:{id}"), &[]),
        (format!("exception:{id}"), &[]),
        (format!("app:{key}"), &[]),
    ] {
        let found = records(&world, &format!("?subject={subject}")).await;
        let found: Vec<_> = found.iter().map(|record| record["action"].as_str().unwrap()).collect();
        assert_eq!(found, actions, "{subject}");
    }
    let record = &records(&world, &format!("?subject={key}")).await[0];
    assert_eq!((&record["subject_kind"], &record["about"]), (&json!("key"), &json!([id])));
    assert_eq!(&world.get(&format!("/admin/audit/{}", record["number"])).await.expect(200), record);
    for none in ["999999", "x", "-1"] {
        let missing = world.get(&format!("/admin/audit/{none}")).await.expect(404);
        assert_eq!(missing["detail"], "There is no such audit record.");
    }
}
