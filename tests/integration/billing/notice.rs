//! Subscriptions move to another version of their plan with notice, and stay without; what they stand at stays in the policies.

use tollgate::billing::plans::{Occasion, PlanError, admit};
use tollgate::domain::time::Timestamp;
use tollgate::policy::load::{NoValues, load};
use tollgate::policy::snapshot::Snapshot;
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::at;
use crate::support::stores::Place;

on_both_stores! {
    subscriptions_move_with_notice_alone,
    a_version_in_force_does_not_have_them_move_later,
    a_version_at_which_subscriptions_stand_stays_in_the_policies,
}

/// The shipped policies, with a second version of the plan from a date on.
fn with_next(from: &str, existing: &str) -> Snapshot {
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let file = folder.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let versions = text.find("  - version: 1").unwrap();
    let next = text[versions..].replace("version: 1", &format!("version: 2\n    {existing}"));
    let next = next.replace("2026-01-01", from);
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
