//! How the policies stand, and reading them anew.

use serde_json::json;

use super::world::World;
use crate::support::folder;

#[tokio::test]
async fn a_reload_says_what_came_of_it() {
    let world = World::new().await;
    let before = world.get("/admin/policy").await.expect(200);
    assert_eq!((&before["last_error"], &before["failed_attempts"]), (&json!(null), &json!(0)));
    let unchanged = world.post("/admin/policy/reload", &json!({})).await.expect(200);
    assert_eq!((&unchanged["outcome"], &unchanged["hash"]), (&json!("unchanged"), &before["hash"]));
    folder::change(&world.policies, "plans/standard.yaml", "percent: 2.5", "percent: 2.6");
    let swapped = world.post("/admin/policy/reload", &json!({})).await.expect(200);
    assert_eq!(swapped["outcome"], "swapped");
    assert_ne!(swapped["hash"], before["hash"]);
    let plan = world.get("/admin/plans/standard").await.expect(200);
    assert_eq!(plan["current"]["share"]["percent"], "2.6");
}

#[tokio::test]
async fn a_broken_set_changes_nothing_and_is_told_with_file_and_line() {
    let world = World::new().await;
    let before = world.get("/admin/policy").await.expect(200);
    folder::change(&world.policies, "plans/standard.yaml", "percent", "precent");
    let problem = world.post("/admin/policy/reload", &json!({})).await.expect(422);
    assert_eq!(problem["code"], "policy_invalid");
    assert_eq!(problem["errors"][0]["file"], "plans/standard.yaml");
    let after = world.get("/admin/policy").await.expect(200);
    assert_eq!(after["hash"], before["hash"]);
    assert_eq!(after["failed_attempts"], 1);
    assert!(after["last_error"]["text"].as_str().unwrap().contains("plans/standard.yaml:"), "{after}");
    folder::change(&world.policies, "plans/standard.yaml", "precent", "percent");
    let mended = world.post("/admin/policy/reload", &json!({})).await.expect(200);
    assert_eq!(mended["last_error"], json!(null));
}
