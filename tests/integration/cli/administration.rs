//! Commands of administration against a listening admin API.

use std::process::Command;

use serde_json::Value;

use super::{Finished, finished, tollgate};
use crate::admin::world::{TOKEN, World, text};

/// Runs the program off this runtime's thread, since the admin API answers on it.
pub(super) async fn run(world: &World, arguments: &[&str]) -> Finished {
    let mut command: Command = tollgate(arguments);
    command.env("TOLLGATE_ADMIN_URL", format!("http://{}", world.address)).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    finished(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

pub(super) async fn json(world: &World, arguments: &[&str]) -> Value {
    let answer = run(world, &[arguments, &["--output", "json"]].concat()).await;
    assert_eq!(answer.status, 0, "{arguments:?}: {}", answer.err);
    serde_json::from_str(&answer.out).unwrap()
}

#[tokio::test]
async fn a_partner_gets_an_app_a_subscription_and_a_key() {
    let world = World::new().await;
    let partner = json(&world, &["partner", "create", "--name", "Bright Apps"]).await;
    let partner = text(&partner, "id");
    let scopes = ["--scope", "order:read", "--scope", "order:write", "--default-scope", "order:read"];
    let create =
        ["app", "create", "--partner", &partner, "--name", "Shop", "--redirect-uri", "https://a.example/cb"];
    let app = json(&world, &[&create[..], &scopes[..]].concat()).await;
    assert!(text(&app, "client_secret").starts_with("tgs_"));
    let id = text(&app, "id");
    let subscribed =
        json(&world, &["app", "subscribe", &id, "--product", "storefront", "--plan", "standard"]).await;
    assert_eq!(subscribed["plan"], "standard");
    let key = json(&world, &["key", "create", "--app", &id, "--scope", "order:read"]).await;
    let revoked = json(&world, &["key", "revoke", &text(&key, "id")]).await;
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    assert_eq!(json(&world, &["key", "list", "--app", &id]).await[0]["id"], key["id"]);
    json(&world, &["partner", "suspend", &partner]).await;
    for command in [&["app", "show", &id][..], &["app", "list"]] {
        let shown = run(&world, command).await.out;
        assert!(shown.contains("partner's standing") && shown.contains("suspended"), "{shown}");
    }
    assert!(run(&world, &["app", "show", &id]).await.out.contains("client_id"));
    json(&world, &["partner", "resume", &partner]).await;
    assert_eq!(json(&world, &["app", "suspend", &id]).await["standing"], "suspended");
    assert_eq!(json(&world, &["app", "list", "--partner", &partner]).await[0]["standing"], "suspended");
    assert_eq!(json(&world, &["app", "resume", &id]).await["standing"], "active");
    let secret = json(&world, &["app", "secret", "create", &id, "--expire-others-in", "24h"]).await;
    assert_eq!(secret["expiring_secrets"], 1);
    let secret = json(&world, &["app", "secret", "create", &id, "--revoke-others"]).await;
    assert_eq!(secret["revoked_secrets"], 2);
    let secrets = json(&world, &["app", "secret", "list", &id]).await;
    let alive = secrets.as_array().unwrap().iter().filter(|secret| secret["revoked_at"].is_null());
    assert_eq!(alive.count(), 1);
    let revoked = json(&world, &["app", "secret", "revoke", &id, &text(&secret["secret"], "id")]).await;
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    let ended = json(&world, &["subscription", "end", &text(&subscribed, "id"), "--app", &id]).await;
    assert_eq!(ended["until"], "2026-11-24T08:00:00Z");
}

#[tokio::test]
async fn an_app_is_changed_and_what_is_not_named_stays() {
    let world = World::new().await;
    let app = world.app().await;
    let id = text(&app, "id");
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("jwks.json");
    std::fs::write(
        &keys,
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    )
    .unwrap();
    let arguments = ["app", "update", &id, "--name", "Renamed", "--auth-method", "private_key_jwt"];
    let more = ["--jwks", keys.to_str().unwrap(), "--require-par", "--certificate-bound=false"];
    let changed = json(&world, &[&arguments[..], &more[..]].concat()).await;
    assert_eq!((&changed["name"], &changed["scopes"]), (&Value::from("Renamed"), &app["scopes"]));
    assert_eq!(changed["token_endpoint_auth_methods"], serde_json::json!(["private_key_jwt"]));
    assert_eq!(changed["require_pushed_authorization_requests"], true);
    let none = [
        "--redirect-uri",
        "",
        "--default-scope",
        "",
        "--grant-type",
        "client_credentials",
        "--require-par=false",
    ];
    let emptied = json(&world, &[&["app", "update", &id][..], &none].concat()).await;
    assert_eq!(
        (&emptied["redirect_uris"], &emptied["default_scopes"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    let refused = run(&world, &["app", "update", &id, "--scope", ""]).await;
    assert!(refused.status == 3 && refused.err.contains("at least one scope"), "{}", refused.err);
    assert_eq!(emptied["name"], "Renamed");
    let refused = run(&world, &["app", "update", &id, "--auth-method", "none"]).await;
    assert!(refused.status == 3 && refused.err.contains("public apps alone"), "{}", refused.err);
}

#[tokio::test]
async fn keys_are_taken_by_themselves_and_what_is_no_key_is_told_with_status_3() {
    let world = World::new().await;
    let id = text(&world.app().await, "id");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let update = ["app", "update", &id, "--jwks", file.to_str().unwrap()];
    std::fs::write(
        &file,
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    )
    .unwrap();
    assert_eq!(run(&world, &update).await.status, 0);
    for (bytes, told) in [
        (&b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"[..], "is PEM"),
        (b"\xff\xfe", "is no JSON"),
        (b"{\"keys\": ", "is no JSON"),
        (b"{\"key\": []}", "no keys"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let refused = run(&world, &update).await;
        assert!(refused.status == 3 && refused.err.contains(told), "{} {}", refused.status, refused.err);
        assert!(refused.err.contains("JWK Set"), "{}", refused.err);
    }
}

#[tokio::test]
async fn a_merchant_gets_another_password_from_a_file_or_a_made_one() {
    let world = World::new().await;
    let create = ["merchant", "create", "--username", "shop", "--name", "Shop"];
    let id = text(&json(&world, &create).await, "id");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "correct horse\n").unwrap();
    let password = ["merchant", "password", &id];
    let given =
        json(&world, &[&password[..], &["--password-file", file.path().to_str().unwrap()]].concat()).await;
    assert_eq!(given["password"], Value::Null);
    let stored = async || world.store.merchant_login("shop").await.unwrap().unwrap().1;
    assert!(tollgate::credential::password::verify("correct horse", &stored().await));
    let made = text(&json(&world, &password).await, "password");
    assert!(tollgate::credential::password::verify(&made, &stored().await));
}

#[tokio::test]
async fn a_key_that_is_queued_behind_another_is_told_as_such() {
    let world = World::new().await;
    let rotate = async || run(&world, &["signing-key", "rotate"]).await.err;
    assert_eq!(rotate().await, "");
    let told = rotate().await;
    assert!(told.contains("this one signs after it"), "{told}");
}

#[tokio::test]
async fn pkce_is_required_or_not_as_other_settings_are() {
    let world = World::new().await;
    let partner = world.partner().await;
    let create = ["app", "create", "--partner", &partner, "--name", "Shop", "--scope", "order:read"];
    for (more, requires) in [
        (&[][..], false),
        (&["--require-pkce"], true),
        (&["--require-pkce=false"], false),
        (&["--public", "--redirect-uri", "com.example.app:/done"], true),
    ] {
        assert_eq!(json(&world, &[&create[..], more].concat()).await["requires_pkce"], requires, "{more:?}");
    }
}

#[tokio::test]
async fn people_get_tables_and_messages_beside_them() {
    let world = World::new().await;
    let empty = run(&world, &["partner", "list"]).await;
    assert_eq!((empty.status, empty.out.as_str()), (0, ""));
    assert!(empty.err.contains("tollgate partner create"), "{}", empty.err);
    run(&world, &["partner", "create", "--name", "Bright\u{a0}Apps"]).await;
    let listed = run(&world, &["partner", "list"]).await;
    let mut lines = listed.out.lines();
    assert!(lines.next().unwrap().trim_start().starts_with("id"), "{}", listed.out);
    assert!(lines.next().unwrap().contains("partner_"), "{}", listed.out);
    let made = run(&world, &["merchant", "create", "--username", "shop", "--name", "小店"]).await;
    assert!(
        made.out.contains("password") && made.err.contains("shown this once"),
        "{}{}",
        made.out,
        made.err
    );
    let plans = run(&world, &["plan", "list"]).await;
    assert!(plans.out.contains("standard") && plans.out.contains("2.5"), "{}", plans.out);
}

#[tokio::test]
async fn a_refusal_is_told_field_by_field_with_status_3() {
    let world = World::new().await;
    let arguments =
        ["app", "create", "--partner", "p", "--name", "a", "--scope", "order:raed", "--output", "json"];
    let answer = run(&world, &arguments).await;
    assert_eq!((answer.status, answer.out.as_str()), (3, ""));
    assert!(answer.err.contains("\n  --scope: ") && answer.err.contains("order:read"), "{}", answer.err);
    let missing = run(&world, &["app", "show", "app_x"]).await;
    let told = "tollgate: There is no such app. `tollgate app list` lists those that there are.";
    assert_eq!((missing.status, missing.err.trim()), (1, told));
}

#[tokio::test]
async fn a_wrong_token_is_told_as_such() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "wrong\n").unwrap();
    let answer = run(&world, &["app", "list", "--admin-token-file", file.to_str().unwrap()]).await;
    assert_eq!(answer.status, 1);
    assert!(answer.err.contains("refuses the admin token"), "{}", answer.err);
    assert!(answer.err.contains(file.to_str().unwrap()), "{}", answer.err);
    std::fs::write(&file, "\n").unwrap();
    let answer = run(&world, &["app", "list", "--admin-token-file", file.to_str().unwrap()]).await;
    assert!(answer.status == 1 && answer.err.contains("it is empty"), "{}", answer.err);
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let answer = run(&world, &["app", "list", "--admin-token-file", file.to_str().unwrap()]).await;
    assert_eq!(answer.status, 0, "{}", answer.err);
}

#[tokio::test]
async fn a_list_of_several_pages_comes_whole() {
    let world = World::new().await;
    for _ in 0..101 {
        world.partner().await;
    }
    assert_eq!(json(&world, &["partner", "list"]).await.as_array().unwrap().len(), 101);
}

#[tokio::test]
async fn the_policies_of_a_node_are_read_anew() {
    let world = World::new().await;
    assert_eq!(json(&world, &["policy", "reload"]).await["outcome"], "unchanged");
    crate::support::folder::change(&world.policies, "products.yaml", "storefront:", "shopfront:");
    let broken = run(&world, &["policy", "reload"]).await;
    assert_eq!(broken.status, 3);
    assert!(broken.err.contains("plans/"), "{}", broken.err);
    let status = run(&world, &["policy", "status"]).await;
    assert!(status.out.contains("last error"), "{}", status.out);
}

#[tokio::test]
async fn books_that_do_not_balance_end_with_status_3() {
    let world = World::new().await;
    let right = run(&world, &["ledger", "check"]).await;
    assert_eq!(right.status, 0, "{}", right.err);
    let tampered = "insert into ledger_transaction values (99, 'theft', 0, 'app', '2026-11', 'CNY'); \
                    insert into ledger_posting values (99, 'platform:revenue:fees', -100);";
    world.place.tamper(tampered).await;
    let wrong = run(&world, &["ledger", "check", "--output", "json"]).await;
    assert_eq!(wrong.status, 3);
    assert!(wrong.err.contains("theft") && wrong.err.contains("trial balance"), "{}", wrong.err);
    let json: Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!(
        (&json["balanced"], &json["trial_balance"]["CNY"]),
        (&Value::Bool(false), &Value::from("-1.00"))
    );
}

#[tokio::test]
async fn audit_records_are_listed_by_what_differs_and_shown_whole() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    json(&world, &["app", "suspend", &app]).await;
    json(&world, &["app", "update", &app, "--name", "Renamed"]).await;
    let subject = format!("app:{app}");
    let listed = run(&world, &["audit", "--subject", &subject]).await;
    let lines: Vec<&str> = listed.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", listed.out);
    for (line, changed) in [
        (lines[0], "changed"),
        (lines[1], "name: Order helper → Renamed"),
        (lines[2], "standing: active → suspended"),
        (lines[3], "new"),
    ] {
        assert!(line.trim_end().ends_with(changed), "{line}");
    }
    assert!(lines[1].contains(&subject) && !listed.out.contains("redirect_uris"), "{}", listed.out);
    let whole = json(&world, &["audit", "--subject", &app]).await;
    assert_eq!(whole[1]["before"]["redirect_uris"], serde_json::json!(["http://127.0.0.1:9999/callback"]));
    assert_eq!((&whole[1]["subject"], &whole[1]["changed"]), (&Value::from(app), &Value::Null));
    let number = whole[1]["number"].to_string();
    let shown = run(&world, &["audit", "show", &number]).await;
    for part in ["standing: active → suspended", "before: {", "after: {", "\"redirect_uris\": ["] {
        assert!(shown.out.contains(part), "no {part:?} in {} {}", shown.out, shown.err);
    }
    assert_eq!(json(&world, &["audit", "show", &number]).await, whole[1]);
    let wrong = run(&world, &["audit", "--action", "app.suspnd"]).await;
    assert!(wrong.status == 3 && wrong.err.contains("app.suspend, app.resume"), "{}", wrong.err);
    let mixed = run(&world, &["audit", "--subject", "x", "show", "1"]).await;
    assert!(mixed.status == 2 && mixed.err.contains("not of one record"), "{}", mixed.err);
}

#[tokio::test]
async fn who_may_only_read_is_told_so() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let made = json(&world, &["token", "create", "--name", "auditor", "--read-only"]).await;
    assert_eq!(made["access"], "read");
    let listed = run(&world, &["token", "list"]).await;
    assert!(listed.out.contains("access") && listed.out.contains("read"), "{}", listed.out);
    let by = async |arguments: &[&str]| {
        let mut command: Command = tollgate(arguments);
        command.env("TOLLGATE_ADMIN_URL", format!("http://{}", world.address));
        command.env("TOLLGATE_ADMIN_TOKEN", text(&made, "token"));
        finished(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    };
    assert_eq!(by(&["app", "show", &app]).await.status, 0);
    let refused = by(&["app", "suspend", &app]).await;
    assert!(refused.status == 1 && refused.err.contains("good for reading alone"), "{}", refused.err);
}

#[tokio::test]
async fn a_client_that_makes_no_sense_is_refused_by_field_and_remedy() {
    let world = World::new().await;
    let partner = world.partner().await;
    let create = ["app", "create", "--partner", &partner, "--name", "a", "--scope", "order:read"];
    let more = ["--grant-type", "client_credentials", "--redirect-uri", "https://a.example/cb"];
    let refused = run(&world, &[&create[..], &more[..]].concat()).await;
    assert_eq!(refused.status, 3);
    for part in ["\n  --redirect-uri: ", "authorization_code", "empty this list"] {
        assert!(refused.err.contains(part), "no {part:?} in {}", refused.err);
    }
    assert_eq!(run(&world, &[&create[..], &more[..2]].concat()).await.status, 0);
    let refused = run(&world, &[&create[..], &["--auth-method", "password"]].concat()).await;
    assert!(refused.status == 3 && refused.err.contains("\n  --auth-method: "), "{}", refused.err);
}

#[tokio::test]
async fn an_app_has_certificates_each_known_by_one_name() {
    let world = World::new().await;
    let id = text(&world.app().await, "id");
    let create = ["client-certificate", "create", "--app", &id];
    let more = ["--label", "ERP", "--scope", "order:read", "--address", "192.0.2.0/24"];
    let of_id = [&["--spiffe-id", "spiffe://bright.example/erp"][..], &more].concat();
    let made = json(&world, &[&create[..], &of_id].concat()).await;
    assert_eq!(made["spiffe_id"], "spiffe://bright.example/erp");
    assert_eq!((&made["scopes"], &made["label"]), (&serde_json::json!(["order:read"]), &"ERP".into()));
    let shown = run(&world, &[&create[..], &["--subject", "CN=erp"]].concat()).await;
    assert_eq!(shown.status, 0, "{}", shown.err);
    assert!(shown.out.contains("CN=erp") && shown.out.contains("all of the app"), "{}", shown.out);
    for wrong in [&[][..], &["--subject", "CN=a", "--fingerprint", "00"]] {
        assert_eq!(run(&world, &[&create[..], wrong].concat()).await.status, 2, "{wrong:?}");
    }
    let refused = run(&world, &[&create[..], &["--spiffe-id", "https://a"]].concat()).await;
    assert!(refused.status == 3 && refused.err.contains("spiffe://"), "{}", refused.err);
    let revoked = json(&world, &["client-certificate", "revoke", &text(&made, "id")]).await;
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    let list = ["client-certificate", "list", "--app", &id];
    assert_eq!(json(&world, &list).await.as_array().unwrap().len(), 2);
    let listed = run(&world, &list).await;
    assert!(
        listed.out.contains("spiffe://bright.example/erp") && listed.out.contains("CN=erp"),
        "{}",
        listed.out
    );
}

#[tokio::test]
async fn an_app_has_keys_that_its_requests_are_signed_by() {
    let world = World::new().await;
    let id = text(&world.app().await, "id");
    let create = ["signature-key", "create", "--app", &id, "--algorithm"];
    let shared = run(&world, &[&create[..], &["hmac-sha256"]].concat()).await;
    assert_eq!(shared.status, 0, "{}", shared.err);
    assert!(shared.out.contains("secret") && shared.err.contains("once"), "{} {}", shared.out, shared.err);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.json");
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    std::fs::write(&file, jwk).unwrap();
    let of_file = ["ed25519", "--public-key", file.to_str().unwrap(), "--scope", "order:read"];
    let made = json(&world, &[&create[..], &of_file].concat()).await;
    assert_eq!((&made["secret"], &made["scopes"]), (&Value::Null, &serde_json::json!(["order:read"])));
    let refused = run(&world, &[&create[..], &["ed25519"]].concat()).await;
    assert_eq!(refused.status, 3, "{}", refused.err);
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    let refused = run(&world, &[&create[..], &of_file].concat()).await;
    assert!(refused.status != 0 && refused.err.contains("PEM"), "{}", refused.err);
    let of_top =
        ["signature-key", "create", "--app", &id, "--style", "top", "--zone", "UTC", "--weak-method", "md5"];
    let of_top = json(&world, &of_top).await;
    assert_eq!((text(&of_top, "style").as_str(), text(&of_top, "zone").as_str()), ("top", "UTC"));
    assert_eq!(of_top["weak_methods"], serde_json::json!(["md5"]));
    let revoked = json(&world, &["signature-key", "revoke", &text(&made, "id")]).await;
    assert_eq!(revoked["revoked_at"], "2026-11-24T08:00:00Z");
    let listed = json(&world, &["signature-key", "list", "--app", &id]).await;
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert!(listed.as_array().unwrap().iter().all(|key| key.get("secret").is_none()), "{listed}");
}
