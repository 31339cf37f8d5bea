//! What nodes have leased of quotas: by windows, and by runs of a node.

use std::time::Duration;

use tollgate::billing::quota::{Granted, Wanted, begin, earlier, give_back, grant, settle};
use tollgate::domain::balance::Run;
use tollgate::domain::plan::Quantity;
use tollgate::domain::quota::QuotaWindow;
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::START;
use crate::billing::seed::{november, plan, record, register, tariff, usage};

contract! {
    windows_that_begin_together_and_end_apart_are_two,
    what_a_run_has_leased_and_not_used_comes_back_in_a_later_one,
    what_a_run_of_the_same_place_has_leased_comes_back_at_once,
    calls_of_a_version_without_the_quota_have_used_nothing_of_it,
}

/// Of 20 calls, and so many days.
fn window(days: u64) -> QuotaWindow {
    QuotaWindow {
        app: "app_1".parse().unwrap(),
        plan: "standard".parse().unwrap(),
        quota: "calls".parse().unwrap(),
        of: Quantity::Calls,
        most: 20,
        from: START,
        until: START.plus(Duration::from_secs(days * 86_400)),
    }
}

fn run(since: u64) -> Run {
    Run { node: "n1".parse().unwrap(), since }
}

async fn lease(store: &Store, run: &Run, windows: &[QuotaWindow], missing: u64) -> Vec<u64> {
    let wanted: Vec<_> = windows.iter().map(|window| (window, Wanted { missing, ahead: 0 })).collect();
    match grant(store, (run, run.since), &wanted).await.unwrap() {
        Granted::Now(units) => units,
        Granted::Unsaid(doubt) => panic!("{doubt:?}"),
    }
}

async fn windows_that_begin_together_and_end_apart_are_two(store: Store) {
    let windows = [window(30), window(1)];
    assert_eq!(lease(&store, &run(0), &windows, 15).await, [15, 15]);
    assert_eq!(lease(&store, &run(0), &windows, 15).await, [5, 5]);
    give_back(&store, &run(0), &[(&windows[0], 3)]).await.unwrap();
    assert_eq!(lease(&store, &run(0), &windows, 15).await, [3, 0]);
    let leased = store.quotas_of_app(&windows[0].app, START).await.unwrap();
    let of =
        |window: &QuotaWindow| leased.iter().find(|one| one.window.key() == window.key()).unwrap().leased;
    assert_eq!(windows.each_ref().map(of), [20, 20]);
}

async fn what_a_run_has_leased_and_not_used_comes_back_in_a_later_one(store: Store) {
    let windows = [window(30)];
    let runs = [run(0), run(5), run(9)];
    assert_eq!(lease(&store, &runs[0], &windows, 12).await, [12]);
    assert_eq!(lease(&store, &runs[1], &windows, 12).await, [8]);
    begin(&store, &runs[2], START).await.unwrap();
    assert_eq!(lease(&store, &runs[2], &windows, 1).await, [0], "nothing waits, and nothing is there");
    let not_its = give_back(&store, &runs[2], &[(&windows[0], 1)]).await.unwrap_err();
    assert!(matches!(not_its, StoreError::Missing { .. }), "{not_its}");
    let left = earlier(&store, &runs[2], START).await.unwrap();
    let told: Vec<_> = left.iter().flatten().map(|lease| (lease.since, lease.behind, lease.leased)).collect();
    assert_eq!((left.len(), told), (1, vec![(0, 0, 12), (5, 5, 8)]));
    settle(&store, &runs[2], &left[0], |_| true).await.unwrap();
    assert_eq!(earlier(&store, &runs[2], START).await.unwrap(), Vec::<Vec<_>>::new());
    assert!(settle(&store, &runs[2], &left[0], |_| true).await.is_err(), "once");
    assert_eq!(lease(&store, &runs[2], &windows, 30).await, [20]);
}

async fn what_a_run_of_the_same_place_has_leased_comes_back_at_once(store: Store) {
    let windows = [window(30), window(1)];
    assert_eq!(lease(&store, &run(5), &windows, 20).await, [20, 20]);
    begin(&store, &run(5), START).await.unwrap();
    assert_eq!(lease(&store, &run(5), &windows, 20).await, [20, 20]);
}

async fn calls_of_a_version_without_the_quota_have_used_nothing_of_it(store: Store) {
    let from = november().minus(Duration::from_secs(3_600));
    let windows = [QuotaWindow { from, until: from.plus(Duration::from_secs(86_400)), ..window(1) }];
    let run = |since| Run { node: "node-1".parse().unwrap(), since };
    assert_eq!(lease(&store, &run(0), &windows, 12).await, [12]);
    for version in [1, 2] {
        register(&store, &plan("standard", version), &tariff("0.01", 0, "2.5")).await;
    }
    let mut records = Vec::new();
    for (number, version) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 2)] {
        let mut record = usage(number, 3, None);
        record.subscribed.as_mut().unwrap().1 = plan("standard", version);
        records.push(record);
    }
    record(&store, 1, &records).await;
    let left = earlier(&store, &run(5), november()).await.unwrap();
    settle(&store, &run(5), &left[0], |version| version == 2).await.unwrap();
    // Two of the twelve were used, and ten came back.
    assert_eq!(lease(&store, &run(5), &windows, 20).await, [18]);
}
