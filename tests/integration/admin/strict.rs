//! Bodies and parameters are taken strictly, and all that is wrong is told.

use http::Method;
use serde_json::{Value, json};

use super::world::World;

#[track_caller]
fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn all_wrong_fields_of_an_app_are_told_at_once() {
    let world = World::new().await;
    let body = json!({
        "partner": "not an id",
        "name": "two\nlines",
        "environment": "production",
        "redirect_uris": ["http://shop.example/callback"],
        "scopes": ["order:read", "order:raed"],
        "requires_pkce": "yes",
        "scope": [],
    });
    let problem = world.post("/admin/apps", &body).await.expect(422);
    assert_eq!(problem["code"], "fields_invalid");
    let expected =
        ["/partner", "/name", "/environment", "/redirect_uris", "/scopes", "/requires_pkce", "/scope"];
    assert_eq!(pointers(&problem), expected);
    assert!(problem["errors"][4]["detail"].as_str().unwrap().contains("order:raed"), "{problem}");
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let world = World::new().await;
    for body in ["", "[]", "null", "{", "{\"name\":\"a\"} x", "\u{feff}{}"] {
        let answer = world.send(world.request(Method::POST, "/admin/partners", body)).await;
        assert_eq!(answer.expect(400)["code"], "body_not_json", "{body:?}");
    }
    let deep = "[".repeat(100_000);
    let answer =
        world.send(world.request(Method::POST, "/admin/partners", format!("{{\"name\":{deep}"))).await;
    answer.expect(400);
}

#[tokio::test]
async fn a_body_must_be_called_json_and_be_short() {
    let world = World::new().await;
    let mut request = world.request(Method::POST, "/admin/partners", "{\"name\":\"a\"}");
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    world.send(request).await.expect(415);
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(300 * 1024));
    let answer = world.send(world.request(Method::POST, "/admin/partners", long)).await;
    assert_eq!(answer.expect(413)["code"], "body_too_large");
}

#[tokio::test]
async fn an_unknown_or_wrong_parameter_is_refused() {
    let world = World::new().await;
    for (query, pointer) in [
        ("/admin/apps?limit=0", "?limit"),
        ("/admin/apps?limit=501", "?limit"),
        ("/admin/apps?limit=x", "?limit"),
        ("/admin/apps?partner=", "?partner"),
        ("/admin/apps?partnr=a", "?partnr"),
        ("/admin/apps?partner=a&partner=b", "?partner"),
        ("/admin/keys", "?app"),
        ("/admin/grants", "?app"),
        ("/admin/grants?app=a&merchant=b", "?app"),
        ("/admin/ledger/pending?after=x", "?after"),
        ("/admin/audit?after=-1", "?after"),
        ("/admin/apps/a/personal-data-reads?after=1.5", "?after"),
    ] {
        let problem = world.get(query).await.expect(422);
        assert_eq!(pointers(&problem)[0], pointer, "{query}");
    }
}

#[tokio::test]
async fn an_id_that_nobody_has_is_not_found() {
    let world = World::new().await;
    for path in ["partners/a", "apps/a", "keys/a", "merchants/a", "grants/a", "plans/a", "apps/a%20b"] {
        let answer = world.get(&format!("/admin/{path}")).await;
        assert_eq!(answer.expect(404)["code"], "not_found", "{path}");
    }
    for path in ["partners/a/suspend", "apps/a/resume", "apps/a/secrets", "keys/a/revoke", "grants/a/revoke"]
    {
        world.post(&format!("/admin/{path}"), &json!({})).await.expect(404);
    }
}
