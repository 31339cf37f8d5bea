//! Keys by which apps sign their requests: registered, seen, revoked; and the data plane is told.

use serde_json::{Value, json};
use tollgate::credential::request_key::belongs_to;
use tollgate::credential::sealing::SealingKey;
use tollgate::domain::id::SignatureKeyId;
use tollgate::domain::signature_key::SignatureKeyMaterial;

use super::world::{World, text};

/// RFC 9421, appendix B.1.3.
const P256: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n\
    w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n\
    -----END PUBLIC KEY-----\n";
/// RFC 8037, appendix A.2.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

async fn material(world: &World, key: &Value) -> SignatureKeyMaterial {
    let id = SignatureKeyId::new(&text(key, "id")).unwrap();
    world.store.signature_key_material(&id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_secret_is_shown_once_and_sealed_in_the_store() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let body = json!({"app": app, "algorithm": "hmac-sha256", "scopes": ["order:read"]});
    let answer = world.post("/admin/signature-keys", &body).await;
    let made = answer.expect(201);
    let (id, secret) = (text(&made, "id"), text(&made, "secret"));
    assert!(id.starts_with("sgk_") && secret.starts_with("tgk_"), "{made}");
    let shown = world.get(answer.header("location")).await.expect(200);
    assert_eq!((&shown["algorithm"], &shown["secret"]), (&json!("hmac-sha256"), &Value::Null));
    let listed = world.get(&format!("/admin/signature-keys?app={app}")).await.expect(200);
    assert_eq!(listed["items"], json!([shown]));
    let SignatureKeyMaterial::Sealed(sealed) = material(&world, &made).await else { panic!("not sealed") };
    assert!(!sealed.windows(secret.len()).any(|part| part == secret.as_bytes()));
    let sealing = SealingKey::new(&[7; 32]).unwrap();
    let opened = sealing.open(&belongs_to(&SignatureKeyId::new(&id).unwrap()), &sealed).unwrap();
    assert_eq!(&**opened, secret.as_bytes());
}

#[tokio::test]
async fn public_keys_are_taken_as_pem_or_jwk_and_kept_in_one_form() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    for (algorithm, key, kept) in [
        ("ecdsa-p256-sha256", json!(P256), "P-256"),
        ("ed25519", json!(ED25519), "Ed25519"),
        ("ed25519", serde_json::from_str(ED25519).unwrap(), "Ed25519"),
    ] {
        let body = json!({"app": app, "algorithm": algorithm, "public_key": key});
        let made = world.post("/admin/signature-keys", &body).await.expect(201);
        assert_eq!(made["secret"], Value::Null);
        let SignatureKeyMaterial::Public(jwk) = material(&world, &made).await else {
            panic!("no public key")
        };
        assert!(jwk.contains(kept), "{jwk}");
    }
}

#[tokio::test]
async fn what_is_no_key_for_its_algorithm_is_refused() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let private = P256.replace("PUBLIC", "PRIVATE");
    for (body, pointer, told) in [
        (json!({"app": app, "algorithm": "none"}), "/algorithm", "hmac-sha256"),
        (json!({"app": app, "algorithm": "ed25519"}), "/public_key", "is missing"),
        (
            json!({"app": app, "algorithm": "hmac-sha256", "public_key": P256}),
            "/public_key",
            "may not be given",
        ),
        (
            json!({"app": app, "algorithm": "ed25519", "public_key": P256}),
            "/public_key",
            "is an EC key on P-256, and ed25519 goes by an Ed25519 key",
        ),
        (
            json!({"app": app, "algorithm": "rsa-pss-sha512", "public_key": ED25519}),
            "/public_key",
            "is an Ed25519 key, and rsa-pss-sha512 goes by an RSA key of 2048 to 4096 bits",
        ),
        (
            json!({"app": app, "algorithm": "ed25519", "public_key": ED25519.replace('{', r#"{"alg":"ES256","#)}),
            "/public_key",
            "must be an Ed25519 key, as ed25519 goes by; a JWK of it may say no other alg",
        ),
        (json!({"app": app, "algorithm": "ed25519", "public_key": 1}), "/public_key", "must be PEM"),
        (json!({"app": app, "algorithm": "ed25519", "public_key": private}), "/public_key", "private key"),
        (
            json!({"app": app, "algorithm": "rsa-v1_5-sha256", "public_key": {"kty": "RSA", "n": "AAAA", "e": "AQAB"}}),
            "/public_key",
            "must be an RSA key of 2048 to 4096 bits",
        ),
        (json!({"app": app, "algorithm": "hmac-sha256", "scopes": ["catalog:write"]}), "/scopes", "within"),
        (
            json!({"app": app, "algorithm": "hmac-sha256", "expires_at": "2026-11-24T08:00:00Z"}),
            "/expires_at",
            "future",
        ),
        (json!({"app": "app_x", "algorithm": "hmac-sha256"}), "/app", "no app"),
    ] {
        let problem = world.post("/admin/signature-keys", &body).await.expect(422);
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], pointer, "{problem}");
        assert!(error["detail"].as_str().unwrap().contains(told), "{problem}");
    }
}

#[tokio::test]
async fn a_key_is_revoked_at_once_and_keeps_its_time() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let made = world
        .post("/admin/signature-keys", &json!({"app": app, "algorithm": "hmac-sha256"}))
        .await
        .expect(201);
    let id = text(&made, "id");
    world.forgotten.take();
    let path = format!("/admin/signature-keys/{id}/revoke");
    for _ in 0..2 {
        assert_eq!(world.post(&path, &json!({})).await.expect(200)["revoked_at"], "2026-11-24T08:00:00Z");
        assert_eq!(world.forgotten.take(), [id.as_str()]);
        world.clock.advance(std::time::Duration::from_secs(60));
    }
    world.post("/admin/signature-keys/sgk_x/revoke", &json!({})).await.expect(404);
    world.get("/admin/signature-keys/sgk_x").await.expect(404);
    let found = world.get(&format!("/admin/audit?subject=app:{app}")).await.expect(200).to_string();
    assert!(found.contains("signature_key.create") && found.contains("signature_key.revoke"), "{found}");
}

#[tokio::test]
async fn a_key_takes_anothers_place_by_another_secret_or_public_key_and_signs_the_same() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let make = async |mut body: Value| {
        body["app"] = json!(app);
        world.post("/admin/signature-keys", &body).await.expect(201)
    };
    let rotate = async |key: &Value, body: Value| {
        world.post(&format!("/admin/signature-keys/{}/rotate", text(key, "id")), &body).await
    };
    let old = make(json!({"style": "top", "zone": "UTC", "weak_methods": ["md5"]})).await;
    world.forgotten.take();
    let new = rotate(&old, json!({})).await.expect(201);
    assert_eq!(world.forgotten.take(), [text(&old, "id")]);
    for field in ["style", "zone", "weak_methods", "algorithm"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    let SignatureKeyMaterial::Sealed(sealed) = material(&world, &new).await else { panic!("not sealed") };
    let id = SignatureKeyId::new(&text(&new, "id")).unwrap();
    let opened = SealingKey::new(&[7; 32]).unwrap().open(&belongs_to(&id), &sealed).unwrap();
    assert_eq!(&**opened, text(&new, "secret").as_bytes());
    let old = make(json!({"algorithm": "ed25519", "public_key": ED25519})).await;
    for (body, told) in [
        (json!({}), "is missing"),
        (json!({"public_key": ED25519}), "must be another"),
        (json!({"public_key": P256}), "ed25519 goes by an Ed25519 key"),
    ] {
        let problem = rotate(&old, body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], "/public_key", "{problem}");
        assert!(text(&problem["errors"][0], "detail").contains(told), "{problem}");
    }
    // RFC 9421, appendix B.1.4.
    let other = r#"{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;
    let new = rotate(&old, json!({"public_key": other})).await.expect(201);
    let SignatureKeyMaterial::Public(jwk) = material(&world, &new).await else { panic!("no public key") };
    assert!(jwk.contains("JrQLj5P_") && new["secret"].is_null(), "{jwk}");
    let shared = make(json!({"algorithm": "hmac-sha256"})).await;
    let problem = rotate(&shared, json!({"public_key": ED25519})).await.expect(422);
    assert!(text(&problem["errors"][0], "detail").contains("may not be given"), "{problem}");
}

#[tokio::test]
async fn keys_of_parameters_have_one_algorithm_a_zone_and_older_methods_by_choice_alone() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let make = async |body: Value| world.post("/admin/signature-keys", &body).await;
    let made = make(json!({"app": app, "algorithm": "ed25519", "public_key": ED25519})).await.expect(201);
    let told = |made: &Value| [&made["style"], &made["zone"], &made["weak_methods"]].map(Value::clone);
    assert_eq!(told(&made), [json!("http"), Value::Null, json!([])]);
    let made = make(json!({"app": app, "style": "top"})).await.expect(201);
    assert_eq!(told(&made), [json!("top"), json!("Asia/Shanghai"), json!([])]);
    assert!(made["algorithm"] == "hmac-sha256" && text(&made, "secret").starts_with("tgk_"));
    let lax = json!({"app": app, "style": "top", "zone": "UTC", "weak_methods": ["hmac", "md5"]});
    let made = make(lax).await.expect(201);
    assert_eq!(told(&made), [json!("top"), json!("UTC"), json!(["md5", "hmac"])]);
    let shown = world.get(&format!("/admin/signature-keys/{}", text(&made, "id"))).await.expect(200);
    assert_eq!(told(&shown), told(&made));
    for (body, pointer, said) in [
        (json!({"app": app, "style": "alipay"}), "/public_key", "is missing"),
        (json!({"app": app, "style": "alipay", "algorithm": "ed25519"}), "/algorithm", "rsa-v1_5-sha256"),
        (json!({"app": app, "style": "alipay", "public_key": ED25519}), "/public_key", "goes by an RSA key"),
        (json!({"app": app, "style": "top", "public_key": ED25519}), "/public_key", "may not be given"),
        (json!({"app": app, "style": "TOP", "algorithm": "hmac-sha256"}), "/style", "http, top or alipay"),
        (json!({"app": app, "style": "tpo"}), "/style", "http, top or alipay"),
        (json!({"app": app, "style": "tpo", "public_key": ED25519}), "/style", "http, top or alipay"),
        (json!({"app": app, "style": "top", "zone": "Shanghai"}), "/zone", "IANA"),
        (json!({"app": app, "style": "top", "weak_methods": ["sha1"]}), "/weak_methods", "md5 and hmac"),
        (
            json!({"app": app, "algorithm": "hmac-sha256", "weak_methods": ["md5"]}),
            "/weak_methods",
            "top alone",
        ),
        (json!({"app": app, "algorithm": "hmac-sha256", "zone": "UTC"}), "/zone", "top and alipay"),
    ] {
        let problem = make(body).await.expect(422);
        let [error] = problem["errors"].as_array().unwrap().as_slice() else { panic!("{problem}") };
        assert_eq!(error["pointer"], pointer, "{problem}");
        assert!(text(error, "detail").contains(said), "{problem}");
    }
    let found = world.get(&format!("/admin/audit?subject=app:{app}")).await.expect(200).to_string();
    assert!(found.contains(r#""weak_methods":["md5","hmac"]"#), "who let MD5 in is recorded: {found}");
}
