//! Client certificates of apps: registered, seen, revoked; and the data plane is told.

use serde_json::{Value, json};

use super::world::{World, text};

const PATH: &str = "/admin/client-certificates";

#[tokio::test]
async fn a_certificate_is_registered_by_one_name_and_shown_by_it() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let fingerprint = "0af1".repeat(16);
    let colons = fingerprint.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase());
    let colons = colons.collect::<Vec<_>>().join(":");
    let mut made = Vec::new();
    for (kind, given, shown) in [
        ("fingerprint", colons.as_str(), fingerprint.as_str()),
        ("spiffe_id", "spiffe://bright.example/erp", "spiffe://bright.example/erp"),
        ("subject", "cn=erp, o=Bright Apps", "CN=erp,O=Bright Apps"),
    ] {
        world.forgotten.take();
        let mut body =
            json!({"app": app, "label": "ERP", "scopes": ["order:read"], "addresses": ["192.0.2.0/24"]});
        body[kind] = json!(given);
        let answer = world.post(PATH, &body).await;
        let mut one = answer.expect(201);
        assert_eq!(one.as_object_mut().unwrap().remove("permits").unwrap()["scopes"], json!(["order:read"]));
        assert!(text(&one, "id").starts_with("crt_"), "{one}");
        assert_eq!(one[kind], shown);
        let others = ["fingerprint", "spiffe_id", "subject"].into_iter().filter(|other| *other != kind);
        assert!(others.map(|other| &one[other]).all(Value::is_null), "{one}");
        assert_eq!((&one["label"], &one["addresses"]), (&json!("ERP"), &json!(["192.0.2.0/24"])));
        assert_eq!(world.get(answer.header("location")).await.expect(200), one);
        assert_eq!(world.forgotten.take(), [shown], "who is connected by it is its app from now on");
        made.push(one);
    }
    let listed = world.get(&format!("{PATH}?app={app}")).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), made.len());
    let found = world.get(&format!("/admin/audit?subject=app:{app}")).await.expect(200).to_string();
    assert!(
        found.contains("client_certificate.create") && found.contains("spiffe://bright.example/erp"),
        "{found}"
    );
}

#[tokio::test]
async fn what_names_no_certificate_or_more_than_its_app_may_is_refused() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    for (body, pointer, told) in [
        (json!({"app": app}), "/fingerprint", "exactly one of fingerprint, spiffe_id, subject"),
        (json!({"app": app, "subject": "CN=a", "spiffe_id": "spiffe://a/b"}), "/fingerprint", "exactly one"),
        (json!({"app": app, "fingerprint": "0af1"}), "/fingerprint", "SHA-256"),
        (json!({"app": app, "fingerprint": 1}), "/fingerprint", "must be a string"),
        (json!({"app": app, "spiffe_id": "spiffe://A/b"}), "/spiffe_id", "small letters"),
        (json!({"app": app, "spiffe_id": "https://a/b"}), "/spiffe_id", "SPIFFE"),
        (json!({"app": app, "subject": "erp"}), "/subject", "RFC 4514"),
        (json!({"app": app, "subject": "CN=a", "label": "a\nb"}), "/label", "one line"),
        (json!({"app": app, "subject": "CN=a", "scopes": ["catalog:write"]}), "/scopes", "within"),
        (json!({"app": app, "subject": "CN=a", "products": ["storefront"]}), "/products", "subscribed"),
        (
            json!({"app": app, "subject": "CN=a", "expires_at": "2026-11-24T08:00:00Z"}),
            "/expires_at",
            "future",
        ),
        (json!({"app": "app_x", "subject": "CN=a"}), "/app", "no app"),
        (json!({"app": app, "subject": "CN=a", "thumbprint": "x"}), "/thumbprint", "not known here"),
    ] {
        let problem = world.post(PATH, &body).await.expect(422);
        let errors = problem["errors"].as_array().unwrap();
        let error = errors.iter().find(|error| error["pointer"] == pointer);
        let detail = error.map(|error| text(error, "detail")).unwrap_or_default();
        assert!(detail.contains(told), "{problem}");
    }
}

#[tokio::test]
async fn a_name_is_of_one_app_until_it_is_revoked_which_is_told_at_once() {
    let world = World::new().await;
    let (app, other) = (text(&world.app().await, "id"), text(&world.app().await, "id"));
    let body = |app: &str| json!({"app": app, "subject": "CN=erp"});
    let made = world.post(PATH, &body(&app)).await.expect(201);
    let taken = world.post(PATH, &json!({"app": other, "subject": "cn = erp"})).await.expect(409);
    assert!(text(&taken, "detail").contains("revoke it first"), "{taken}");
    world.forgotten.take();
    let path = format!("{PATH}/{}/revoke", text(&made, "id"));
    for _ in 0..2 {
        assert_eq!(world.post(&path, &json!({})).await.expect(200)["revoked_at"], "2026-11-24T08:00:00Z");
        assert_eq!(world.forgotten.take(), ["CN=erp"]);
        world.clock.advance(std::time::Duration::from_secs(60));
    }
    assert_eq!(world.post(PATH, &body(&other)).await.expect(201)["app"], other.as_str());
    world.post(&format!("{PATH}/crt_x/revoke"), &json!({})).await.expect(404);
    world.get(&format!("{PATH}/crt_x")).await.expect(404);
}
