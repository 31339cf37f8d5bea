//! Subscriptions move to another version of their plan with notice, and stay without; what they stand at stays in the policies.

use std::time::Duration;

use tollgate::billing::plans::moves::write_down;
use tollgate::billing::plans::{Occasion, PlanError, admit, keep_due};
use tollgate::domain::time::Timestamp;
use tollgate::policy::load::{NoValues, load};
use tollgate::policy::snapshot::Snapshot;
use tollgate::store::Store;

use super::ledger::without;
use super::on_both_stores;
use super::seed::{at, node};
use crate::support::stores::Place;

on_both_stores! {
    subscriptions_move_with_notice_alone,
    a_price_or_a_date_that_changes_is_told_anew,
    a_limit_or_a_quota_that_is_cut_is_told_anew,
    a_node_that_starts_with_files_of_before_gets_not_round_the_notice,
    who_was_told_meanwhile_that_subscriptions_stay_gets_notice_anew,
    files_of_before_by_which_subscriptions_stay_are_not_kept,
    a_node_that_starts_by_other_files_than_it_ran_by_tells_them_anew,
    who_subscribes_to_what_was_told_before_holds_up_nothing,
    what_nodes_announce_at_once_is_told_in_turn,
    what_an_older_program_noted_is_of_what_is_seen_next,
    a_version_in_force_does_not_have_them_move_later,
    of_what_an_older_program_kept_the_file_says_once_who_moved,
    nodes_that_look_at_once_write_each_move_down_once,
    who_stands_at_a_version_that_has_just_come_into_force_stays_there,
    a_version_at_which_subscriptions_stand_stays_in_the_policies,
}

/// The shipped policies, with a second version of the plan from a date on.
fn with_next(from: &str, existing: &str) -> Snapshot {
    at_price(from, existing, "0.01")
}

/// The same at a price.
fn at_price(from: &str, existing: &str, per_unit: &str) -> Snapshot {
    next_with(from, existing, ("per_unit: 0.01", &format!("per_unit: {per_unit}")))
}

/// The same with another text in place of one.
fn next_with(from: &str, existing: &str, (before, after): (&str, &str)) -> Snapshot {
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let file = folder.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let versions = text.find("  - version: 1").unwrap();
    let next = text[versions..].replace("version: 1", &format!("version: 2\n    {existing}"));
    assert!(next.contains(before), "{next}");
    let next = next.replace("2026-01-01", from).replace(before, after);
    std::fs::write(&file, format!("{}\n{next}", text.trim_end())).unwrap();
    load(&folder.path().join("policies"), &NoValues).unwrap()
}

fn shipped() -> Snapshot {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    load(&folder, &NoValues).unwrap()
}

async fn admitted(store: &Store, snapshot: &Snapshot, now: Timestamp) -> Result<(), PlanError> {
    admit(store, snapshot, (now, Occasion::Reload), &[]).await
}

/// A store with an app that stands at a version of the plan.
async fn subscribed(place: &Place, version: u32) -> Store {
    let store = place.open().await;
    place
        .tamper(&format!(
            "insert into partner values ('partner_1', 'P', 'active', 0); \
             insert into app (id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, requires_pkce, \
             standing, created_at) values ('app_1', 'partner_1', 'A', 'live', 'confidential', '[]', 'a', 'a', false, 'active', 0); \
             insert into subscription (id, app, product, plan, plan_version, starts_at) \
             values ('sub_1', 'app_1', 'storefront', 'standard', {version}, 0)"
        ))
        .await;
    store
}

async fn subscriptions_move_with_notice_alone(place: Place) {
    let store = subscribed(&place, 1).await;
    let moves = "existing: move\n    notice: 30d";
    let now = at("2026-11-24T08:00:00Z");
    admitted(&store, &shipped(), now).await.unwrap();
    let refused = admitted(&store, &with_next("2026-12-20", moves), now).await;
    let Err(PlanError::TooSoon(too_soon)) = &refused else { panic!("{refused:?}") };
    assert_eq!(too_soon.earliest, at("2026-12-24T08:00:00Z"));
    let told = too_soon.to_string();
    for part in
        ["plans/standard.yaml:", "plan standard@2", "25 days and 16 hours", "30 days", "existing: stay"]
    {
        assert!(told.contains(part), "{told}");
    }
    admitted(&store, &with_next("2026-12-20", "existing: stay"), now).await.unwrap();
    admitted(&store, &with_next("2026-12-25", moves), now).await.unwrap();
    // It became known then, not when it was read again.
    let later = at("2026-12-10T00:00:00Z");
    admitted(&store, &with_next("2026-12-25", moves), later).await.unwrap();
    let in_force = at("2026-12-26T00:00:00Z");
    admitted(&store, &with_next("2026-12-25", moves), in_force).await.unwrap();
    store.close().await;
}

const MOVES: &str = "existing: move\n    notice: 30d";

#[track_caller]
fn earliest(refused: Result<(), PlanError>) -> Timestamp {
    let Err(PlanError::TooSoon(too_soon)) = refused else { panic!("{refused:?}") };
    too_soon.earliest
}

async fn a_price_or_a_date_that_changes_is_told_anew(place: Place) {
    let store = subscribed(&place, 1).await;
    let told = at("2026-11-24T08:00:00Z");
    admitted(&store, &with_next("2026-12-25", MOVES), told).await.unwrap();
    let later = at("2026-12-10T00:00:00Z");
    let anew = at("2027-01-09T00:00:00Z");
    for changed in [at_price("2026-12-25", MOVES, "0.02"), with_next("2026-12-26", MOVES)] {
        assert_eq!(earliest(admitted(&store, &changed, later).await), anew);
    }
    // What was refused was not told to anybody.
    admitted(&store, &with_next("2026-12-25", MOVES), later).await.unwrap();
    let dearer = at_price("2027-01-10", MOVES, "0.02");
    admitted(&store, &dearer, later).await.unwrap();
    // Back again, it was not told all the while; but a node that starts with files of before starts.
    let first = with_next("2026-12-25", MOVES);
    assert_eq!(earliest(admitted(&store, &first, later).await), anew);
    admit(&store, &first, (later, Occasion::Start), &[]).await.unwrap();
    admitted(&store, &dearer, at("2027-01-09T00:00:00Z")).await.unwrap();
    store.close().await;
}

const RATE: &str = "requests: 60000, window: 1m, burst: 2000";

async fn a_limit_or_a_quota_that_is_cut_is_told_anew(place: Place) {
    let store = subscribed(&place, 1).await;
    admitted(&store, &with_next("2026-12-25", MOVES), at("2026-11-24T08:00:00Z")).await.unwrap();
    let (later, anew) = (at("2026-12-10T00:00:00Z"), at("2027-01-09T00:00:00Z"));
    let changed = |before, after| next_with("2026-12-25", MOVES, (before, after));
    for (before, after) in [
        (RATE, "requests: 59999, window: 1m, burst: 2000"),
        (RATE, "requests: 60000, window: 1m, burst: 1999"),
        ("    fee:\n", "    quotas:\n      - {name: monthly, requests: 20, per: month}\n    fee:\n"),
    ] {
        assert_eq!(earliest(admitted(&store, &changed(before, after), later).await), anew, "{after}");
    }
    admitted(&store, &changed(RATE, "requests: 1200000, window: 1m, burst: 4000"), later).await.unwrap();
    // An older program told nothing of limits: those that are seen next are as it told.
    place.tamper(&without(&place, "plan_announcement_stays", "plan_announcement")).await;
    place.tamper("update plan_announcement set allowed = null").await;
    let slower = changed(RATE, "requests: 100, window: 1m, burst: 10");
    admitted(&store, &slower, later).await.unwrap();
    assert_eq!(
        earliest(admitted(&store, &changed(RATE, "requests: 99, window: 1m, burst: 10"), later).await),
        anew
    );
    admitted(&store, &slower, later).await.unwrap();
    let told = "select cast(told_at as text) from plan_announcement order by part";
    let since = at("2026-11-24T08:00:00Z").as_micros().to_string();
    assert_eq!(place.texts(told).await, [since.clone(), since]);
    store.close().await;
}

async fn a_node_that_starts_with_files_of_before_gets_not_round_the_notice(place: Place) {
    let store = subscribed(&place, 1).await;
    let (told, later) = (at("2026-11-24T08:00:00Z"), at("2026-12-10T00:00:00Z"));
    let (first, dearer) = (with_next("2026-12-25", MOVES), at_price("2027-01-10", MOVES, "0.02"));
    admitted(&store, &first, told).await.unwrap();
    admitted(&store, &dearer, later).await.unwrap();
    admit(&store, &first, (later, Occasion::Start), &[]).await.unwrap();
    // It came into force by its files alone.
    let due = at("2026-12-26T00:00:00Z");
    let changed = keep_due(&store, &first, due).await.unwrap();
    let changed: Vec<String> = changed.iter().map(|changed| changed.plan.to_string()).collect();
    assert_eq!(changed, ["standard@2"]);
    // So nobody has moved to it.
    assert_eq!(write_down(&store, &first, (&node("node-1"), due), Duration::ZERO).await.unwrap(), 0);
    let refused = admit(&store, &first, (due, Occasion::Start), &[]).await;
    assert_eq!(earliest(refused), at("2027-01-25T00:00:00Z"));
    // What nobody has told before is told by a start, too.
    let dearest = at_price("2027-01-12", MOVES, "0.03");
    admit(&store, &dearest, (later, Occasion::Start), &[]).await.unwrap();
    admit(&store, &dearer, (later, Occasion::Start), &[]).await.unwrap();
    assert_eq!(keep_due(&store, &dearest, at("2027-01-13T00:00:00Z")).await.unwrap(), []);
    store.close().await;
}

/// By the files, or by the files' not having the version any more.
async fn who_was_told_meanwhile_that_subscriptions_stay_gets_notice_anew(place: Place) {
    let store = subscribed(&place, 1).await;
    let moves = with_next("2027-01-20", MOVES);
    let mut told = at("2026-11-24T08:00:00Z");
    for meanwhile in [with_next("2027-01-20", "existing: stay"), shipped()] {
        admitted(&store, &moves, told).await.unwrap();
        for _ in 0..2 {
            admitted(&store, &meanwhile, told).await.unwrap();
        }
        told = told.plus(Duration::from_secs(14 * 24 * 3600));
    }
    let refused = admitted(&store, &moves, at("2026-12-25T00:00:00Z")).await;
    assert_eq!(earliest(refused), at("2027-01-24T00:00:00Z"));
    let parts = "select cast(part as text) || case when effective_from is null then ' stays' else ' moves' end \
                 from plan_announcement order by part";
    assert_eq!(place.texts(parts).await, ["1 moves", "2 stays", "3 moves", "4 stays"]);
    store.close().await;
}

async fn files_of_before_by_which_subscriptions_stay_are_not_kept(place: Place) {
    let store = subscribed(&place, 1).await;
    let (told, later) = (at("2026-11-24T08:00:00Z"), at("2026-12-10T00:00:00Z"));
    let (stays, moves) = (with_next("2026-12-25", "existing: stay"), at_price("2027-01-10", MOVES, "0.02"));
    admitted(&store, &stays, told).await.unwrap();
    admitted(&store, &moves, later).await.unwrap();
    admit(&store, &stays, (later, Occasion::Start), &[]).await.unwrap();
    let changed = keep_due(&store, &stays, at("2026-12-26T00:00:00Z")).await.unwrap();
    assert_eq!(changed.len(), 1, "{changed:?}");
    // Nor did it take anything back.
    admitted(&store, &moves, at("2027-01-09T00:00:00Z")).await.unwrap();
    assert_eq!(keep_due(&store, &moves, at("2027-01-10T00:00:00Z")).await.unwrap(), []);
    store.close().await;
}

async fn a_node_that_starts_by_other_files_than_it_ran_by_tells_them_anew(place: Place) {
    let store = subscribed(&place, 1).await;
    let (stays, moves) = (with_next("2027-06-20", "existing: stay"), with_next("2027-06-20", MOVES));
    let gone = shipped();
    let on = |day: u64| at("2026-11-01T00:00:00Z").plus(Duration::from_secs(day * 24 * 3600));
    let started = async |snapshot: &Snapshot, day: u64, occasion: Occasion| {
        admit(&store, snapshot, (on(day), occasion), &[]).await.unwrap();
    };
    let parts = "select cast(part as text) || case when effective_from is null then ' stays' else ' moves' end \
                 from plan_announcement order by part";
    started(&stays, 0, Occasion::Start).await;
    started(&moves, 1, Occasion::Changed(on(0))).await;
    // Another node, which has not run since.
    started(&stays, 2, Occasion::Changed(on(0))).await;
    started(&gone, 2, Occasion::Changed(on(0))).await;
    assert_eq!(place.texts(parts).await, ["1 stays", "2 moves"]);
    for (meanwhile, day) in [(&stays, 3), (&gone, 9)] {
        started(meanwhile, day, Occasion::Changed(on(day - 1))).await;
        started(&moves, day + 1, Occasion::Changed(on(day))).await;
    }
    let told = ["1 stays", "2 moves", "3 stays", "4 moves", "5 stays", "6 moves", "7 stays"];
    assert_eq!(place.texts(parts).await, told[..6]);
    // Changed back too late to be told anew, they are as those of before: the node starts all the same.
    started(&stays, 219, Occasion::Changed(on(218))).await;
    started(&moves, 220, Occasion::Changed(on(219))).await;
    assert_eq!(place.texts(parts).await, told);
    assert_eq!(earliest(admitted(&store, &moves, on(220)).await), on(250));
    store.close().await;
}

async fn who_subscribes_to_what_was_told_before_holds_up_nothing(place: Place) {
    let store = subscribed(&place, 1).await;
    place.tamper("update subscription set ends_at = 1").await;
    let next = with_next("2026-11-30", MOVES);
    admitted(&store, &next, at("2026-11-24T08:00:00Z")).await.unwrap();
    let (from, now) = (at("2026-11-25T00:00:00Z").as_micros(), at("2026-11-26T00:00:00Z"));
    place
        .tamper(&format!(
            "insert into subscription (id, app, product, plan, plan_version, starts_at) \
             values ('sub_2', 'app_1', 'storefront', 'standard', 1, {from})"
        ))
        .await;
    for occasion in [Occasion::Reload, Occasion::Start] {
        admit(&store, &next, (now, occasion), &[]).await.unwrap();
    }
    // Another price is told to it as to all others.
    let dearer = at_price("2026-11-30", MOVES, "0.02");
    assert_eq!(earliest(admitted(&store, &dearer, now).await), at("2026-12-26T00:00:00Z"));
    store.close().await;
}

async fn what_nodes_announce_at_once_is_told_in_turn(place: Place) {
    let store = subscribed(&place, 1).await;
    let now = at("2026-11-24T08:00:00Z");
    let (one, other) = (at_price("2026-12-25", MOVES, "0.02"), at_price("2026-12-25", MOVES, "0.03"));
    let (first, second) = tokio::join!(admitted(&store, &one, now), admitted(&store, &other, now));
    first.unwrap();
    second.unwrap();
    let parts = "select cast(part as text) from plan_announcement order by part";
    assert_eq!(place.texts(parts).await, ["1", "2"]);
    let version = one.plans.values().flat_map(|plan| &plan.versions).find(|one| one.reference.version == 2);
    let mut transaction = store.begin().await.unwrap();
    for (after, is_noted) in [(1, false), (2, true)] {
        assert_eq!(transaction.announce(version.unwrap(), after, now).await.unwrap(), is_noted, "{after}");
    }
    transaction.commit().await.unwrap();
    store.close().await;
}

async fn what_an_older_program_noted_is_of_what_is_seen_next(place: Place) {
    let store = subscribed(&place, 1).await;
    let noted = at("2026-11-24T08:00:00Z").as_micros();
    let note = "insert into plan_announcement (plan, version, part, told_at) values";
    place.tamper(&format!("{note} ('standard', 2, 1, {noted})")).await;
    let now = at("2026-12-20T00:00:00Z");
    admitted(&store, &with_next("2026-12-25", MOVES), now).await.unwrap();
    let dearer = at_price("2026-12-25", MOVES, "0.02");
    assert_eq!(earliest(admitted(&store, &dearer, now).await), at("2027-01-19T00:00:00Z"));
    store.close().await;
}

/// They would move at once, and nobody would have told them.
async fn a_version_in_force_does_not_have_them_move_later(place: Place) {
    let store = subscribed(&place, 1).await;
    let now = at("2026-11-24T08:00:00Z");
    admitted(&store, &with_next("2026-11-20", "existing: stay"), now).await.unwrap();
    let moves = with_next("2026-11-20", "existing: move\n    notice: 30d");
    for occasion in [Occasion::Reload, Occasion::Start] {
        let refused = admit(&store, &moves, (now, occasion), &[]).await;
        let Err(PlanError::Changed(changed)) = &refused else { panic!("{refused:?}") };
        let told = changed.to_string();
        assert!(told.contains("standard@2") && told.contains("another `existing`"), "{told}");
    }
    admitted(&store, &with_next("2026-11-20", "existing: stay"), now).await.unwrap();
    store.close().await;
}

/// An older program let `existing` be another than what was announced.
async fn of_what_an_older_program_kept_the_file_says_once_who_moved(place: Place) {
    let store = subscribed(&place, 1).await;
    let now = at("2026-11-24T08:00:00Z");
    let (stays, moves) = (with_next("2026-11-20", "existing: stay"), with_next("2026-11-20", MOVES));
    admitted(&store, &stays, now).await.unwrap();
    place.tamper(&without(&place, "plan_version_stays", "plan_version")).await;
    let announced =
        "insert into plan_announcement (plan, version, part, told_at) values ('standard', 2, 1, 0)";
    place.tamper(&format!("update plan_version set moves = null; {announced}")).await;
    admit(&store, &stays, (now, Occasion::Start), &[]).await.unwrap();
    let said = "select cast(moves as text) from plan_version where plan = 'standard' order by version";
    assert_eq!(place.texts(said).await, ["0", "0"]);
    let refused = admitted(&store, &moves, now).await;
    assert!(matches!(refused, Err(PlanError::Changed(_))), "{refused:?}");
    store.close().await;
}

async fn nodes_that_look_at_once_write_each_move_down_once(place: Place) {
    let store = subscribed(&place, 1).await;
    let mut others = String::new();
    for number in 2..=250 {
        let version = if number % 2 == 0 { "1" } else { "null" };
        others.push_str(&format!(
            "insert into subscription (id, app, product, plan, plan_version, starts_at) \
             values ('sub_{number}', 'app_1', 'p{number}', 'standard', {version}, 0);"
        ));
    }
    // One has ended, and one stands there already.
    others.push_str("update subscription set ends_at = 1 where id = 'sub_2'; ");
    others.push_str("update subscription set plan_version = 2 where id = 'sub_3'");
    place.tamper(&others).await;
    let (policies, now) = (with_next("2026-12-25", MOVES), at("2026-12-25T00:01:00Z"));
    let (one, other) = (node("node-1"), node("node-2"));
    let (first, second) = tokio::join!(
        write_down(&store, &policies, (&one, now), Duration::ZERO),
        write_down(&store, &policies, (&other, now), Duration::ZERO)
    );
    assert_eq!(first.unwrap() + second.unwrap(), 248);
    let records =
        "select cast(count(*) as text) || ' ' || cast(count(distinct subject) as text) from audit_record";
    assert_eq!(place.texts(records).await, ["248 248"]);
    let versions = "select cast(plan_version as text) || ' ' || cast(count(*) as text) from subscription \
                    group by plan_version order by plan_version";
    assert_eq!(place.texts(versions).await, ["1 1", "2 249"]);
    store.close().await;
}

/// By another node's clock, which may be behind, it is not in force yet.
async fn who_stands_at_a_version_that_has_just_come_into_force_stays_there(place: Place) {
    let store = subscribed(&place, 2).await;
    let (policies, node) = (with_next("2026-12-25", "existing: stay"), node("node-1"));
    for now in ["2026-12-24T23:59:59Z", "2026-12-25T00:00:30Z", "2026-12-25T00:05:00Z"] {
        assert_eq!(
            write_down(&store, &policies, (&node, at(now)), Duration::ZERO).await.unwrap(),
            0,
            "{now}"
        );
    }
    let stands_at = "select cast(plan_version as text) from subscription";
    assert_eq!(place.texts(stands_at).await, ["2"]);
    store.close().await;
}

async fn a_version_at_which_subscriptions_stand_stays_in_the_policies(place: Place) {
    let store = subscribed(&place, 2).await;
    let now = at("2026-11-24T08:00:00Z");
    let refused = admitted(&store, &shipped(), now).await;
    let Err(PlanError::Lacking(lacking)) = &refused else { panic!("{refused:?}") };
    let told = lacking.to_string();
    for part in ["plan version standard@2 is missing", "sub_1", "tollgate subscription move ID"] {
        assert!(told.contains(part), "{told}");
    }
    admitted(&store, &with_next("2026-11-01", "existing: stay"), now).await.unwrap();
    store.close().await;
}
