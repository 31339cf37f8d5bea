//! What cannot be rated holds nothing up, is dropped by nobody, and is resolved once.

use tollgate::billing::books::exceptions::{Decision, Given, Reason, Resolved, resolve};
use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check::check;
use tollgate::billing::rating::{MAX_TRANSACTION, Unrated};
use tollgate::billing::statement::show;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::usage::{Evidence, Transaction, UsageRecord};
use tollgate::metering::drain::Drained;
use tollgate::store::{Page, Store};

use uuid::Uuid;

use super::on_both_stores;
use super::seed::{
    at, deciding, journal_of, none, november, period, plan, record, refund, refund_named, register, sale,
    tariff, time, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    each_exception_is_listed_and_the_rest_is_rated,
    an_exception_is_rated_by_evidence_that_someone_gives_and_only_once,
    a_decision_that_is_sent_again_gives_what_was_kept_and_another_is_refused,
    an_exception_in_the_transaction_is_rated_by_that_alone,
    of_a_refund_that_is_counted_in_part_the_rest_is_waived,
    what_was_no_refund_but_the_sale_itself_is_rated_as_that_alone,
    a_refund_that_comes_again_before_its_sale_is_asked_about_once,
    without_a_share_a_refund_before_its_sale_waits_once_and_asks_nobody,
    a_sale_for_which_very_many_refunds_wait_is_rated,
    an_exception_is_waived_with_who_and_why,
    whoever_decides_is_told_whether_the_share_of_a_sale_changed,
    what_became_of_a_call_is_found_from_the_call,
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

async fn decide(store: &Store, id: &str, decision: Decision) -> Result<Resolved, BillingError> {
    resolve(store, id, decision, reason(), deciding(november())).await
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
        (id(4), "unknown"),
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
    let given = by(1, sale("o-1", 10_000));
    decide(&store, &id(1), given.clone()).await.unwrap();
    assert_eq!(total(&store).await, "2.51");
    assert!(decide(&store, &id(1), given).await.unwrap().was_resolved);
    assert!(ids(&store).await.is_empty());
    assert_eq!(total(&store).await, "2.51");
    store.close().await;
}

fn by(units: u64, transaction: Transaction) -> Decision {
    Decision::RateBy(Given::Call { units, transaction: Some(transaction) })
}

fn by_transaction(transaction: Transaction) -> Decision {
    Decision::RateBy(Given::Transaction(transaction))
}

async fn a_decision_that_is_sent_again_gives_what_was_kept_and_another_is_refused(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &[unreadable(1)]).await;
    let given = by(1, sale("o-1", 10_000));
    let first = decide(&store, &id(1), given.clone()).await.unwrap();
    assert!(!first.was_resolved);
    let later = deciding(at("2026-11-25T08:00:00Z"));
    let again = resolve(&store, &id(1), given.clone(), reason(), later.clone()).await.unwrap();
    assert!(again.was_resolved);
    assert_eq!(again.resolution, first.resolution);
    let other_who = Reason { who: "another".to_owned(), ..reason() };
    let other_why = Reason { why: "he said so".to_owned(), ..reason() };
    for (decision, reason) in [
        (Decision::Waive, reason()),
        (Decision::RateAgain, reason()),
        (by(1, sale("o-1", 10_001)), reason()),
        (given.clone(), other_who),
        (given, other_why),
    ] {
        let refused = resolve(&store, &id(1), decision, reason, later.clone()).await;
        assert!(matches!(refused, Err(BillingError::ResolvedOtherwise(_))), "{refused:?}");
    }
    let unknown = decide(&store, &id(7), Decision::Waive).await;
    assert!(matches!(unknown, Err(BillingError::NotOpen(_))), "{unknown:?}");
    assert_eq!(total(&store).await, "2.51");
    store.close().await;
}

#[track_caller]
fn not_ratable(refused: &Result<Resolved, BillingError>, part: &str) {
    assert!(matches!(refused, Err(BillingError::NotRatable(why)) if why.contains(part)), "{refused:?}");
}

async fn an_exception_in_the_transaction_is_rated_by_that_alone(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", MAX_TRANSACTION + 1))), unreadable(2)]).await;
    not_ratable(&decide(&store, &id(1), by(1, sale("o-1", 10_000))).await, "charged already");
    decide(&store, &id(1), by_transaction(sale("o-1", 10_000))).await.unwrap();
    assert_eq!(total(&store).await, "2.51");
    not_ratable(&decide(&store, &id(2), by_transaction(sale("o-2", 10_000))).await, "may be 0");
    decide(&store, &id(2), by(0, sale("o-2", 10_000))).await.unwrap();
    assert_eq!(total(&store).await, "5.01");
    store.close().await;
}

async fn of_a_refund_that_is_counted_in_part_the_rest_is_waived(place: Place) {
    let store = opened(&place).await;
    let sales = [usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, Some(sale("o-2", 10_000)))];
    record(&store, 1, &sales).await;
    record(&store, 3, &[usage(3, 1, Some(refund_named("r-1", "o-1", 15_000)))]).await;
    let rest = by_transaction(refund_named("r-2", "o-2", 5_000));
    not_ratable(&decide(&store, &id(3), rest).await, "waive the rest");
    let again = decide(&store, &id(3), Decision::RateAgain).await;
    assert!(matches!(again, Err(BillingError::Unrated(Unrated::Exceeds { .. }))), "{again:?}");
    decide(&store, &id(3), Decision::Waive).await.unwrap();
    assert_eq!(total(&store).await, "2.53");
    store.close().await;
}

async fn whoever_decides_is_told_whether_the_share_of_a_sale_changed(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    record(&store, 2, &[unreadable(2), unreadable(3), unreadable(4), unreadable(5)]).await;
    let refunded = || by(1, refund_named("r-1", "o-1", 4_000));
    for (number, decision, changes_share) in [
        (2, refunded(), Some(true)),
        // That refund once more.
        (3, refunded(), Some(false)),
        (4, by(1, sale("o-4", 10_000)), None),
        (5, Decision::Waive, None),
    ] {
        let resolved = decide(&store, &id(number), decision).await.unwrap();
        assert_eq!(resolved.changes_share, changes_share, "{number}");
    }
    let again = decide(&store, &id(2), refunded()).await.unwrap();
    assert_eq!((again.was_resolved, again.changes_share), (true, None));
    assert_eq!(total(&store).await, "4.04");
    store.close().await;
}

async fn what_was_no_refund_but_the_sale_itself_is_rated_as_that_alone(place: Place) {
    let store = opened(&place).await;
    record(&store, 1, &[usage(1, 1, Some(refund_named("r-1", "o-1", 10_000)))]).await;
    decide(&store, &id(1), by_transaction(sale("o-1", 10_000))).await.unwrap();
    assert_eq!(total(&store).await, "2.51");
    store.close().await;
}

async fn a_refund_that_comes_again_before_its_sale_is_asked_about_once(place: Place) {
    let store = opened(&place).await;
    let back = |number| usage(number, 1, Some(refund_named("r-1", "o-1", 4_000)));
    record(&store, 1, &[back(1), back(2)]).await;
    record(&store, 3, &[back(3)]).await;
    assert_eq!(ids(&store).await, [(id(1), "unknown")]);
    decide(&store, &id(1), Decision::Waive).await.unwrap();
    record(&store, 4, &[usage(4, 1, Some(sale("o-1", 10_000)))]).await;
    assert_eq!(total(&store).await, "2.54", "what was waived is not counted after all");
    store.close().await;
}

async fn without_a_share_a_refund_before_its_sale_waits_once_and_asks_nobody(place: Place) {
    let store = opened(&place).await;
    register(&store, &plan("flat", 1), &Tariff { share: None, ..tariff("0.01", 0, "2.5") }).await;
    let back = |number, minor| {
        let mut record = usage(number, 1, Some(refund_named("r-1", "o-1", minor)));
        record.subscribed.as_mut().unwrap().1 = plan("flat", 1);
        record
    };
    record(&store, 1, &[back(1, 4_000), back(2, 4_000)]).await;
    record(&store, 3, &[back(3, 4_000)]).await;
    assert_eq!(ids(&store).await, []);
    assert_eq!(total(&store).await, "0.03");
    record(&store, 4, &[back(4, 5_000)]).await;
    assert_eq!(ids(&store).await, [(id(4), "amount")], "it is not the same again");
    // It turns out to be under another plan, which takes a share.
    record(&store, 5, &[usage(5, 1, Some(sale("o-1", 10_000)))]).await;
    assert_eq!(total(&store).await, "1.55");
    record(&store, 6, &[back(6, 4_000)]).await;
    assert_eq!(total(&store).await, "1.56");
    store.close().await;
}

async fn a_sale_for_which_very_many_refunds_wait_is_rated(place: Place) {
    let store = opened(&place).await;
    let numbers = "with recursive n (n) as (select 1 union all select n + 1 from n where n < 33000)";
    let id = "'00000000-0000-0000-0001-' || substr(cast(1000000000000 + n as text), 2)";
    place
        .tamper(&format!(
            "insert into usage_context (number, node, snapshot, app, partner, credential, credential_id, product, plan, \
             plan_version, method, status, outcome) values (1, 'other', 's', 'app_1', 'partner_1', 'api_key', 'k', \
             'storefront', 'standard', 1, 'GET', 200, 'billable'); \
             insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units, transaction_id, \
             transaction_of, transaction_kind, amount, currency) {numbers} select n, {id}, 1, n, 0, 0, 0, 0, 1, \
             'r-' || n, 'o-1', 'refund', 5, 'USD' from n"
        ))
        .await;
    place
        .tamper(&format!(
            "insert into usage_exception (id, kind, at, usage, app, sale, reason) {numbers} \
             select 'usage:' || {id}, 'transaction', 0, {id}, 'app_1', 'o-1', 'its sale is not known' from n"
        ))
        .await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    let statements = show(&store, period("2026-11"), None).await.unwrap();
    assert_eq!(statements[0].totals.total.to_string(), "2.51");
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

async fn what_became_of_a_call_is_found_from_the_call(place: Place) {
    let store = opened(&place).await;
    let (month, record_id) = (period("2026-11"), Uuid::from_u128(2).to_string());
    let span = (at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z"));
    let drained = [unreadable(1), usage(2, 1, Some(sale("o-2", 10_000)))];
    record(&store, 1, &drained).await;
    assert_eq!(store.open_exceptions_between(span).await.unwrap(), 1);
    assert!(store.resolution(&id(1)).await.unwrap().is_none());
    decide(&store, &id(1), Decision::Waive).await.unwrap();
    assert_eq!(store.open_exceptions_between(span).await.unwrap(), 0);
    let resolution = store.resolution(&id(1)).await.unwrap().unwrap();
    assert_eq!((resolution.resolver, resolution.reason), (reason().who, reason().why));
    assert_eq!(store.charges_of_usage(&record_id).await.unwrap().len(), 2);
    assert!(!store.is_billed_elsewhere(month, &drained[1].app).await.unwrap());
    assert_eq!(store.subscribed(november()).await.unwrap().len(), 0);
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
    assert_eq!(ids(&store).await, [(id(1), "unknown")]);
    let mut elsewhere = usage(2, 1, Some(sale("o-1", 10_000)));
    elsewhere.app = super::seed::app("app_2");
    record(&store, 2, &[elsewhere]).await;
    assert_eq!(ids(&store).await, [(id(1), "unknown")], "another app's sale is another sale");
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
