//! A token that is good for reading alone changes nothing, by whichever route.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;

use super::audit_walk::changing_routes;
use super::world::{Answered, World, text};

/// Calls the admin API by another token.
struct By<'w> {
    world: &'w World,
    token: String,
}

impl By<'_> {
    async fn call(&self, method: Method, path: &str) -> Answered {
        let mut request: Request<Full<Bytes>> = self.world.request(method, path, "{}");
        request.headers_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        self.world.send(request).await
    }
}

#[tokio::test]
async fn a_token_for_reading_reads_all_and_changes_nothing() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let made = world.post("/admin/tokens", &json!({"name": "auditor", "access": "read"})).await.expect(201);
    assert_eq!(made["access"], "read");
    let by = By { world: &world, token: text(&made, "token") };
    let records = world.get("/admin/audit").await.expect(200);
    assert_eq!(records["items"][0]["after"]["access"], "read");

    for path in
        ["/admin/apps", &format!("/admin/apps/{app}"), "/admin/tokens", "/admin/audit", "/admin/policy"]
    {
        by.call(Method::GET, path).await.expect(200);
    }
    assert_eq!(by.call(Method::HEAD, "/admin/apps").await.status, 200);
    let routes = changing_routes();
    assert!(routes.len() > 25, "the table is read wrongly: {routes:?}");
    for route in routes {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{id}", &app).replace(['{', '}'], "");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let refused = by.call(method, &format!("/admin{path}")).await.expect(403);
        assert_eq!(refused["code"], "admin_token_read_only", "{route}");
        assert!(refused["detail"].as_str().unwrap().contains("auditor"), "{refused}");
    }
    for method in [Method::PUT, Method::DELETE] {
        by.call(method, &format!("/admin/apps/{app}")).await.expect(403);
    }
    assert_eq!(world.get("/admin/audit").await.expect(200), records, "something was changed");
    assert_eq!(world.get(&format!("/admin/apps/{app}")).await.expect(200)["standing"], "active");
    assert_eq!(world.forgotten.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_is_good_for_writing_unless_it_is_said_and_each_is_listed_with_it() {
    let world = World::new().await;
    let made = world.post("/admin/tokens", &json!({"name": "alice"})).await.expect(201);
    let by = By { world: &world, token: text(&made, "token") };
    by.call(Method::POST, "/admin/policy/reload").await.expect(200);
    world.post("/admin/tokens", &json!({"name": "bob", "access": "write"})).await.expect(201);
    world.post("/admin/tokens", &json!({"name": "carol", "access": "read"})).await.expect(201);
    let wrong = world.post("/admin/tokens", &json!({"name": "dora", "access": "admin"})).await.expect(422);
    assert_eq!(wrong["errors"][0]["pointer"], "/access");
    assert!(wrong["errors"][0]["detail"].as_str().unwrap().contains("read or write"), "{wrong}");
    let listed = world.get("/admin/tokens").await.expect(200);
    let mut listed: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| (text(token, "name"), text(token, "access")))
        .collect();
    listed.sort_unstable();
    let expected = [("alice", "write"), ("bob", "write"), ("carol", "read")];
    assert_eq!(listed, expected.map(|(name, access)| (name.to_owned(), access.to_owned())));
}
