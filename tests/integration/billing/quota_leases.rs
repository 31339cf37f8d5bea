//! What runs of a node that have ended had used of quotas, by what the books have of their calls, on both stores.

use tollgate::billing::quota::{Granted, Wanted, earlier, give_back, grant, settle, used, was_done};
use tollgate::domain::id::AppId;
use tollgate::domain::plan::Quantity;
use tollgate::domain::quota::QuotaWindow;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::store::Store;

use super::balances::{open, run};
use super::on_both_stores;
use super::seed::{app, at, november, record, usage};
use crate::support::stores::Place;

on_both_stores!(
    what_a_killed_node_owed_is_leased_as_it_is_settled,
    what_someone_must_decide_about_is_used_of_a_quota_over_a_restart,
    what_is_used_is_told_apart_from_what_is_leased,
    whether_what_the_store_did_not_say_was_leased_or_given_back_is_found_out,
);

fn window(of: Quantity) -> QuotaWindow {
    QuotaWindow {
        app: app("app_1"),
        plan: "standard".parse().unwrap(),
        quota: "monthly".parse().unwrap(),
        of,
        most: 100,
        from: at("2026-10-31T16:00:00Z"),
        until: at("2026-11-30T16:00:00Z"),
    }
}

async fn ask(store: &Store, since: u64, windows: &[QuotaWindow], missing: u64) -> Granted {
    let wanted: Vec<_> = windows.iter().map(|window| (window, Wanted { missing, ahead: 0 })).collect();
    grant(store, (&run("node-1", since), since), &wanted).await.unwrap()
}

async fn lease(store: &Store, since: u64, windows: &[QuotaWindow], missing: u64) -> Vec<u64> {
    match ask(store, since, windows, missing).await {
        Granted::Now(units) => units,
        Granted::Unsaid(doubt) => panic!("{doubt:?}"),
    }
}

/// Settles all that runs had leased which began before that place of the journal.
async fn settle_all(store: &Store, since: u64) {
    let run = run("node-1", since);
    for leases in earlier(store, &run, november()).await.unwrap() {
        settle(store, &run, &leases, |_| true).await.unwrap();
    }
}

async fn leased(store: &Store, app: &AppId) -> Vec<u64> {
    let mut told = store.quotas_of_app(app, november()).await.unwrap();
    told.sort_by_key(|one| one.window.of.name());
    told.into_iter().map(|one| one.leased).collect()
}

async fn what_a_killed_node_owed_is_leased_as_it_is_settled(place: Place) {
    let store = open(&place).await;
    let windows = [window(Quantity::Calls), window(Quantity::Units)];
    assert_eq!(lease(&store, 0, &windows, 5).await, [5, 5]);
    // Their answers told of more than they held, and the node was killed before it had leased that, too.
    record(&store, 1, &[usage(1, 30, None), usage(2, 40, None)]).await;
    settle_all(&store, 2).await;
    assert_eq!(leased(&store, &windows[0].app).await, [2, 70]);
    assert_eq!(lease(&store, 2, &windows, 40).await, [40, 30], "what is left");
    // Beyond what there is, too.
    record(&store, 3, &[usage(3, 90, None)]).await;
    settle_all(&store, 3).await;
    assert_eq!(leased(&store, &windows[0].app).await, [3, 160]);
    assert_eq!(lease(&store, 3, &windows, 1).await, [1, 0]);
    store.close().await;
}

async fn what_someone_must_decide_about_is_used_of_a_quota_over_a_restart(place: Place) {
    let store = open(&place).await;
    let windows = [window(Quantity::Calls), window(Quantity::Units)];
    assert_eq!(lease(&store, 0, &windows, 9).await, [9, 9]);
    let reason = "the caller left before the upstream's answer".to_owned();
    let left = UsageRecord { evidence: Evidence::Exception { reason }, ..usage(1, 1, None) };
    let failed = UsageRecord { evidence: Evidence::Free, ..usage(2, 1, None) };
    record(&store, 1, &[left, failed, usage(3, 4, None)]).await;
    settle_all(&store, 3).await;
    assert_eq!(leased(&store, &windows[0].app).await, [2, 5]);
    store.close().await;
}

async fn what_is_used_is_told_apart_from_what_is_leased(place: Place) {
    let store = open(&place).await;
    let windows = [window(Quantity::Calls), window(Quantity::Units)];
    let used_of = async |is_under: bool| {
        let mut all = Vec::new();
        for window in &windows {
            all.push(used(&store, window, |_| is_under).await.unwrap());
        }
        all
    };
    assert_eq!(used_of(true).await, [0, 0], "nothing was leased of them yet");
    assert_eq!(lease(&store, 0, &windows, 9).await, [9, 9]);
    assert_eq!(used_of(true).await, [0, 0]);
    record(&store, 1, &[usage(1, 3, None), usage(2, 4, None)]).await;
    assert_eq!(used_of(true).await, [2, 7]);
    assert_eq!(used_of(false).await, [0, 0]);
    // Of two runs, none of which is settled, each has used what is recorded behind its lease and before the next one's.
    assert_eq!(lease(&store, 2, &windows, 20).await, [20, 20]);
    record(&store, 3, &[usage(3, 5, None)]).await;
    assert_eq!(used_of(true).await, [3, 12]);
    settle_all(&store, 2).await;
    assert_eq!(leased(&store, &windows[0].app).await, [22, 27]);
    assert_eq!(used_of(true).await, [3, 12]);
    assert_eq!(used_of(false).await, [2, 7], "what is settled stays so");
    store.close().await;
}

/// Has each lease fail as it is committed, until `drop_failure`.
fn failure(place: &Place) -> &'static str {
    match place {
        Place::Folder(_) => {
            "create table nobody (id integer primary key); \
             create table refused (id integer references nobody (id) deferrable initially deferred); \
             create trigger refuse_lease after update on quota_use begin insert into refused values (1); end"
        }
        Place::Schema(_) => {
            "create function refuse_lease() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$; \
             create constraint trigger refuse_lease after update on quota_use deferrable initially deferred \
             for each row execute function refuse_lease()"
        }
    }
}

fn drop_failure(place: &Place) -> &'static str {
    match place {
        Place::Folder(_) => "drop trigger refuse_lease; drop table refused; drop table nobody",
        Place::Schema(_) => "drop trigger refuse_lease on quota_use; drop function refuse_lease",
    }
}

async fn whether_what_the_store_did_not_say_was_leased_or_given_back_is_found_out(place: Place) {
    let store = open(&place).await;
    let (windows, run) = ([window(Quantity::Calls), window(Quantity::Units)], run("node-1", 0));
    assert_eq!(lease(&store, 0, &windows, 3).await, [3, 3]);
    place.tamper(failure(&place)).await;
    let doubt = match ask(&store, 0, &windows, 5).await {
        Granted::Unsaid(doubt) => doubt,
        Granted::Now(units) => panic!("{units:?} are leased"),
    };
    assert_eq!(doubt.units, [5, 5]);
    assert!(!was_done(&store, &run, &doubt).await.unwrap());
    place.tamper(drop_failure(&place)).await;
    assert_eq!(leased(&store, &windows[0].app).await, [3, 3]);
    assert_eq!(lease(&store, 0, &windows, 5).await, [5, 5]);
    assert!(was_done(&store, &run, &doubt).await.unwrap(), "so it would look if it had been");
    let unused = [(&windows[0], 1), (&windows[1], 1)];
    assert!(give_back(&store, &run, &unused).await.unwrap().is_none());
    assert!(!was_done(&store, &run, &doubt).await.unwrap(), "it is for nothing to be given back meanwhile");
    place.tamper(failure(&place)).await;
    let doubt = give_back(&store, &run, &unused).await.unwrap().unwrap();
    assert_eq!(doubt.units, [1, 1]);
    assert!(!was_done(&store, &run, &doubt).await.unwrap(), "they are the node's still");
    place.tamper(drop_failure(&place)).await;
    assert_eq!(leased(&store, &windows[0].app).await, [7, 7]);
    assert!(give_back(&store, &run, &unused).await.unwrap().is_none());
    assert!(was_done(&store, &run, &doubt).await.unwrap(), "so it would look if it had been");
    store.close().await;
}
