//! Each run of usage records is kept with the root of the tree over them: whoever has the records can make it again, and what a statement
//! of a period covers is made of the roots.

use std::num::NonZeroU64;
use std::time::Duration;

use tollgate::billing::ledger::check::check;
use tollgate::billing::proof::coverage::coverage;
use tollgate::billing::proof::leaf::Leaf;
use tollgate::billing::proof::merkle::{self, Hash};
use tollgate::billing::proof::tree;
use tollgate::billing::statement::{CloseEarly, close};
use tollgate::domain::id::AppId;
use tollgate::domain::time::Timestamp;
use tollgate::domain::transaction::{Details, Extent, Transaction, TransactionKind};
use tollgate::domain::usage::{Counted, Evidence, UsageRecord};
use tollgate::metering::drain::UsageSink;
use tollgate::store::Store;

use super::ledger::{found, without};
use super::on_both_stores;
use super::remembered::recorder_at;
use super::seed::{
    app, at, journal, none, november, period, plan, record, record_at, register, sale, tariff, usage, zone,
};
use crate::support::stores::Place;

on_both_stores! {
    the_root_of_a_run_is_that_of_the_records_as_they_were_recorded,
    a_fact_of_a_call_that_was_changed_is_found,
    a_statement_covers_each_record_once_in_the_period_where_it_counts,
    runs_of_an_older_program_are_covered_by_their_records,
    a_call_whose_time_is_not_believed_is_covered_where_it_is_seen,
    a_batch_says_by_which_policies_it_was_recorded,
}

async fn opened(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    store
}

/// Calls of all kinds, one after another.
fn calls() -> Vec<UsageRecord> {
    let rest = Transaction {
        of: Some("订单-1".to_owned()),
        kind: TransactionKind::Cancellation,
        details: Details { extent: Extent::Rest, ..Details::default() },
        ..sale("c \"1\"", 0)
    };
    let flood =
        Counted { calls: NonZeroU64::new(40).unwrap(), until: november().plus(Duration::from_secs(1)) };
    let all = [
        usage(1, 1, Some(sale("订单-1", 10_000))),
        usage(2, 7, None),
        UsageRecord { merchant: None, route: None, evidence: Evidence::Free, ..usage(3, 1, None) },
        UsageRecord { evidence: Evidence::Exception { reason: "no amount".to_owned() }, ..usage(4, 1, None) },
        UsageRecord {
            status: 429,
            method: String::new(),
            subscribed: None,
            refusal: Some("limit_reached".to_owned()),
            counted: Some(flood),
            evidence: Evidence::Free,
            ..usage(5, 1, None)
        },
        usage(6, 1, Some(rest)),
    ];
    let later = |(record, place): (UsageRecord, u64)| UsageRecord {
        at: november().plus(Duration::from_micros(place)),
        ..record
    };
    all.into_iter().zip(0..).map(later).collect()
}

/// The root over records of a journal from place `first` on.
fn root(first: u64, records: &[UsageRecord]) -> Hash {
    let leaves = (first..).zip(records);
    let leaves = leaves.map(|(sequence, record)| merkle::leaf(Leaf::of(record, sequence).text().as_bytes()));
    merkle::root(&leaves.collect::<Vec<_>>())
}

/// What `app` has in a month: its records, runs and root.
async fn covered(store: &Store, app: &AppId, month: &str) -> (u64, u64, Hash) {
    let mut transaction = store.begin_reading().await.unwrap();
    let of = (period(month), &zone());
    let all = coverage(&mut transaction, std::slice::from_ref(app), of).await.unwrap();
    transaction.roll_back().await.unwrap();
    let covered = all.get(app).cloned().unwrap_or_default();
    (covered.records(), covered.runs(), covered.root())
}

/// The same of runs of so many records, each with its root.
fn expected(runs: &[(u64, Hash)]) -> (u64, u64, Hash) {
    let leaves: Vec<Hash> = runs.iter().map(|(records, root)| tree::run(*records, root)).collect();
    (runs.iter().map(|(records, _)| records).sum(), runs.len() as u64, merkle::root(&leaves))
}

async fn the_root_of_a_run_is_that_of_the_records_as_they_were_recorded(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &calls()).await;
    none(&check(&store).await.unwrap().findings);
    assert_eq!(covered(&store, &app("app_1"), "2026-11").await, expected(&[(6, root(1, &calls()))]));
    assert_eq!(covered(&store, &app("app_2"), "2026-11").await, expected(&[]));
    // An app's calls of another day, and another app's, are runs of their own, whatever they come with.
    let tomorrow = UsageRecord { at: november().plus(Duration::from_secs(86_400)), ..usage(8, 1, None) };
    let others = [usage(7, 1, None), tomorrow, UsageRecord { app: app("app_2"), ..usage(9, 1, None) }];
    record(&store, 7, &others).await;
    none(&check(&store).await.unwrap().findings);
    let own = [(6, root(1, &calls())), (1, root(7, &others[..1])), (1, root(8, &others[1..2]))];
    assert_eq!(covered(&store, &app("app_1"), "2026-11").await, expected(&own));
    assert_eq!(covered(&store, &app("app_2"), "2026-11").await, expected(&[(1, root(9, &others[2..]))]));
    assert!(place.try_tamper("update usage_run set root = null").await.is_err(), "a root stays");
    store.close().await;
}

async fn a_fact_of_a_call_that_was_changed_is_found(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &calls()).await;
    for table in ["usage", "usage_context", "usage_run", "usage_count"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    const CHANGED: &str = "app_1: usage records of numbers 1 to 6 are not those that were recorded";
    for (there, back) in [
        ("usage set latency = 1", "usage set latency = 250"),
        (
            "usage_context set route = 'other' where route is not null",
            "usage_context set route = 'place-order' where route = 'other'",
        ),
        (
            "usage_context set merchant = 'other' where merchant is not null",
            "usage_context set merchant = 'merchant_1' where merchant = 'other'",
        ),
        (
            "usage_context set merchant = 'a\"b' where merchant is not null",
            "usage_context set merchant = 'merchant_1' where merchant = 'a\"b'",
        ),
        (
            "usage_context set method = 'GET' where method <> ''",
            "usage_context set method = 'POST' where method <> ''",
        ),
        (
            "usage_context set status = 200 where status = 201",
            "usage_context set status = 201 where status = 200",
        ),
        ("usage_count set calls = 41", "usage_count set calls = 40"),
        ("usage set units = 1 where sequence = 3", "usage set units = 0 where sequence = 3"),
        ("usage set at = at + 1 where sequence = 2", "usage set at = at - 1 where sequence = 2"),
        (
            "usage set transaction_id = 'x' where sequence = 6",
            "usage set transaction_id = 'c \"1\"' where sequence = 6",
        ),
        (
            "usage set transaction_of = 'x' where sequence = 6",
            "usage set transaction_of = '订单-1' where sequence = 6",
        ),
        ("usage_run set last = 5 where app <> 0", "usage_run set last = 6 where app <> 0"),
    ] {
        place.tamper(&format!("update {there}")).await;
        let findings = check(&store).await.unwrap().findings;
        if there.contains("latency") {
            none(&findings);
        } else {
            found(
                &findings,
                if there.contains("last = 5") { "numbers 1 to 5 are not those" } else { CHANGED },
            );
        }
        place.tamper(&format!("update {back}")).await;
        none(&check(&store).await.unwrap().findings);
    }
    store.close().await;
}

async fn a_statement_covers_each_record_once_in_the_period_where_it_counts(place: Place) {
    let store = opened(&place).await;
    // In Shanghai, November begins at four in the afternoon: a day of the index has records of both months.
    let october = UsageRecord { at: at("2026-10-31T15:59:59Z"), ..usage(1, 1, None) };
    let first = UsageRecord { at: at("2026-10-31T16:00:00Z"), ..usage(2, 1, None) };
    let both = [october, first];
    record_at(&store, at("2026-10-31T16:00:01Z"), 1, &both).await;
    let (of_october, of_first) = ((1, root(1, &both[..1])), (1, root(2, &both[1..])));
    assert_eq!(covered(&store, &app("app_1"), "2026-10").await, expected(&[of_october]));
    assert_eq!(covered(&store, &app("app_1"), "2026-11").await, expected(&[of_first]));
    let closing = (&zone(), at("2026-11-02T00:00:00Z"));
    close(&store, period("2026-10"), closing, CloseEarly::Refused).await.unwrap();
    // What comes late of October counts in November, by its own day.
    let late = [UsageRecord { at: at("2026-10-20T08:00:00Z"), ..usage(3, 1, None) }, usage(4, 1, None)];
    record(&store, 3, &late).await;
    none(&check(&store).await.unwrap().findings);
    assert_eq!(covered(&store, &app("app_1"), "2026-10").await, expected(&[of_october]));
    let of_november = [(1, root(3, &late[..1])), of_first, (1, root(4, &late[1..]))];
    assert_eq!(covered(&store, &app("app_1"), "2026-11").await, expected(&of_november));
    assert_eq!(covered(&store, &app("app_1"), "2026-12").await, expected(&[]));
    store.close().await;
}

async fn runs_of_an_older_program_are_covered_by_their_records(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &calls()).await;
    let later = |at: &str, id| UsageRecord { at: at.parse().unwrap(), ..usage(id, 1, None) };
    let both = [later("2026-11-30T15:59:59Z", 7), later("2026-11-30T16:00:00Z", 8)];
    record_at(&store, at("2026-11-30T16:00:01Z"), 7, &both).await;
    let november = covered(&store, &app("app_1"), "2026-11").await;
    let december = covered(&store, &app("app_1"), "2026-12").await;
    assert_eq!((november.0, december.0), (7, 1));
    // As it has them: those of a day that came together are one run, of whatever month each is.
    place.tamper(&without(&place, "usage_run_stays", "usage_run")).await;
    if matches!(place, Place::Folder(_)) {
        place.tamper("drop trigger usage_run_is_kept").await;
    }
    place.tamper("delete from usage_run where first = 8 and app <> 0").await;
    place.tamper("update usage_run set last = 8 where first = 7").await;
    place.tamper("update usage_run set period = null, root = null").await;
    assert_eq!(covered(&store, &app("app_1"), "2026-11").await, november);
    assert_eq!(covered(&store, &app("app_1"), "2026-12").await, december);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_call_whose_time_is_not_believed_is_covered_where_it_is_seen(place: Place) {
    let store = place.open().await;
    register(&store, &plan("measured", 1), &tariff("1", 0, "0")).await;
    let recorder = recorder_at(&store, "node-1", november()).await;
    let of = |id, at: Timestamp| {
        let mut call = usage(id, 1, None);
        (call.at, call.subscribed.as_mut().unwrap().1) = (at, plan("measured", 1));
        call
    };
    let ahead = november().plus(Duration::from_secs(90 * 86_400));
    let both = [of(1, november()), of(2, ahead)];
    let (batch, up_to) = journal(1, &both);
    recorder.record(batch, up_to).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    let runs = [(1, root(1, &both[..1])), (1, root(2, &both[1..]))];
    assert_eq!(covered(&store, &app("app_1"), "2026-11").await, expected(&runs));
    assert_eq!(covered(&store, &app("app_1"), "2027-02").await, expected(&[]));
    store.close().await;
}

async fn a_batch_says_by_which_policies_it_was_recorded(place: Place) {
    let store = place.open().await;
    register(&store, &plan("measured", 1), &tariff("1", 0, "0")).await;
    let recorder = recorder_at(&store, "node-1", november()).await;
    for first in 1..=3 {
        let mut call = usage(first.into(), 1, None);
        call.subscribed.as_mut().unwrap().1 = plan("measured", 1);
        let (batch, up_to) = journal(first, &[call]);
        recorder.record(batch, up_to).await.unwrap();
    }
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let snapshot = tollgate::policy::load::load(&policies, &tollgate::policy::load::NoValues).unwrap();
    let kept = place.texts("select snapshot from usage_batch order by last").await;
    assert_eq!(kept, vec![snapshot.hash.to_string(); 3]);
    store.close().await;
}
