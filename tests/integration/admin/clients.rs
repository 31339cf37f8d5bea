//! Apps as OAuth2 clients: their settings and secrets through the admin API.

use http::Method;
use serde_json::{Value, json};
use tollgate::domain::id::AppId;
use tollgate::domain::identity::SecretHash;
use tollgate::domain::time::{Clock, Timestamp};

use super::world::{Answered, World, text};

const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn keys() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": "one"}]})
}

pub(super) async fn patch(world: &World, id: &str, body: &Value) -> Answered {
    world.send(world.request(Method::PATCH, &format!("/admin/apps/{id}"), body.to_string())).await
}

#[tokio::test]
async fn an_app_that_registers_nothing_in_particular_is_what_apps_always_were() {
    let world = World::new().await;
    let app = world.app().await;
    assert_eq!(app["token_endpoint_auth_methods"], json!(["client_secret_basic", "client_secret_post"]));
    assert_eq!(app["grant_types"], json!(["authorization_code", "refresh_token", "client_credentials"]));
    assert_eq!((&app["jwks"], &app["require_pushed_authorization_requests"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn an_app_that_proves_itself_by_a_key_gets_no_secret() {
    let world = World::new().await;
    let partner = world.partner().await;
    let body = json!({
        "partner": partner, "name": "a", "scopes": ["order:read"], "jwks": keys(),
        "token_endpoint_auth_methods": ["private_key_jwt"], "grant_types": ["client_credentials"],
        "tls_client_certificate_bound_access_tokens": true,
    });
    let app = world.post("/admin/apps", &body).await.expect(201);
    assert_eq!((&app["client_secret"], &app["jwks"]), (&Value::Null, &keys()));
    let shown = world.get(&format!("/admin/apps/{}", text(&app, "id"))).await.expect(200);
    assert_eq!(shown, app);
    let more = world.post(&format!("/admin/apps/{}/secrets", text(&app, "id")), &json!({})).await;
    assert_eq!(more.expect(409)["code"], "conflict");
}

#[tokio::test]
async fn what_is_named_is_changed_and_the_rest_stays() {
    let world = World::new().await;
    let app = world.app().await;
    let id = text(&app, "id");
    world.forgotten.take();
    let changes = json!({
        "name": "Renamed", "scopes": ["order:read", "catalog:read"], "redirect_uris": ["https://a.example/cb"],
        "token_endpoint_auth_methods": ["tls_client_auth"],
        "tls_client_auth_subject_dn": "cn=erp, O=Bright Apps",
    });
    let mut changed = patch(&world, &id, &changes).await.expect(200);
    assert_eq!(world.forgotten.take(), [id.as_str()]);
    assert_eq!(changed["tls_client_auth_subject_dn"], "CN=erp,O=Bright Apps");
    assert_eq!(world.get(&format!("/admin/apps/{id}")).await.expect(200), changed);
    assert_eq!(changed["default_scopes"], json!(["order:read"]));
    let other = json!({"tls_client_auth_san_dns": "ERP.bright.example"});
    changed = patch(&world, &id, &other).await.expect(200);
    assert!(changed.get("tls_client_auth_subject_dn").is_none(), "{changed}");
    assert_eq!(changed["tls_client_auth_san_dns"], "erp.bright.example");
    let back = json!({"token_endpoint_auth_methods": ["client_secret_post"], "tls_client_auth_san_dns": ""});
    changed = patch(&world, &id, &back).await.expect(200);
    assert!(changed.get("tls_client_auth_san_dns").is_none(), "{changed}");
    assert_eq!(patch(&world, "nobody", &json!({})).await.expect(404)["code"], "not_found");
}

#[tokio::test]
async fn settings_that_are_wrong_are_told_and_change_nothing() {
    let world = World::new().await;
    let app = world.app().await;
    let id = text(&app, "id");
    let mut private = keys();
    private["keys"][0]["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    for (body, pointer, told) in [
        (json!({"jwks": private}), "/jwks", "private"),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}), "/jwks", "secret"),
        (json!({"jwks": "https://a.example/jwks"}), "/jwks", "JWK Set"),
        (json!({"token_endpoint_auth_methods": ["private_key_jwt"]}), "/jwks", "missing"),
        (
            json!({"token_endpoint_auth_methods": ["client_secret_jwt"]}),
            "/token_endpoint_auth_methods",
            "there are",
        ),
        (
            json!({"token_endpoint_auth_methods": ["none"]}),
            "/token_endpoint_auth_methods",
            "public apps alone",
        ),
        (
            json!({"token_endpoint_auth_methods": ["self_signed_tls_client_auth"], "jwks": keys()}),
            "/jwks",
            "no certificate",
        ),
        (json!({"grant_types": ["password"]}), "/grant_types", "authorization_code"),
        (json!({"tls_client_auth_subject_dn": "erp"}), "/tls_client_auth_subject_dn", "RFC 4514"),
        (
            json!({"tls_client_auth_san_ip": "10.0.0.1", "tls_client_auth_san_uri": "a:b"}),
            "/tls_client_auth_san_ip",
            "only one",
        ),
        (json!({"default_scopes": ["catalog:read"]}), "/default_scopes", "within scopes"),
        (json!({"kind": "public"}), "/kind", "register another app"),
        (json!({"environment": "live"}), "/environment", "cannot be changed"),
        (json!({"standing": "active"}), "/standing", "/resume"),
        (json!({"client_secret": "mine"}), "/client_secret", "/secrets"),
        (json!({"require_par": true}), "/require_par", "not known here"),
    ] {
        let problem = patch(&world, &id, &body).await.expect(422);
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], pointer, "{problem}");
        assert!(text(error, "detail").contains(told), "{problem}");
    }
    let mut unchanged = app.clone();
    unchanged.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(world.get(&format!("/admin/apps/{id}")).await.expect(200), unchanged);
}

#[tokio::test]
async fn another_secret_leaves_the_old_ones_alive_for_as_long_as_it_is_told() {
    let world = World::new().await;
    let app = world.app().await;
    let (id, old) = (AppId::new(&text(&app, "id")).unwrap(), SecretHash::of(&text(&app, "client_secret")));
    let path = format!("/admin/apps/{id}/secrets");
    let now = world.clock.now();
    let works = async |hash: &SecretHash, at: Timestamp| {
        world.store.proving_secret(&id, hash, at).await.unwrap().is_some()
    };
    world.post(&path, &json!({})).await.expect(201);
    assert!(works(&old, "2126-01-01T00:00:00Z".parse().unwrap()).await);
    world.forgotten.take();
    let next = world.post(&path, &json!({"expire_others_in": "24h"})).await.expect(201);
    assert_eq!((&next["expiring_secrets"], world.forgotten.take()), (&json!(2), vec![id.to_string()]));
    let day = |hours: u64| now.plus(std::time::Duration::from_secs(hours * 3600));
    assert!(works(&old, day(23)).await && !works(&old, day(24)).await);
    let new = SecretHash::of(&text(&next, "client_secret"));
    assert!(works(&new, day(1000)).await);
    let listed = world.get(&path).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains(&text(&next, "client_secret")));
    let last = world.post(&path, &json!({"revoke_others": true})).await.expect(201);
    assert_eq!(last["revoked_secrets"], 3);
    assert!(!works(&new, now).await && works(&SecretHash::of(&text(&last, "client_secret")), now).await);
    for wrong in [
        json!({"revoke_others": true, "expire_others_in": "1h"}),
        json!({"expire_others_in": "soon"}),
        json!({"expires_at": "2020-01-01T00:00:00Z"}),
    ] {
        world.post(&path, &wrong).await.expect(422);
    }
}

#[tokio::test]
async fn one_secret_is_revoked_by_its_id_and_there_are_ten_at_most() {
    let world = World::new().await;
    let app = world.app().await;
    let path = format!("/admin/apps/{}/secrets", text(&app, "id"));
    for _ in 1..10 {
        world.post(&path, &json!({})).await.expect(201);
    }
    let problem = world.post(&path, &json!({})).await.expect(409);
    assert!(text(&problem, "detail").contains("10 secrets"), "{problem}");
    let first = world.get(&path).await.expect(200)["items"][9]["id"].as_str().unwrap().to_owned();
    let revoked = world.post(&format!("{path}/{first}/revoke"), &json!({})).await.expect(200);
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    let told = async || world.get("/admin/audit?action=app.revoke_secret").await.expect(200)["items"].clone();
    let once = told().await;
    world.clock.advance(std::time::Duration::from_secs(60));
    let again = world.post(&format!("{path}/{first}/revoke"), &json!({})).await.expect(200);
    assert_eq!((&again, told().await, once.as_array().unwrap().len()), (&revoked, once.clone(), 1));
    world.post(&path, &json!({})).await.expect(201);
    world.post(&format!("{path}/sec_x/revoke"), &json!({})).await.expect(404);
    let other = world.app().await;
    let foreign = format!("/admin/apps/{}/secrets/{first}/revoke", text(&other, "id"));
    world.post(&foreign, &json!({})).await.expect(404);
}

#[tokio::test]
async fn what_proved_an_app_ends_its_tokens_when_it_is_taken_away_and_what_is_added_does_not() {
    let world = World::new().await;
    let id = text(&world.app().await, "id");
    let app = AppId::new(&id).unwrap();
    let methods = "token_endpoint_auth_methods";
    let name = "tls_client_auth_subject_dn";
    let valid_from = async || world.store.calling_app(&app).await.unwrap().unwrap().token_rules.valid_from;
    for (body, ends) in [
        (json!({methods: ["client_secret_basic", "private_key_jwt"], "jwks": keys()}), true),
        (json!({"name": "Renamed", name: "CN=erp,O=a"}), false),
        (json!({methods: ["client_secret_basic", "client_secret_post", "private_key_jwt"]}), false),
        (json!({name: "CN=erp,O=b"}), true),
        (json!({methods: ["client_secret_basic"]}), true),
        (json!({"jwks": {"keys": []}}), true),
    ] {
        world.clock.advance(std::time::Duration::from_secs(60));
        let before = valid_from().await;
        patch(&world, &id, &body).await.expect(200);
        let after = valid_from().await;
        assert_eq!(after > before, ends, "{body}");
        assert!(!ends || after.unwrap() >= world.clock.now(), "{body}");
    }
}

#[tokio::test]
async fn changes_at_the_same_time_take_nothing_back_from_each_other() {
    let world = World::new().await;
    let id = text(&world.app().await, "id");
    let bodies = [
        json!({"name": "Renamed"}),
        json!({"redirect_uris": ["https://a.example/cb"]}),
        json!({"jwks": keys()}),
        json!({"require_pushed_authorization_requests": true}),
    ];
    let [first, second, third, fourth] = &bodies;
    let (first, second, third, fourth) = tokio::join!(
        patch(&world, &id, first),
        patch(&world, &id, second),
        patch(&world, &id, third),
        patch(&world, &id, fourth)
    );
    for answer in [first, second, third, fourth] {
        answer.expect(200);
    }
    let app = world.get(&format!("/admin/apps/{id}")).await.expect(200);
    for (field, value) in bodies.iter().flat_map(|body| body.as_object().unwrap()) {
        assert_eq!(&app[field], value, "{app}");
    }
    let records = world.get(&format!("/admin/audit?subject={id}")).await.expect(200);
    for pair in records["items"].as_array().unwrap().windows(2) {
        assert_eq!(pair[0]["before"], pair[1]["after"], "each record goes on from the one before");
    }
}

#[tokio::test]
async fn settings_that_mean_nothing_together_are_refused_with_what_would_be_right() {
    let world = World::new().await;
    let partner = world.partner().await;
    let of_device = "urn:ietf:params:oauth:grant-type:device_code";
    for (settings, pointer, remedy) in [
        (
            json!({"grant_types": ["client_credentials"], "redirect_uris": ["https://a.example/cb"]}),
            "/redirect_uris",
            "add it to grant_types, or empty this list",
        ),
        (
            json!({"grant_types": ["authorization_code", "client_credentials"]}),
            "/redirect_uris",
            "leave authorization_code out of grant_types",
        ),
        (
            json!({"grant_types": ["authorization_code"], "redirect_uris": ["ftp://a.example/cb"]}),
            "/redirect_uris",
            "",
        ),
        (
            json!({"grant_types": [of_device], "require_pushed_authorization_requests": true}),
            "/require_pushed_authorization_requests",
            "add it to grant_types, or say false",
        ),
        (
            json!({"grant_types": ["client_credentials", "refresh_token"]}),
            "/grant_types",
            "without authorization_code",
        ),
        (
            json!({"grant_types": [], "dpop_bound_access_tokens": true}),
            "/dpop_bound_access_tokens",
            "name its grant_types",
        ),
        (
            json!({"grant_types": [], "tls_client_certificate_bound_access_tokens": true}),
            "/tls_client_certificate_bound_access_tokens",
            "name its grant_types",
        ),
        (
            json!({"kind": "public", "token_endpoint_auth_methods": ["none"], "grant_types": ["client_credentials"]}),
            "/grant_types",
            "no tokens for itself",
        ),
        (
            json!({"token_endpoint_auth_methods": ["none"]}),
            "/token_endpoint_auth_methods",
            "public apps alone",
        ),
        (json!({"token_endpoint_auth_methods": ["private_key_jwt"]}), "/jwks", "is missing"),
        (
            json!({"token_endpoint_auth_methods": ["tls_client_auth"]}),
            "/tls_client_auth_subject_dn",
            "is missing",
        ),
    ] {
        let mut body = json!({"partner": partner, "name": "a", "scopes": ["order:read"]});
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let problem = world.post("/admin/apps", &body).await.expect(422);
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!((errors.len(), &errors[0]["pointer"]), (1, &json!(pointer)), "{settings}: {problem}");
        assert!(errors[0]["detail"].as_str().unwrap().contains(remedy), "{problem}");
    }
    assert_eq!(world.get("/admin/apps").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn codes_that_are_asked_for_need_a_redirect_uri_and_those_of_the_default_do_not() {
    let world = World::new().await;
    let body = json!({"partner": world.partner().await, "name": "a", "scopes": ["order:read"]});
    let app = world.post("/admin/apps", &body).await.expect(201);
    let id = text(&app, "id");
    patch(&world, &id, &json!({"name": "Renamed"})).await.expect(200);
    let codes = json!({"grant_types": app["grant_types"]});
    let problem = patch(&world, &id, &codes).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/redirect_uris", "{problem}");
    let both = json!({"grant_types": app["grant_types"], "redirect_uris": ["https://a.example/cb"]});
    patch(&world, &id, &both).await.expect(200);
    patch(&world, &id, &codes).await.expect(200);
}

#[tokio::test]
async fn default_scopes_that_were_not_named_are_all_scopes_and_those_that_were_do_not_follow() {
    let world = World::new().await;
    let mut body = json!({
        "partner": world.partner().await, "name": "a", "scopes": ["order:read", "order:write"],
    });
    let all = text(&world.post("/admin/apps", &body).await.expect(201), "id");
    let after = async |scopes: &[&str]| {
        let changed = patch(&world, &all, &json!({ "scopes": scopes })).await.expect(200);
        (changed["scopes"].clone(), changed["default_scopes"].clone())
    };
    let read = json!(["order:read"]);
    assert_eq!(after(&["order:read"]).await, (read.clone(), read.clone()));
    let more = json!(["catalog:read", "order:read"]);
    assert_eq!(after(&["order:read", "catalog:read"]).await, (more.clone(), more.clone()));
    let named = patch(&world, &all, &json!({"default_scopes": more})).await.expect(200);
    assert_eq!((&named["default_scopes"], &named["default_scopes_named"]), (&more, &json!(true)));
    let both = ["order:read", "order:write", "catalog:read"];
    assert_eq!(after(&both).await.1, more, "nothing more by default");

    body["default_scopes"] = json!(["order:write"]);
    let chosen = text(&world.post("/admin/apps", &body).await.expect(201), "id");
    let problem = patch(&world, &chosen, &json!({"scopes": ["order:read"]})).await.expect(422);
    let detail = "must be within scopes; order:write is not: name default_scopes (--default-scope) as well";
    assert_eq!(problem["errors"], json!([{"pointer": "/default_scopes", "detail": detail}]));
    let both = json!({"scopes": ["order:read"], "default_scopes": ["order:read"]});
    patch(&world, &chosen, &both).await.expect(200);

    body["scopes"] = json!([]);
    let problems = [
        world.post("/admin/apps", &body).await.expect(422),
        patch(&world, &all, &json!({"scopes": []})).await.expect(422),
    ];
    for problem in problems {
        let detail = "must name at least one scope";
        assert_eq!(problem["errors"], json!([{"pointer": "/scopes", "detail": detail}]));
    }
}

#[tokio::test]
async fn what_was_wrong_before_keeps_nobody_from_another_change() {
    let world = World::new().await;
    let id = text(&world.app().await, "id");
    let refused = patch(&world, &id, &json!({"grant_types": ["client_credentials"]})).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/redirect_uris");
    let both = json!({"grant_types": ["client_credentials"], "redirect_uris": []});
    patch(&world, &id, &both).await.expect(200);
    // As an older program would have let it.
    world.place.tamper("update app set redirect_uris = '[\"https://a.example/cb\"]'").await;
    patch(&world, &id, &json!({"name": "Renamed"})).await.expect(200);
    patch(&world, &id, &json!({"redirect_uris": ["https://b.example/cb"]})).await.expect(200);
    let again = json!({"require_pushed_authorization_requests": true});
    let problem = patch(&world, &id, &again).await.expect(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
}
