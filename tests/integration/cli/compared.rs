//! `tollgate policy diff`, and `policy check --against`.

use serde_json::{Value, json};

use super::{Finished, finished, run, tollgate};
use crate::admin::world::{TOKEN, World};
use crate::support::folder;

#[test]
fn what_another_set_changes_is_told_to_people_to_programs_and_in_change_requests() {
    let folder = folder::policies();
    folder::change(&folder, "plans/standard.yaml", "per_unit: 0.01", "per_unit: 0.02");
    let path = folder.path().to_str().unwrap();
    let table = run(&["policy", "diff", "policies/", path]);
    assert_eq!(table.status, 0, "{}", table.err);
    let line = table.out.lines().find(|line| line.contains("raises_price")).unwrap_or(&table.out);
    for part in ["plan standard@1", "fee calls", "0.01 each", "0.02 each", "plans/standard.yaml:"] {
        assert!(line.contains(part), "no {part:?} in {}", table.out);
    }
    let json = run(&["policy", "diff", "policies/", path, "--output", "json"]);
    let told: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(told["changes"].as_array().map(Vec::len), Some(1), "{told}");
    let change = &told["changes"][0];
    assert_eq!((&change["class"], &change["after"]), (&json!("raises_price"), &json!("0.02 each")));
    assert_eq!(run(&["policy", "diff", "policies/", path, "--format", "json"]).out, json.out);
    let markdown = run(&["policy", "diff", "policies/", path, "--format", "markdown"]);
    assert!(markdown.out.contains("### Raises price (1)\n"), "{}", markdown.out);
    let row = "| plan standard@1: fee calls | 0.01 each | 0.02 each | at once | plans/standard.yaml:";
    assert!(markdown.out.contains(row), "{}", markdown.out);
    let same = run(&["policy", "diff", path, path]);
    assert_eq!((same.status, same.out.as_str()), (0, ""));
    assert!(same.err.contains("Nothing that is compared is another."), "{}", same.err);
}

#[test]
fn of_two_sets_it_is_told_which_is_not_right() {
    let folder = folder::policies();
    folder::change(&folder, "plans/standard.yaml", "per_unit", "per_unti");
    let path = folder.path().to_str().unwrap();
    for sets in [[path, "policies/"], ["policies/", path]] {
        let told = run(&["policy", "diff", sets[0], sets[1]]);
        assert_eq!(told.status, 3);
        assert!(told.err.contains(path) && told.err.contains("per_unti"), "{}", told.err);
    }
}

#[test]
fn a_check_tells_what_a_set_changes_of_another() {
    let folder = folder::policies();
    folder::change(&folder, "plans/standard.yaml", "burst: 2000", "burst: 1000");
    let path = folder.path().to_str().unwrap();
    let checked = run(&["policy", "check", path, "--against", "policies/"]);
    assert_eq!(checked.status, 0, "{}", checked.err);
    assert!(checked.out.contains("cuts_limit"), "{}", checked.out);
    let checked = run(&["policy", "check", path, "--against", "policies/", "--output", "json"]);
    let told: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!(
        (&told["valid"], &told["against"]["changes"][0]["class"]),
        (&json!(true), &json!("cuts_limit"))
    );
    assert_eq!(told["against"]["new"], told["hash"]);
}

/// Runs the program off this runtime's thread, since the admin API answers on it.
async fn run_beside(world: &World, arguments: &[&str]) -> Finished {
    let mut command = tollgate(arguments);
    command.env("TOLLGATE_ADMIN_URL", format!("http://{}", world.address)).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    finished(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

#[tokio::test]
async fn a_check_tells_what_a_set_changes_of_the_one_that_a_node_has_in_force() {
    let world = World::new().await;
    let in_force = world.get("/admin/policy").await.expect(200)["hash"].clone();
    // What lies in the node's folder is not in force before it is read.
    folder::change(&world.policies, "plans/standard.yaml", "percent: 2.5", "percent: 2.6");
    let path = world.policies.path().to_str().unwrap().to_owned();
    let check = ["policy", "check", &path, "--against", "node", "--output", "json"];
    let checked = run_beside(&world, &check).await;
    assert_eq!(checked.status, 0, "{}", checked.err);
    let told: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!(told["against"]["old"], in_force);
    assert_eq!(told["against"]["changes"][0]["change"], "raises the price of plan standard@1: share");
    world.post("/admin/policy/reload", &json!({})).await.expect(200);
    let checked = run_beside(&world, &check).await;
    let told: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((&told["against"]["old"], &told["against"]["changes"]), (&told["hash"], &json!([])));
}

#[test]
fn a_check_tells_what_has_to_be_announced_and_how() {
    let (old, new) = (folder::policies(), folder::policies());
    for set in [&old, &new] {
        let zone = "time_zone: Asia/Shanghai\n";
        folder::change(set, "platform.yaml", zone, &format!("{zone}changes: {{notice: 30d}}\n"));
    }
    let scopes = "scopes: [order:write";
    folder::change(&new, "routes/orders.yaml", scopes, &format!("{scopes}, order:read"));
    let [before, after] = [&old, &new].map(|folder| folder.path().to_str().unwrap());
    let checked = run(&["policy", "check", after, "--against", before]);
    assert_eq!(checked.status, 3, "{}", checked.err);
    let entry = "  - {change: \"narrows route place-order: scope order:read\", from: \"";
    assert!(checked.out.contains("narrows_scope") && checked.err.contains(entry), "{}", checked.err);
    // What it says can be pasted; when it was told, only a node knows.
    let announced = format!("announcements:\n{entry}2026-01-01T00:00:00Z\"}}\n");
    std::fs::write(new.path().join("announcements.yaml"), announced).unwrap();
    let checked = run(&["policy", "check", after, "--against", before]);
    assert_eq!(checked.status, 0, "{}", checked.err);
}
