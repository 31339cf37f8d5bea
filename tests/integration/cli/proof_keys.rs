//! Commands for proof keys against a listening admin API.

use super::administration::{json, run};
use crate::admin::world::{World, text};

#[tokio::test]
async fn proof_keys_are_rotated_and_revoked_by_command() {
    let world = World::new().await;
    let first = json(&world, &["proof-key", "list"]).await[0].clone();
    let next = json(&world, &["proof-key", "rotate"]).await;
    assert_eq!(next["endorsed_by"], first["kid"]);
    assert_eq!(json(&world, &["proof-key", "revoke", &text(&next, "kid")]).await["state"], "revoked");
    let shown = run(&world, &["proof-key", "list"]).await.out;
    assert!(shown.contains("endorsed by") && shown.contains("signs") && shown.contains("revoked"), "{shown}");
    assert_eq!(run(&world, &["proof-key", "revoke", "none"]).await.status, 1);
}
