//! What is open, and that nothing else is.

use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::world::{TOKEN, World};

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let world = World::new().await;
    for (path, body) in
        [("/healthz", "ok\n"), ("/readyz", "ready\n"), ("/metrics", "tollgate_test 1\n# EOF\n")]
    {
        let request = Request::get(format!("http://{}{path}", world.address)).body(Full::default()).unwrap();
        let answer = world.send(request).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, body.as_bytes()), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_node_without_its_store_is_alive_but_not_ready() {
    let world = World::new().await;
    world.store.close().await;
    assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
    let answer = world.get("/readyz").await;
    assert_eq!(answer.expect(503)["code"], "unavailable");
}

#[tokio::test]
async fn everything_below_admin_needs_the_token() {
    let world = World::new().await;
    let wrong = [None, Some("Bearer"), Some("Bearer wrong"), Some("Basic abc"), Some(TOKEN)];
    let prefix = format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]);
    for path in ["/admin/apps", "/admin/policy", "/admin/nothing", "/admin/apps/app_1/suspend"] {
        for authorization in wrong.into_iter().chain([Some(prefix.as_str())]) {
            let mut request = world.request(Method::POST, path, "{}");
            request.headers_mut().remove("authorization");
            if let Some(authorization) = authorization {
                request.headers_mut().insert("authorization", authorization.parse().unwrap());
            }
            let answer = world.send(request).await;
            assert_eq!(answer.expect(401)["code"], "admin_token_invalid", "{path} {authorization:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert!(answer.header("www-authenticate").starts_with("Bearer "));
        }
    }
}

#[tokio::test]
async fn two_tokens_in_one_request_are_refused() {
    let world = World::new().await;
    let mut request = world.request(Method::GET, "/admin/apps", "");
    request.headers_mut().append("authorization", "Bearer other".parse().unwrap());
    world.send(request).await.expect(401);
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems_with_an_id() {
    let world = World::new().await;
    let answer = world.get("/admin/nothing").await;
    assert_eq!(answer.expect(404)["code"], "no_such_path");
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
    let answer = world.send(world.request(Method::DELETE, "/admin/apps", "")).await;
    assert_eq!(answer.expect(405)["code"], "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    world.get("/admin/apps/%ff").await.expect(404);
}
