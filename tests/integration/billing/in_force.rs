//! What a plan version lets its apps use may be more than it was when it came into force, and never less.

use tollgate::billing::plans::{Occasion, PlanError, admit};
use tollgate::policy::load::{NoValues, load};
use tollgate::policy::snapshot::Snapshot;
use tollgate::store::Store;

use super::ledger::without;
use super::on_both_stores;
use super::seed::at;
use crate::support::folder;
use crate::support::stores::Place;

on_both_stores! {
    what_a_version_in_force_lets_be_used_may_rise_and_is_not_cut,
    what_an_older_program_kept_lets_be_used_what_is_seen_next,
}

const RATE: &str = "requests: 60000, window: 1m, burst: 2000";

/// The shipped policies with another text in place of one in a plan.
fn with(before: &str, after: &str) -> Snapshot {
    let folder = folder::policies();
    folder::change(&folder, "plans/standard.yaml", before, after);
    load(folder.path(), &NoValues).unwrap()
}

async fn admitted(store: &Store, snapshot: &Snapshot, occasion: Occasion) -> Result<(), PlanError> {
    admit(store, snapshot, (at("2026-11-24T08:00:00Z"), occasion), &[]).await
}

async fn what_a_version_in_force_lets_be_used_may_rise_and_is_not_cut(place: Place) {
    let store = place.open().await;
    admitted(&store, &with(RATE, RATE), Occasion::Start).await.unwrap();
    let quota = "    quotas:\n      - {name: monthly, requests: 20, per: month}\n    fee:\n";
    for occasion in [Occasion::Start, Occasion::Reload] {
        for (before, after) in [(RATE, "requests: 60000, window: 1m, burst: 1999"), ("    fee:\n", quota)] {
            let refused = admitted(&store, &with(before, after), occasion).await;
            let Err(PlanError::Changed(changed)) = &refused else { panic!("{after}: {refused:?}") };
            let told = changed.to_string();
            assert!(told.contains("plans/standard.yaml:") && told.contains("add the next version"), "{told}");
        }
    }
    let more = with(RATE, "requests: 120000, window: 1m, burst: 4000");
    admitted(&store, &more, Occasion::Reload).await.unwrap();
    // Files of before are no less than what it was.
    admitted(&store, &with(RATE, RATE), Occasion::Start).await.unwrap();
    assert!(place.try_tamper("update plan_version_allowed set allowed = '{}'").await.is_err());
    assert!(place.try_tamper("delete from plan_version_allowed").await.is_err());
    store.close().await;
}

async fn what_an_older_program_kept_lets_be_used_what_is_seen_next(place: Place) {
    let store = place.open().await;
    admitted(&store, &with(RATE, RATE), Occasion::Start).await.unwrap();
    for trigger in ["plan_version_allowed_is_kept", "plan_version_allowed_stays"] {
        // Of PostgreSQL's triggers, one is for both.
        let _ = place.try_tamper(&without(&place, trigger, "plan_version_allowed")).await;
    }
    place.tamper("delete from plan_version_allowed").await;
    let slower = "requests: 100, window: 1m, burst: 10";
    admitted(&store, &with(RATE, slower), Occasion::Reload).await.unwrap();
    admitted(&store, &with(RATE, slower), Occasion::Reload).await.unwrap();
    let refused =
        admitted(&store, &with(RATE, "requests: 99, window: 1m, burst: 10"), Occasion::Reload).await;
    assert!(matches!(refused, Err(PlanError::Changed(_))), "{refused:?}");
    store.close().await;
}
