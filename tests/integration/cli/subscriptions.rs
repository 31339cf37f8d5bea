//! `tollgate subscription` against a listening admin API: which version of its plan holds for one, and what moves it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tollgate::billing::plans::moves::write_down;
use tollgate::domain::id::NodeId;
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::policy::load::{NoValues, load};

use super::administration::{json, run};
use crate::admin::world::{World, text};

/// Lets a second version of the plan follow the first on 2026-12-25, to which subscriptions move.
fn second_version(policies: &Path) {
    let file = policies.join("plans/standard.yaml");
    let versions = std::fs::read_to_string(&file).unwrap();
    let first = versions.find("  - version: 1").unwrap();
    let second = "version: 2\n    existing: move\n    notice: 30d";
    let second = versions[first..].replace("version: 1", second).replace("2026-01-01", "2026-12-25");
    std::fs::write(&file, format!("{}\n{second}", versions.trim_end())).unwrap();
}

/// An app of the world that is subscribed; the subscription as it was made.
async fn subscribed(world: &World) -> Value {
    let app = text(&world.app().await, "id");
    let subscribe =
        ["subscription", "create", "--app", &app, "--product", "storefront", "--plan", "standard"];
    json(world, &subscribe).await
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn what_holds_is_told_once_a_version_is_in_force_to_which_all_move() {
    let world = World::with_policies(second_version).await;
    let made = subscribed(&world).await;
    let id = text(&made, "id");
    let version = async || {
        let listed = json(&world, &["subscription", "list"]).await;
        let shown = json(&world, &["subscription", "show", &id]).await;
        assert_eq!(listed[0], shown);
        shown["version"].clone()
    };
    assert_eq!((&made["version"], version().await), (&1.into(), 1.into()));
    world.clock.advance(40 * DAY);
    assert_eq!(version().await, 2);
    let ended = json(&world, &["subscription", "end", &id]).await;
    assert_eq!(ended["version"], 2);
}

#[tokio::test]
async fn the_move_that_time_made_is_recorded_once() {
    let world = World::with_policies(second_version).await;
    let id = text(&subscribed(&world).await, "id");
    let policies = load(world.policies.path(), &NoValues).unwrap();
    let node = NodeId::new("node-1").unwrap();
    let moved = async || {
        write_down(&world.store, &policies, (&node, world.clock.now()), Duration::ZERO).await.unwrap()
    };
    let records = async || json(&world, &["audit", "--action", "subscription.move"]).await;
    let in_force: Timestamp = "2026-12-25T00:00:00Z".parse().unwrap();
    world.clock.advance(in_force.since(world.clock.now()) + Duration::from_secs(59));
    // Another node's clock may be behind, and there it is not in force.
    assert_eq!(moved().await, 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!((moved().await, moved().await), (1, 0));
    let records = records().await;
    let [record] = records.as_array().unwrap().as_slice() else { panic!("{records}") };
    assert_eq!((&record["actor"], &record["subject"]), (&"node:node-1".into(), &id.as_str().into()));
    assert_eq!((&record["before"]["version"], &record["after"]["version"]), (&1.into(), &2.into()));
    assert_eq!(world.place.texts("select cast(plan_version as text) from subscription").await, ["2"]);
}

#[tokio::test]
async fn none_is_moved_to_where_it_cannot_stand() {
    let world = World::with_policies(second_version).await;
    let id = text(&subscribed(&world).await, "id");
    let to = |version: &'static str| ["subscription", "move", &id, "--version", version].map(str::to_owned);
    let moved = async |version| {
        let words = to(version);
        run(&world, &words.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    assert_eq!(moved("1").await.status, 0);
    let early = moved("2").await;
    assert!(early.status == 3 && early.err.contains("no version 2 in force"), "{}", early.err);
    world.clock.advance(40 * DAY);
    let records = json(&world, &["audit", "--action", "subscription.move"]).await.as_array().unwrap().len();
    let refused = moved("1").await;
    for part in ["--version", "moved to version 2", "2026-12-25T00:00:00Z", "`existing: move`"] {
        assert!(refused.status == 3 && refused.err.contains(part), "no {part:?} in {}", refused.err);
    }
    assert_eq!(moved("2").await.status, 0);
    json(&world, &["subscription", "end", &id]).await;
    let ended = moved("2").await;
    assert!(ended.status == 1 && ended.err.contains("ended at 2027-01-03"), "{}", ended.err);
    let after = json(&world, &["audit", "--action", "subscription.move"]).await.as_array().unwrap().len();
    assert_eq!(after, records + 1, "what was refused is not recorded");
}

#[tokio::test]
async fn who_is_subscribed_already_hears_to_what() {
    let world = World::new().await;
    let made = subscribed(&world).await;
    let (app, id) = (text(&made, "app"), text(&made, "id"));
    let again =
        run(&world, &["app", "subscribe", &app, "--product", "storefront", "--plan", "starter"]).await;
    let told = format!("already: {id}, under plan standard; end that one first");
    assert!(again.status == 1 && again.err.contains(&told), "{}", again.err);
}
