//! What cannot be rated holds nothing up, is dropped by nobody, and is resolved once.

use tollgate::billing::check::check;
use tollgate::billing::error::BillingError;
use tollgate::billing::exceptions::{Decision, Reason, resolve};
use tollgate::billing::rating::MAX_TRANSACTION;
use tollgate::billing::recorder::record_batch;
use tollgate::billing::statement::show;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::Drained;
use tollgate::store::{Page, Store};

use super::on_both_stores;
use super::seed::{
    journal_of, none, november, period, plan, record, refund, register, sale, tariff, time, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    each_exception_is_listed_and_the_rest_is_rated,
    an_exception_is_rated_by_evidence_that_someone_gives_and_only_once,
    an_exception_is_waived_with_who_and_why,
    a_plan_that_comes_later_rates_what_waited_for_it,
    a_refund_before_its_sale_is_rated_when_that_comes,
    a_record_that_comes_from_another_place_is_rated_once,
}

fn reason() -> Reason {
    Reason { who: "analyst".to_owned(), why: "the order system says so".to_owned() }
}

async fn opened(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    store
}

async fn decide(store: &Store, id: &str, decision: Decision) -> Result<(), BillingError> {
    resolve(store, id, decision, reason(), time(november())).await
}

async fn ids(store: &Store) -> Vec<(String, &'static str)> {
    let mut ids: Vec<_> = store
        .open_exceptions(&Page::first())
        .await
        .unwrap()
        .into_iter()
        .map(|one| (one.id, one.kind.name()))
        .collect();
    ids.sort();
    ids
}

async fn total(store: &Store) -> String {
    none(&check(store).await.unwrap().findings);
    let statements = show(store, period("2026-11"), None).await.unwrap();
    statements.first().map_or_else(|| "none".to_owned(), |statement| statement.totals.total.to_string())
}

fn unreadable(id: u128) -> UsageRecord {
    let reason = "the response's body: it is not JSON (line 1, column 2)".to_owned();
    UsageRecord { evidence: Evidence::Exception { reason }, ..usage(id, 1, None) }
}

fn id(number: u128) -> String {
    format!("usage:{}", uuid::Uuid::from_u128(number))
}

async fn each_exception_is_listed_and_the_rest_is_rated(place: Place) {
    let store = opened(&place).await;
    let of_no_plan = UsageRecord { subscribed: None, ..usage(2, 1, None) };
    let mut of_unknown_plan = usage(3, 1, None);
    of_unknown_plan.subscribed.as_mut().unwrap().1 = plan("gone", 7);
    let drained = vec![
        Drained::Usage(1, Box::new(unreadable(1))),
        Drained::Usage(2, Box::new(of_no_plan)),
        Drained::Usage(3, Box::new(of_unknown_plan)),
        Drained::Usage(4, Box::new(usage(4, 1, Some(refund("o-9", 5))))),
        Drained::Usage(5, Box::new(usage(5, 1, Some(sale("o-5", MAX_TRANSACTION + 1))))),
        Drained::Unreadable(6, b"rot".to_vec(), "a usage record cannot be decoded".to_owned()),
        Drained::Lost(7, 9),
        Drained::Usage(10, Box::new(usage(10, u64::MAX, None))),
        Drained::Usage(11, Box::new(usage(11, 1, Some(sale("o-11", 10_000))))),
    ];
    record_batch(&store, &journal_of("node-1"), (drained, 11), time(november())).await.unwrap();
    let expected = [
        ("journal:node-1:6-6".to_owned(), "journal"),
        ("journal:node-1:7-9".to_owned(), "journal"),
        (id(1), "evidence"),
        (id(2), "plan"),
        (id(3), "plan"),
        (id(4), "transaction"),
        (id(5), "transaction"),
        (id(10), "evidence"),
        (id(11), "nothing"),
    ];
    assert_eq!(ids(&store).await, expected[..8]);
    // Three fees (of 4, 5 and 11) and one share.
    assert_eq!(total(&store).await, "2.53");
    store.close().await;
}

async fn an_exception_is_rated_by_evidence_that_someone_gives_and_only_once(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &[unreadable(1)]).await;
    assert!(matches!(decide(&store, &id(1), Decision::RateAgain).await, Err(BillingError::NotRatable(_))));
    let given = Decision::RateBy { units: 1, transaction: Some(sale("o-1", 10_000)) };
    decide(&store, &id(1), given.clone()).await.unwrap();
    assert_eq!(total(&store).await, "2.51");
    assert!(matches!(decide(&store, &id(1), given).await, Err(BillingError::NotOpen(_))));
    assert!(ids(&store).await.is_empty());
    assert_eq!(total(&store).await, "2.51");
    store.close().await;
}

async fn an_exception_is_waived_with_who_and_why(place: Place) {
    let store = opened(&place).await;
    let drained = vec![Drained::Usage(1, Box::new(unreadable(1))), Drained::Lost(2, 4)];
    record_batch(&store, &journal_of("node-1"), (drained, 4), time(november())).await.unwrap();
    let lost = "journal:node-1:2-4";
    assert!(matches!(decide(&store, lost, Decision::RateAgain).await, Err(BillingError::NotRatable(_))));
    for id in [lost.to_owned(), id(1)] {
        decide(&store, &id, Decision::Waive).await.unwrap();
    }
    assert!(ids(&store).await.is_empty());
    assert_eq!(total(&store).await, "none");
    for sql in ["update exception_resolution set resolver = ''", "delete from usage_exception"] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
}

async fn a_plan_that_comes_later_rates_what_waited_for_it(place: Place) {
    let store = place.open().await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    assert!(matches!(decide(&store, &id(1), Decision::RateAgain).await, Err(BillingError::PlanUnknown(_))));
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    decide(&store, &id(1), Decision::RateAgain).await.unwrap();
    assert_eq!(total(&store).await, "2.51");
    store.close().await;
}

async fn a_refund_before_its_sale_is_rated_when_that_comes(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &[usage(1, 1, Some(refund("o-1", 4_000)))]).await;
    assert_eq!(ids(&store).await, [(id(1), "transaction")]);
    let mut elsewhere = usage(2, 1, Some(sale("o-1", 10_000)));
    elsewhere.app = super::seed::app("app_2");
    record(&store, 2, &[elsewhere]).await;
    assert_eq!(ids(&store).await, [(id(1), "transaction")], "another app's sale is another sale");
    record(&store, 3, &[usage(3, 1, Some(sale("o-1", 10_000)))]).await;
    assert!(ids(&store).await.is_empty());
    // Two fees, a share of 2.50, 1.00 of it given back.
    assert_eq!(total(&store).await, "1.52");
    store.close().await;
}

async fn a_record_that_comes_from_another_place_is_rated_once(place: Place) {
    let store = opened(&place).await;
    let order = usage(1, 1, Some(sale("o-1", 10_000)));
    record(&store, 1, &[order.clone(), usage(2, 1, None), order]).await;
    assert_eq!(ids(&store).await, [("journal:node-1:3-3".to_owned(), "journal")]);
    assert_eq!(total(&store).await, "2.52");
    store.close().await;
}
