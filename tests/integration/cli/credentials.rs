//! What commands for API keys, signature keys and client certificates have in common, against a listening admin API.

use serde_json::{Value, json};

use super::keys::{json_of, run};
use crate::admin::world::{World, text};

/// What else one needs to take another's place.
fn anew(kind: &str) -> &'static [&'static str] {
    if kind == "client-certificate" { &["--subject", "CN=erp 2"] } else { &[] }
}

#[tokio::test]
async fn each_kind_is_rotated_alike() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    for (kind, own) in KINDS {
        let create = [&[kind, "create", "--app", &app, "--scope", "order:read"][..], own].concat();
        let old = text(&json_of(&world, &create).await, "id");
        let rotate = [&[kind, "rotate", &old][..], anew(kind)].concat();
        let wrong = run(&world, &[&rotate[..], &["--overlap", "400d"]].concat()).await;
        assert!(wrong.status == 3 && wrong.err.contains("30d at most"), "{kind}: {}", wrong.err);
        let end = ["--overlap", "2h", "--expires-at", "2026-12-24T08:00:00Z"];
        let rotated = run(&world, &[&rotate[..], &end].concat()).await;
        assert_eq!(rotated.status, 0, "{}", rotated.err);
        for part in ["instead of", &old, "2026-11-24T10:00:00Z", "2026-12-24T08:00:00Z", "order:read"] {
            assert!(rotated.out.contains(part), "{kind}: no {part:?} in {}", rotated.out);
        }
        assert_eq!(rotated.err.contains("shown this once"), kind != "client-certificate", "{}", rotated.err);
        let shown = json_of(&world, &[kind, "show", &old]).await;
        assert_eq!((&shown["id"], &shown["state"]), (&json!(old), &json!("rotated")), "{kind}");
        let shown = run(&world, &[kind, "show", &old]).await.out;
        let listed = run(&world, &[kind, "list", "--app", &app]).await.out;
        for told in [shown, listed] {
            assert!(told.contains("rotated, until 2026-11-24T10:00:00Z"), "{kind}: {told}");
        }
        let again = run(&world, &rotate).await;
        assert!(again.status == 1 && again.err.contains("has taken this one's place"), "{}", again.err);
        let none = run(&world, &[&[kind, "rotate", "none"][..], anew(kind)].concat()).await;
        assert!(none.status == 1 && none.err.contains("There is no such"), "{kind}: {}", none.err);
    }
}

/// The commands, and what else one needs to be made.
const KINDS: [(&str, &[&str]); 3] = [
    ("key", &[]),
    ("signature-key", &["--algorithm", "hmac-sha256"]),
    ("client-certificate", &["--subject", "CN=erp"]),
];

#[tokio::test]
async fn each_kind_is_narrowed_and_listed_alike() {
    let world = World::new().await;
    let app = text(&world.app().await, "id");
    let subscription = json!({"app": app, "product": "supply", "plan": "supplier"});
    world.post("/admin/subscriptions", &subscription).await.expect(201);
    for (kind, own) in KINDS {
        let create = [&[kind, "create", "--app", &app][..], own].concat();
        let narrow = ["--scope", "order:read", "--product", "supply", "--address", "192.0.2.0/24"];
        let end = ["--expires-at", "2026-12-24T08:00:00Z"];
        let made = json_of(&world, &[&create[..], &narrow, &end].concat()).await;
        assert_eq!((&made["scopes"], &made["products"]), (&json!(["order:read"]), &json!(["supply"])));
        assert_eq!(made["addresses"], json!(["192.0.2.0/24"]));
        let list = [kind, "list", "--app", &app];
        let listed = run(&world, &list).await.out;
        let (heads, line) = listed.split_once('\n').unwrap();
        for head in [
            "id",
            "state",
            "scopes",
            "products",
            "addresses",
            "created",
            "expires",
            "revoked",
            "successor",
            "last used",
        ] {
            assert!(heads.contains(head), "{kind}: no {head} in {heads}");
        }
        for part in ["active", "order:read", "supply", "192.0.2.0/24", "2026-12-24T08:00:00Z", "–"] {
            assert!(line.contains(part), "{kind}: no {part} in {line}");
        }
        let wrong = run(&world, &[&create[..], &["--address", "192.0.2.1/24"]].concat()).await;
        assert!(wrong.status == 3 && wrong.err.contains("\n  --address: "), "{kind}: {}", wrong.err);
        let revoked = run(&world, &[kind, "revoke", &text(&made, "id")]).await;
        assert!(revoked.status == 0 && revoked.out.contains("2026-11-24T08:00:00Z"), "{}", revoked.out);
        let wide = run(&world, &create).await;
        assert!(wide.status == 0 && wide.out.matches("all of the app").count() == 2, "{}", wide.out);
        assert!(wide.out.contains("anywhere"), "{}", wide.out);
        let none = run(&world, &[kind, "revoke", "none"]).await;
        assert!(none.status == 1 && none.err.contains("There is no such"), "{kind}: {}", none.err);
        assert_eq!(json_of(&world, &list).await.as_array().map(Vec::len), Some(2), "{kind}");
        assert_eq!(json_of(&world, &list).await[0].get("secret"), None::<&Value>, "{kind}");
    }
}
