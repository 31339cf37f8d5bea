//! A usage record of many calls that were refused alike: it says how many they were, and costs nothing.

use std::num::NonZeroU64;
use std::time::Duration;

use tollgate::billing::ledger::check::check;
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::{Counted, Evidence, UsageRecord};
use tollgate::store::Store;
use tollgate::store::usage::UsageRow;
use uuid::Uuid;

use super::ledger::found;
use super::on_both_stores;
use super::seed::{app, none, november, plan, record, register, tariff, usage};
use crate::support::stores::Place;

on_both_stores! {
    a_record_of_many_calls_says_how_many_and_any_other_is_of_one,
    how_many_calls_a_record_is_of_is_kept_as_it_is,
}

/// When the last came of the calls that one record is of.
fn last() -> Timestamp {
    november().plus(Duration::from_millis(900))
}

/// A record of a call that was refused, or of so many.
fn refused(id: u128, calls: Option<u64>) -> UsageRecord {
    let counted = calls.map(|calls| Counted { calls: NonZeroU64::new(calls).unwrap(), until: last() });
    let refusal = Some("limit_reached".to_owned());
    UsageRecord { status: 429, refusal, counted, evidence: Evidence::Free, ..usage(id, 1, None) }
}

/// Books with a call that was answered, one that was refused, and two floods: one of calls of several kinds.
async fn books(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let several = UsageRecord {
        credential_id: String::new(),
        merchant: None,
        route: None,
        subscribed: None,
        method: String::new(),
        ..refused(4, Some(7))
    };
    record(&store, 1, &[usage(1, 1, None), refused(2, None), refused(3, Some(99_900)), several]).await;
    none(&check(&store).await.unwrap().findings);
    store
}

async fn a_record_of_many_calls_says_how_many_and_any_other_is_of_one(place: Place) {
    let store = books(&place).await;
    let span = (november(), november().plus(Duration::from_secs(1)));
    let listed = store.usage(Some(&app("app_1")), span, None, 10).await.unwrap();
    let told = |row: &UsageRow| (row.id.parse::<Uuid>().unwrap().as_u128(), row.calls, row.until);
    let told: Vec<_> = listed.iter().map(told).collect();
    assert_eq!(told, [(4, 7, Some(last())), (3, 99_900, Some(last())), (2, 1, None), (1, 1, None)]);
    let several = store.usage_record(&Uuid::from_u128(4).to_string()).await.unwrap().unwrap();
    assert_eq!(several, listed[0]);
    assert_eq!((&*several.credential_id, &*several.method, &several.route), ("", "", &None));
    for (sql, sum) in [
        ("select cast(sum(calls) as text) from usage_record", "99909"),
        ("select cast(sum(calls) as text) from usage_record where refusal = 'limit_reached'", "99908"),
        ("select cast(sum(units) as text) from usage_record", "1"),
        ("select cast(count(*) as text) from charge", "1"),
    ] {
        assert_eq!(place.texts(sql).await, [sum], "{sql}");
    }
    let at = store.journal_place("node-1").await.unwrap();
    assert_eq!((at.sequence, at.counts.recorded), (4, 4), "the journal is of records");
    store.close().await;
}

async fn how_many_calls_a_record_is_of_is_kept_as_it_is(place: Place) {
    let store = books(&place).await;
    for change in [
        "update usage_count set calls = 1",
        "delete from usage_count",
        "insert into usage_count select * from usage_count",
        "insert into usage_count values (2, 0, 0)",
    ] {
        assert!(place.try_tamper(change).await.is_err(), "{change}");
    }
    // Records are numbered by app, time and id.
    place.tamper("insert into usage_count values (1, 2, 9000000000000000)").await;
    found(&check(&store).await.unwrap().findings, "which is of many calls although it was not refused");
    store.close().await;
}
