//! `tollgate balance` against a listening admin API.

use serde_json::{Value, json};

use super::administration::{json as done, run};
use crate::admin::world::{World, text};

#[tokio::test]
async fn a_balance_is_made_paid_into_and_looked_at() {
    let world = World::new().await;
    let partner = text(&done(&world, &["partner", "create", "--name", "Bright Apps"]).await, "id");
    let empty = run(&world, &["balance", "list"]).await;
    assert!(empty.err.contains("tollgate balance create"), "{}", empty.err);
    let create = ["balance", "create", "--partner", &partner, "--currency", "CNY", "--kind"];
    let made = done(&world, &[&create[..], &["credit", "--limit", "50.00"]].concat()).await;
    assert_eq!(made["owner"], json!({"kind": "partner", "id": partner}));
    assert_eq!(made["counts"], "fees_and_shares");
    let id = text(&made, "id");
    let again = run(&world, &[&create[..], &["prepaid"]].concat()).await;
    assert!(again.status == 1 && again.err.contains("already"), "{}", again.err);

    let deposit = ["balance", "deposit", &id, "--amount", "12.50", "--cause", "transfer 4711"];
    for _ in 0..2 {
        let paid = done(&world, &deposit).await;
        assert_eq!((&paid["paid_in"], &paid["left"]), (&json!("12.50"), &json!("62.50")), "{paid}");
    }
    let shown = run(&world, &["balance", "show", &id]).await.out;
    assert!(shown.contains("paid in") && shown.contains("62.50"), "{shown}");
    let listed = done(&world, &["balance", "list"]).await;
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["id"]), (Some(1), &Value::from(id.as_str())));
    let accounts = done(&world, &["ledger", "accounts"]).await.to_string();
    assert!(accounts.contains("platform:cash") && accounts.contains(&format!("partner:{partner}:deposit")));
    let nothing = run(&world, &["balance", "give-back", &id, "--node", "node-9"]).await;
    assert!(nothing.status == 1 && nothing.err.contains("leased nothing"), "{}", nothing.err);
    let merchant = ["merchant", "create", "--username", "shop", "--name", "Shop"];
    let merchant = text(&done(&world, &merchant).await, "id");
    let app = ["app", "create", "--partner", &partner, "--name", "Shop", "--scope", "order:read"];
    let app =
        text(&done(&world, &[&app[..], &["--redirect-uri", "https://a.example/cb"]].concat()).await, "id");
    let create = ["balance", "create", "--merchant", &merchant, "--kind", "budget", "--currency", "CNY"];
    let made = done(&world, &[&create[..], &["--app", &app, "--limit", "20.00"]].concat()).await;
    assert_eq!(made["owner"], json!({"kind": "merchant", "id": merchant, "app": app}));
    let shown = run(&world, &["balance", "show", &text(&made, "id")]).await.out;
    assert!(shown.contains("on app") && shown.contains("20.00"), "{shown}");
    let no_app = run(&world, &[&create[..], &["--partner", &partner, "--limit", "20.00"]].concat()).await;
    assert_eq!(no_app.status, 2, "{}", no_app.err);
    let dollars =
        ["balance", "create", "--app", &app, "--kind", "prepaid", "--currency", "USD", "--fees-only"];
    assert_eq!(done(&world, &dollars).await["counts"], "fees");
    let neither = run(&world, &["balance", "create", "--currency", "CNY", "--kind", "prepaid"]).await;
    assert_eq!(neither.status, 2, "{}", neither.err);
}
