//! Commands for API keys against a listening admin API.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use tollgate::domain::api_key::ApiKey;
use tollgate::domain::hexadecimal::hexadecimal;
use tollgate::domain::identity::Environment;

use super::{Finished, finished, tollgate};
use crate::admin::world::{TOKEN, World, text};

/// Runs the program off this runtime's thread, since the admin API answers on it.
pub(super) async fn run(world: &World, arguments: &[&str]) -> Finished {
    let mut command: Command = tollgate(arguments);
    command.env("TOLLGATE_ADMIN_URL", format!("http://{}", world.address)).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    finished(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

pub(super) async fn json_of(world: &World, arguments: &[&str]) -> Value {
    let answer = run(world, &[arguments, &["--output", "json"]].concat()).await;
    assert_eq!(answer.status, 0, "{arguments:?}: {}", answer.err);
    serde_json::from_str(&answer.out).unwrap()
}

/// An app that has subscribed to two API products, by its id.
async fn app(world: &World) -> String {
    let app = text(&world.app().await, "id");
    for (product, plan) in [("storefront", "standard"), ("supply", "supplier")] {
        let subscription = json!({"app": app, "product": product, "plan": plan});
        world.post("/admin/subscriptions", &subscription).await.expect(201);
    }
    app
}

#[tokio::test]
async fn a_key_is_made_narrow_and_listed_with_what_it_is_narrowed_to() {
    let world = World::new().await;
    let app = app(&world).await;
    let create = ["key", "create", "--app", &app, "--product", "supply", "--product", "storefront"];
    let narrow = ["--address", "192.0.2.0/24", "--address", "2001:db8::1"];
    let made = json_of(&world, &[&create[..], &narrow].concat()).await;
    assert_eq!(made["products"], json!(["storefront", "supply"]));
    assert_eq!(made["addresses"], json!(["192.0.2.0/24", "2001:db8::1/128"]));
    let listed = run(&world, &["key", "list", "--app", &app]).await;
    let lines: Vec<&str> = listed.out.lines().collect();
    for heading in ["products", "addresses", "last used"] {
        assert!(lines[0].contains(heading), "no {heading} in {}", listed.out);
    }
    assert!(lines[1].contains("storefront supply") && lines[1].contains("192.0.2.0/24 2001:db8::1/128"));
    let plain = json_of(&world, &["key", "create", "--app", &app]).await;
    assert_eq!((&plain["scopes"], &plain["addresses"]), (&Value::Null, &Value::Null));
    let listed = run(&world, &["key", "list", "--app", &app]).await.out;
    let line = listed.lines().find(|line| line.contains(&text(&plain, "id"))).unwrap();
    assert!(line.matches("all of the app").count() == 2 && line.contains("anywhere"), "{line}");
    let refused = run(&world, &[&create[..], &["--address", "192.0.2.1/24"]].concat()).await;
    assert_eq!(refused.status, 3);
    assert!(
        refused.err.contains("\n  --address: ") && refused.err.contains("192.0.2.0/24"),
        "{}",
        refused.err
    );
}

#[tokio::test]
async fn a_new_key_says_what_it_permits_and_by_what_it_gets_personal_data() {
    let world = World::new().await;
    let app = app(&world).await;
    let create = ["key", "create", "--app", &app];
    let plain = run(&world, &create).await;
    assert!(plain.out.contains("all of the app: order:read order:write"), "{}", plain.out);
    assert!(!plain.err.contains("personal data"), "{}", plain.err);
    json_of(&world, &["app", "update", &app, "--scope", "order:read", "--scope", "order:pii"]).await;
    for (more, shown) in
        [(&[][..], "all of the app: order:pii order:read"), (&["--scope", "order:pii"], "order:pii")]
    {
        let wide = run(&world, &[&create[..], more].concat()).await;
        let line = wide.out.lines().find(|line| line.trim_start().starts_with("scopes")).unwrap();
        assert!(line.ends_with(shown), "{}", wide.out);
        assert!(wide.err.contains("personal data that others get masked, by: order:pii"), "{}", wide.err);
    }
    let narrow = json_of(&world, &[&create[..], &["--scope", "order:read"]].concat()).await;
    let permits =
        json!({"scopes": ["order:read"], "products": ["storefront", "supply"], "personal_data": []});
    assert_eq!(narrow["permits"], permits);
}

#[tokio::test]
async fn whatever_is_made_says_what_it_permits_and_whether_it_gets_personal_data() {
    let world = World::new().await;
    let app = app(&world).await;
    json_of(&world, &["app", "update", &app, "--scope", "order:read", "--scope", "order:pii"]).await;
    for (kind, own, anew) in [
        ("key", &[][..], &[][..]),
        ("signature-key", &["--algorithm", "hmac-sha256"], &[]),
        ("client-certificate", &["--subject", "CN=erp"], &["--subject", "CN=erp 2"]),
    ] {
        let create = [&[kind, "create", "--app", &app][..], own].concat();
        let old = text(&json_of(&world, &create).await, "id");
        let rotated = run(&world, &[&[kind, "rotate", &old][..], anew].concat()).await;
        assert_eq!(rotated.status, 0, "{kind}: {}", rotated.err);
        for part in ["all of the app: order:pii order:read", "all of the app: storefront supply"] {
            assert!(rotated.out.contains(part), "{kind}: no {part:?} in {}", rotated.out);
        }
        assert!(rotated.err.contains("personal data that others get masked, by: order:pii"), "{kind}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_signature_key_is_told_and_nothing_else() {
    let world = World::new().await;
    let app = app(&world).await;
    let refused = run(&world, &["signature-key", "create", "--app", &app, "--style", "tpo"]).await;
    assert_eq!(refused.status, 3, "{}", refused.err);
    let told: Vec<_> = refused.err.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(told, ["  --style: must be http, top or alipay"], "{}", refused.err);
}

#[tokio::test]
async fn a_key_is_rotated_and_says_how_long_the_old_one_works() {
    let world = World::new().await;
    let app = app(&world).await;
    let old = text(&json_of(&world, &["key", "create", "--app", &app]).await, "id");
    let rotated = run(&world, &["key", "rotate", &old, "--overlap", "2h"]).await;
    assert_eq!(rotated.status, 0, "{}", rotated.err);
    for part in ["tg_test_", "instead of", old.as_str(), "2026-11-24T10:00:00Z"] {
        assert!(rotated.out.contains(part), "no {part:?} in {}", rotated.out);
    }
    let refused = run(&world, &["key", "rotate", &old]).await;
    assert!(refused.status == 1 && refused.err.contains("has taken this one's place"), "{}", refused.err);
    let told = format!("The old one, {old}, works until 2026-11-24T10:00:00Z.");
    assert!(rotated.err.contains(&told) && !rotated.err.contains("was to end"), "{}", rotated.err);
    let ending = ["key", "create", "--app", &app, "--expires-at", "2027-06-30T00:00:00Z"];
    let ending = text(&json_of(&world, &ending).await, "id");
    let at_once = run(&world, &["key", "rotate", &ending, "--overlap", "0s"]).await;
    let told = format!("The old one, {ending}, ended at once.");
    assert!(at_once.status == 0 && at_once.err.contains(&told), "{}", at_once.err);
    let told =
        format!("The new one works until 2027-06-30T00:00:00Z, when {ending} was to end: --expires-at says");
    assert!(at_once.err.contains(&told), "{}", at_once.err);
    let wrong = run(&world, &["key", "rotate", &old, "--overlap", "400d"]).await;
    assert!(wrong.status == 3 && wrong.err.contains("30d at most"), "{}", wrong.err);
}

/// `key inspect` of what standard input has, with what the environment says of a node.
async fn inspect(input: &str, more: &[&str], node: &[(&str, String)]) -> Finished {
    let mut command = tollgate(&[&["key", "inspect"], more].concat());
    command.envs(node.iter().cloned()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    finished(tokio::task::spawn_blocking(run).await.unwrap())
}

#[tokio::test]
async fn a_key_that_was_found_is_told_of_by_itself_and_by_a_node_that_is_not_sent_it() {
    let world = World::new().await;
    let app = app(&world).await;
    let made = json_of(&world, &["key", "create", "--app", &app, "--address", "192.0.2.0/24"]).await;
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let sha256 = hexadecimal(&ApiKey::check(&key).unwrap().1.0);
    let offline = inspect(&format!("{key}\n"), &[], &[]).await;
    assert_eq!(offline.status, 0, "{}", offline.err);
    for part in ["sandbox", &sha256] {
        assert!(offline.out.contains(part), "no {part:?} in {}", offline.out);
    }
    assert!(offline.err.contains("No node was asked") && !offline.out.contains(&app));

    let node = |address: String| {
        [("TOLLGATE_ADMIN_URL", format!("http://{address}")), ("TOLLGATE_ADMIN_TOKEN", TOKEN.to_owned())]
    };
    let here = node(world.address.to_string());
    let told = inspect(&key, &[], &here).await;
    assert_eq!(told.status, 0, "{}", told.err);
    for part in [&*sha256, "active", &id, &app, "Order helper", "192.0.2.0/24"] {
        assert!(told.out.contains(part), "no {part:?} in {}", told.out);
    }
    assert!(!told.out.contains(&key) && !told.err.contains(&key));
    let json = inspect(&key, &["--output", "json"], &here).await;
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (&json["is_key"], &json["known"], &json["key"]["id"]),
        (&json!(true), &json!(true), &json!(id))
    );
    let unasked = inspect(&key, &["--offline"], &here).await;
    assert!(unasked.status == 0 && !unasked.out.contains(&id), "{}", unasked.out);
    let away = inspect(&key, &[], &node("127.0.0.1:1".to_owned())).await;
    assert!(
        away.status == 1 && away.out.contains(&sha256) && away.err.contains("no node answers"),
        "{}",
        away.err
    );
    let unknown = ApiKey::from_random(Environment::Live, &[3; 32]);
    let told = inspect(unknown.reveal(), &["--output", "json"], &here).await;
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&told["known"], &told["environment"]), (&json!(false), &json!("live")));
}

#[tokio::test]
async fn what_is_no_key_is_invalid_input_and_is_not_shown() {
    let key = ApiKey::from_random(Environment::Live, &[3; 32]);
    let mistyped = key.reveal().replacen("tg_live_", "tg_test_", 1);
    for (input, told) in [
        (&*mistyped, "checksum does not fit"),
        (&key.reveal()[..50], "has 57 characters"),
        ("", "begins with tg_live_ or tg_test_"),
    ] {
        let refused = inspect(input, &["--output", "json"], &[]).await;
        assert_eq!(refused.status, 3);
        assert!(refused.err.contains(told), "{}", refused.err);
        let json: Value = serde_json::from_str(&refused.out).unwrap();
        assert_eq!(json["is_key"], false);
        assert!(input.is_empty() || !refused.err.contains(input) && !refused.out.contains(input));
    }
    let argument = finished(tollgate(&["key", "inspect", key.reveal()]).output().unwrap());
    assert_eq!(argument.status, 2, "a key is never an argument");
}

/// At a terminal: what is typed does not show there, and afterwards it is as it was.
#[test]
fn a_key_that_is_typed_is_not_shown() {
    let key = ApiKey::from_random(Environment::Live, &[4; 32]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/cli/typed.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(env!("CARGO_BIN_EXE_tollgate")).args(["key", "inspect", "--offline"]);
    let mut child =
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(key.reveal().as_bytes()).unwrap();
    let done = finished(child.wait_with_output().unwrap());
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(done.out.contains("API key (it is not shown): ") && done.out.contains("SHA-256"), "{}", done.out);
    assert!(!done.out.contains(key.reveal()), "{}", done.out);
}
