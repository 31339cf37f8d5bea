//! What another set of policies narrows for those who call is announced in time, where the set in force asks for that.

use tollgate::billing::plans::{Occasion, PlanError, admit_after};
use tollgate::domain::time::Timestamp;
use tollgate::policy::live::Coming;
use tollgate::policy::load::{NoValues, load};
use tollgate::policy::snapshot::Snapshot;
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::at;
use crate::support::folder;
use crate::support::stores::Place;

on_both_stores! {
    what_is_narrowed_comes_once_it_was_announced_for_as_long_as_the_set_in_force_asks,
    what_was_announced_too_late_or_taken_back_does_not_come,
    a_node_that_starts_with_files_of_before_announces_nothing_anew,
    where_nothing_is_asked_nothing_is_announced,
}

const CHANGE: &str = "narrows route place-order: scope order:read";
const TOLD: &str = "2026-11-24T08:00:00Z";
const FROM: &str = "2026-12-25T00:00:00Z";

/// The shipped policies; with what they announce, and narrower or not.
struct Set {
    asks: bool,
    announced: Option<&'static str>,
    is_narrow: bool,
}

impl Set {
    fn load(&self) -> Snapshot {
        let folder = folder::policies();
        if self.asks {
            let zone = "time_zone: Asia/Shanghai\n";
            folder::change(&folder, "platform.yaml", zone, &format!("{zone}changes: {{notice: 30d}}\n"));
        }
        if let Some(from) = self.announced {
            let text = format!("announcements:\n  - {{change: \"{CHANGE}\", from: \"{from}\"}}\n");
            std::fs::write(folder.path().join("announcements.yaml"), text).unwrap();
        }
        if self.is_narrow {
            let scopes = "scopes: [order:write";
            folder::change(&folder, "routes/orders.yaml", scopes, &format!("{scopes}, order:read"));
        }
        load(folder.path(), &NoValues).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn asking(announced: Option<&'static str>, is_narrow: bool) -> Snapshot {
    Set { asks: true, announced, is_narrow }.load()
}

async fn after(store: &Store, before: &Snapshot, snapshot: &Snapshot, now: &str) -> Result<(), PlanError> {
    let coming = Coming { before: Some(before), snapshot };
    admit_after(store, coming, (at(now), Occasion::Reload), &[]).await
}

#[track_caller]
fn told(refused: Result<(), PlanError>) -> String {
    let Err(PlanError::Unannounced(unannounced)) = refused else { panic!("{refused:?}") };
    unannounced.to_string()
}

async fn what_is_narrowed_comes_once_it_was_announced_for_as_long_as_the_set_in_force_asks(place: Place) {
    let store = place.open().await;
    let (before, announced) = (asking(None, false), asking(Some(FROM), false));
    let refused = told(after(&store, &before, &asking(None, true), TOLD).await);
    let entry = format!("announcements:\n  - {{change: \"{CHANGE}\", from: \"2026-12-24T08:00:01Z\"}}\n");
    assert!(refused.contains("routes/orders.yaml:") && refused.ends_with(&entry), "{refused}");
    // Announced and made at once, it is neither.
    told(after(&store, &before, &asking(Some(FROM), true), TOLD).await);
    after(&store, &before, &announced, TOLD).await.unwrap();
    told(after(&store, &announced, &asking(Some(FROM), true), "2026-12-24T23:59:59Z").await);
    after(&store, &announced, &asking(Some(FROM), true), FROM).await.unwrap();
    assert!(place.try_tamper("update change_announcement set told_at = 0").await.is_err());
    assert!(place.try_tamper("delete from change_announcement").await.is_err());
    store.close().await;
}

async fn what_was_announced_too_late_or_taken_back_does_not_come(place: Place) {
    let store = place.open().await;
    let (before, later) = (asking(None, false), "2027-01-01T00:00:00Z");
    let soon = Some("2026-12-01T00:00:00Z");
    after(&store, &before, &asking(soon, false), TOLD).await.unwrap();
    told(after(&store, &asking(soon, false), &asking(soon, true), later).await);
    // Put off, it is told since it was told for before that.
    after(&store, &before, &asking(Some(FROM), false), "2026-11-25T00:00:00Z").await.unwrap();
    let put_off = after(&store, &asking(Some(FROM), false), &asking(Some(FROM), true), later).await;
    put_off.unwrap();
    after(&store, &asking(Some(FROM), false), &before, "2026-12-10T00:00:00Z").await.unwrap();
    after(&store, &before, &asking(Some(FROM), false), "2026-12-11T00:00:00Z").await.unwrap();
    told(after(&store, &asking(Some(FROM), false), &asking(Some(FROM), true), later).await);
    let parts = "select cast(part as text) || case when applies_from is null then ' taken back' else ' told' end \
                 from change_announcement order by part";
    assert_eq!(place.texts(parts).await, ["1 told", "2 told", "3 taken back", "4 told"]);
    store.close().await;
}

async fn a_node_that_starts_with_files_of_before_announces_nothing_anew(place: Place) {
    let store = place.open().await;
    let start = async |set: &Snapshot, now: Timestamp| {
        let coming = Coming { before: None, snapshot: set };
        admit_after(&store, coming, (now, Occasion::Start), &[]).await.unwrap();
    };
    // What nobody has told before is told by a start, too.
    start(&asking(Some(FROM), false), at(TOLD)).await;
    for older in [asking(Some("2027-03-01T00:00:00Z"), false), asking(None, false)] {
        start(&older, at("2026-12-10T00:00:00Z")).await;
    }
    let parts = "select cast(part as text) from change_announcement order by part";
    assert_eq!(place.texts(parts).await, ["1"]);
    let due = after(&store, &asking(Some(FROM), false), &asking(Some(FROM), true), FROM).await;
    due.unwrap();
    store.close().await;
}

async fn where_nothing_is_asked_nothing_is_announced(place: Place) {
    let store = place.open().await;
    let free = |is_narrow| Set { asks: false, announced: None, is_narrow }.load();
    after(&store, &free(false), &free(true), TOLD).await.unwrap();
    // It is the set in force that asks, also for what it asks.
    let refused = told(after(&store, &asking(None, false), &free(false), TOLD).await);
    assert!(refused.contains("narrows platform: changes.notice"), "{refused}");
    after(&store, &free(false), &asking(None, false), TOLD).await.unwrap();
    store.close().await;
}
