//! Commands for API keys against a listening admin API.

use std::process::Command;

use serde_json::{Value, json};

use super::{Finished, finished, tollgate};
use crate::admin::world::{TOKEN, World, text};

/// Runs the program off this runtime's thread, since the admin API answers on it.
async fn run(world: &World, arguments: &[&str]) -> Finished {
    let mut command: Command = tollgate(arguments);
    command.env("TOLLGATE_ADMIN_URL", format!("http://{}", world.address)).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    finished(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

async fn json_of(world: &World, arguments: &[&str]) -> Value {
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
    assert!(refused.err.contains("/addresses") && refused.err.contains("192.0.2.0/24"), "{}", refused.err);
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
    let wrong = run(&world, &["key", "rotate", &old, "--overlap", "400d"]).await;
    assert!(wrong.status == 3 && wrong.err.contains("30d at most"), "{}", wrong.err);
}
