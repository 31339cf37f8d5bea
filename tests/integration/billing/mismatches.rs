//! Orders and payments that do not agree: what is asked, of which kind, when, and what becomes of what is written off.

use std::time::Duration;

use tollgate::billing::books::exceptions::{Decision, Reason, Resolved, resolve};
use tollgate::billing::books::overdue::{Looked, ask_overdue};
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check::check;
use tollgate::billing::rating::MAX_TRANSACTION;
use tollgate::billing::statement::show;
use tollgate::domain::money::Amount;
use tollgate::domain::share::Earned;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::time::Timestamp;
use tollgate::domain::transaction::{Details, Reach, Transaction, TransactionKind};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::policy::journal_terms::RecordTimes;
use tollgate::store::exception_resolution::ResolutionOutcome;
use tollgate::store::open_exceptions::{Order, Wanted};
use tollgate::store::usage_exception::ExceptionKind;
use tollgate::store::{Page, Store};
use uuid::Uuid;

use super::ledger::found;
use super::lifecycle::{balances, by_provider, of_any_app, reasons};
use super::on_both_stores;
use super::seed::{
    app, at, cny, deciding, none, november, period, plan, record, record_at, refund_named, register, sale,
    tariff, time, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    each_mismatch_is_asked_about_as_what_it_is,
    a_payment_in_another_currency_is_asked_about_in_whatever_order,
    what_may_be_of_any_apps_sale_is_asked_about_once_it_waited_for_long,
    of_a_sale_that_was_settled_in_part_the_rest_is_asked_about_once_it_is_late,
    what_is_short_is_over_once_its_money_comes,
    what_is_written_off_takes_the_share_along_once,
    a_payment_in_another_currency_is_written_off_as_what_its_sale_waits_for,
    what_waits_for_no_money_is_not_written_off,
    what_was_lost_by_estimate_is_kept_and_charges_nothing,
    open_exceptions_are_told_by_kind_app_and_age,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A store whose plan takes 2.5 percent, earned on settlement, which is due within a week.
async fn opened(place: &Place) -> Store {
    let store = place.open().await;
    let mut tariff = Tariff { fees: Vec::new(), ..tariff("0", 0, "2.5") };
    let item = &mut tariff.share.as_mut().unwrap().items[0];
    (item.earned, item.settles_within) = (Earned::OnSettlement, Some(DAY * 7));
    register(&store, &plan("standard", 1), &tariff).await;
    store
}

fn settlement(id: &str, of: &str, amount: Amount) -> Transaction {
    let details = Details { reach: Reach::OwnApp, ..Details::default() };
    let kind = TransactionKind::Settlement;
    Transaction { details, amount, ..of_any_app(kind, id, of, Some(amount.minor)) }
}

fn yuan(minor: i64) -> Amount {
    Amount { minor, currency: cny() }
}

fn euros(minor: i64) -> Amount {
    Amount { minor, currency: "EUR".parse().unwrap() }
}

async fn decide(store: &Store, id: &str, decision: Decision) -> Result<Resolved, BillingError> {
    let reason = Reason { who: "analyst".to_owned(), why: "the provider says so".to_owned() };
    resolve(store, id, decision, reason, deciding(november())).await
}

async fn kinds(store: &Store) -> Vec<(String, &'static str)> {
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    let mut kinds: Vec<_> = open.into_iter().map(|one| (one.id, one.kind.name())).collect();
    kinds.sort();
    kinds
}

fn of_call(number: u128) -> String {
    format!("usage:{}", Uuid::from_u128(number))
}

fn of_sale(number: u128) -> String {
    format!("short:{}", Uuid::from_u128(number))
}

/// Looks until there is nothing more: what was asked, and what had answered itself.
async fn ask(store: &Store, now: Timestamp, looked: &mut Looked) -> (usize, usize) {
    let (mut asked, mut answered) = (0, 0);
    loop {
        let done = ask_overdue(store, time(now), &RecordTimes::default(), looked).await.unwrap();
        (asked, answered) = (asked + done.asked, answered + done.answered);
        if !done.is_more {
            return (asked, answered);
        }
    }
}

/// Records a call of that time, and has it be the latest, so that no clock which is ahead of it is believed.
async fn tick((store, place): (&Store, &Place), sequence: u64, now: Timestamp) {
    let call = UsageRecord { at: now, ..usage(1_000 + u128::from(sequence), 1, None) };
    record_at(store, now, sequence, &[call]).await;
    place.tamper(&format!("update journal_position set latest = {}", now.as_micros())).await;
}

async fn total(store: &Store) -> String {
    let statements = show(store, period("2026-11"), None).await.unwrap();
    statements.first().map_or_else(|| "none".to_owned(), |one| one.totals.total.to_string())
}

async fn each_mismatch_is_asked_about_as_what_it_is(place: Place) {
    let store = opened(&place).await;
    let calls = [
        usage(1, 1, Some(sale("o-1", 10_000))),
        usage(2, 1, Some(sale("o-1", 9_000))),
        usage(3, 1, Some(settlement("s-1", "o-1", yuan(6_000)))),
        usage(4, 1, Some(settlement("s-1", "o-1", yuan(7_000)))),
        usage(5, 1, Some(settlement("s-2", "o-1", euros(4_000)))),
        usage(6, 1, Some(settlement("s-3", "o-9", yuan(4_000)))),
        usage(7, 1, Some(refund_named("r-1", "o-1", 15_000))),
        usage(8, 1, Some(sale("o-2", MAX_TRANSACTION + 1))),
    ];
    record(&store, 1, &calls).await;
    let expected =
        [(2, "amount"), (4, "amount"), (5, "currency"), (6, "unknown"), (7, "amount"), (8, "transaction")];
    assert_eq!(kinds(&store).await, expected.map(|(number, kind)| (of_call(number), kind)));
    let asked = reasons(&store).await;
    let says = "it settles o-1 in EUR, and that sale was made in CNY: nothing is converted";
    assert!(asked.iter().any(|one| one == says), "{asked:?}");
    store.close().await;
}

async fn a_payment_in_another_currency_is_asked_about_in_whatever_order(place: Place) {
    let store = opened(&place).await;
    let by_app = usage(1, 1, Some(settlement("s-1", "o-1", euros(10_000))));
    let any = Transaction {
        amount: euros(10_000),
        ..of_any_app(TransactionKind::Settlement, "s-2", "o-1", Some(0))
    };
    record(&store, 1, &[by_app, by_provider(2, any)]).await;
    assert_eq!(kinds(&store).await, [(of_call(1), "unknown")]);
    record(&store, 3, &[usage(3, 1, Some(sale("o-1", 10_000)))]).await;
    assert_eq!(kinds(&store).await, [(of_call(1), "currency"), (of_call(2), "currency")]);
    // Its sale comes after all, and answers both.
    record(&store, 4, &[usage(4, 1, Some(Transaction { amount: euros(20_000), ..sale("o-1", 0) }))]).await;
    assert_eq!(kinds(&store).await, []);
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn what_may_be_of_any_apps_sale_is_asked_about_once_it_waited_for_long(place: Place) {
    let store = opened(&place).await;
    let settled =
        |id, of: &str| by_provider(id, of_any_app(TransactionKind::Settlement, &format!("s-{id}"), of, None));
    record(&store, 1, &[settled(1, "o-1"), settled(2, "o-2"), settled(3, "o-3")]).await;
    record(&store, 4, &[usage(4, 1, Some(sale("o-3", 10_000)))]).await;
    let (soon, late) = (november().plus(DAY * 30), november().plus(DAY * 36));
    let mut looked = Looked::default();
    tick((&store, &place), 5, soon).await;
    assert_eq!(ask(&store, soon, &mut looked).await, (0, 0));
    // A clock that jumps ahead of all calls is not believed.
    assert_eq!(ask(&store, late, &mut looked).await, (0, 0));
    tick((&store, &place), 6, late).await;
    assert_eq!(ask(&store, late, &mut looked).await, (2, 0));
    assert_eq!(kinds(&store).await, [(of_call(1), "unknown"), (of_call(2), "unknown")]);
    decide(&store, &of_call(2), Decision::Waive).await.unwrap();
    assert_eq!(ask(&store, late.plus(DAY), &mut Looked::default()).await, (0, 0), "each is asked about once");
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    assert_eq!((open[0].at, open[0].noted_at), (november(), late));
    let sold = UsageRecord { at: late, ..usage(7, 1, Some(sale("o-1", 10_000))) };
    record_at(&store, late, 7, &[sold]).await;
    assert!(reasons(&store).await.is_empty(), "its sale has come");
    store.close().await;
}

async fn of_a_sale_that_was_settled_in_part_the_rest_is_asked_about_once_it_is_late(place: Place) {
    let store = opened(&place).await;
    let part = |id, of: &str| usage(id, 1, Some(settlement("s-1", of, yuan(6_000))));
    let sales = ["o-1", "o-2", "o-3"]
        .into_iter()
        .zip(1..)
        .map(|(id, number)| usage(number, 1, Some(sale(id, 10_000))));
    record(&store, 1, &sales.collect::<Vec<_>>()).await;
    // Of the third nothing is settled: that is counted, and no mismatch.
    record(&store, 4, &[part(4, "o-1"), part(5, "o-2")]).await;
    let (due, late) = (november().plus(DAY * 7), november().plus(DAY * 7 + Duration::from_micros(1)));
    tick((&store, &place), 6, late).await;
    let mut looked = Looked::default();
    assert_eq!(ask(&store, due, &mut looked).await, (0, 0));
    assert_eq!(ask(&store, late, &mut looked).await, (2, 0));
    assert_eq!(ask(&store, late, &mut looked).await, (0, 0));
    assert_eq!(kinds(&store).await, [(of_sale(1), "short"), (of_sale(2), "short")]);
    let says =
        "of sale o-1 of 100.00 CNY, 60.00 is settled, and all of it should have been by 2026-12-01T08:00:00Z";
    let asked = reasons(&store).await;
    assert!(asked.iter().any(|one| one == says), "{asked:?}");
    let again = decide(&store, &of_sale(1), Decision::RateAgain).await;
    assert!(matches!(again, Err(BillingError::NotRatable(_))), "{again:?}");
    decide(&store, &of_sale(1), Decision::Waive).await.unwrap();
    assert_eq!(ask(&store, late, &mut looked).await, (0, 0), "it was decided about");
    assert_eq!(balances(&store).await.get("platform:pending"), Some(&-450));
    store.close().await;
}

async fn what_is_short_is_over_once_its_money_comes(place: Place) {
    let store = opened(&place).await;
    let settled = |id: u128, minor| usage(id, 1, Some(settlement(&format!("s-{id}"), "o-1", yuan(minor))));
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), settled(2, 6_000)]).await;
    let late = november().plus(DAY * 8);
    tick((&store, &place), 3, late).await;
    let mut looked = Looked::default();
    assert_eq!(ask(&store, late, &mut looked).await, (1, 0));
    record_at(&store, late, 4, &[settled(4, 3_000)]).await;
    assert_eq!(ask(&store, late, &mut looked).await, (0, 0), "some of it is late still");
    record_at(&store, late, 5, &[settled(5, 1_000)]).await;
    assert_eq!(ask(&store, late, &mut looked).await, (0, 1));
    assert!(reasons(&store).await.is_empty());
    let kept = store.resolution(&of_sale(1)).await.unwrap().unwrap();
    assert_eq!((kept.outcome, kept.resolver.as_str()), (ResolutionOutcome::Rated, "tollgate"));
    store.close().await;
}

async fn what_is_written_off_takes_the_share_along_once(place: Place) {
    let store = opened(&place).await;
    let part = usage(2, 1, Some(settlement("s-1", "o-1", yuan(6_000))));
    let back = usage(3, 1, Some(refund_named("r-1", "o-1", 1_500)));
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), part, back]).await;
    let late = november().plus(DAY * 8);
    tick((&store, &place), 4, late).await;
    assert_eq!(ask(&store, late, &mut Looked::default()).await, (1, 0));
    for was_resolved in [false, true] {
        let lost = decide(&store, &of_sale(1), Decision::WriteOff(None)).await.unwrap();
        assert_eq!(
            (lost.was_resolved, lost.resolution.outcome),
            (was_resolved, ResolutionOutcome::WrittenOff)
        );
        assert_eq!(lost.changes_share, (!was_resolved).then_some(true));
    }
    let usage = Uuid::from_u128(1).to_string();
    let (of, amount) = store.counted_as(&usage, &format!("write-off:{}", of_sale(1))).await.unwrap().unwrap();
    assert_eq!((of.id.as_str(), amount), ("o-1", Some(yuan(2_500))));
    assert!(
        reasons(&store).await.is_empty() && store.pending_sales(&Page::first()).await.unwrap().is_empty()
    );
    assert_eq!(balances(&store).await.get("platform:pending"), None);
    assert_eq!(total(&store).await, "1.50");
    let waived = decide(&store, &of_sale(1), Decision::Waive).await;
    assert!(matches!(waived, Err(BillingError::ResolvedOtherwise(_))), "{waived:?}");
    assert_eq!(ask(&store, late, &mut Looked::default()).await, (0, 0));
    store.close().await;
}

async fn a_payment_in_another_currency_is_written_off_as_what_its_sale_waits_for(place: Place) {
    let store = opened(&place).await;
    let paid = Transaction {
        amount: euros(10_000),
        ..of_any_app(TransactionKind::Settlement, "s-1", "o-1", Some(0))
    };
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), by_provider(2, paid)]).await;
    let estimated = decide(&store, &of_call(2), Decision::WriteOff(Some(yuan(1)))).await;
    assert!(matches!(estimated, Err(BillingError::NotWrittenOff(_))), "{estimated:?}");
    let lost = decide(&store, &of_call(2), Decision::WriteOff(None)).await.unwrap();
    assert_eq!(lost.changes_share, Some(true));
    assert!(balances(&store).await.is_empty() && reasons(&store).await.is_empty());
    // Two sales of its id elsewhere: nobody can tell which it was of.
    let other = UsageRecord { app: app("app_2"), ..usage(4, 1, Some(sale("o-2", 10_000))) };
    record(&store, 3, &[usage(3, 1, Some(sale("o-2", 10_000))), other]).await;
    let paid = Transaction {
        amount: euros(10_000),
        ..of_any_app(TransactionKind::Settlement, "s-2", "o-2", Some(0))
    };
    record(&store, 5, &[by_provider(5, paid)]).await;
    let several = decide(&store, &of_call(5), Decision::WriteOff(None)).await;
    assert!(
        matches!(several, Err(BillingError::NotWrittenOff(why)) if why.contains("several sales")),
        "{several:?}"
    );
    store.close().await;
}

async fn what_waits_for_no_money_is_not_written_off(place: Place) {
    let store = opened(&place).await;
    let calls = [
        usage(1, 1, Some(sale("o-1", 10_000))),
        usage(2, 1, Some(settlement("s-1", "o-1", yuan(10_000)))),
        usage(3, 1, Some(settlement("s-1", "o-1", yuan(7_000)))),
        usage(4, 1, Some(refund_named("r-1", "o-1", 15_000))),
    ];
    record(&store, 1, &calls).await;
    for (number, says) in [(3, "waits for no money"), (4, "has counted it already")] {
        let refused = decide(&store, &of_call(number), Decision::WriteOff(None)).await;
        assert!(
            matches!(refused, Err(BillingError::NotWrittenOff(why)) if why.contains(says)),
            "{refused:?}"
        );
        decide(&store, &of_call(number), Decision::Waive).await.unwrap();
    }
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn what_was_lost_by_estimate_is_kept_and_charges_nothing(place: Place) {
    let store = opened(&place).await;
    let unreadable = Evidence::Exception { reason: "it is not JSON".to_owned() };
    record(&store, 1, &[UsageRecord { evidence: unreadable, ..usage(1, 1, None) }]).await;
    for was_resolved in [false, true] {
        let lost = decide(&store, &of_call(1), Decision::WriteOff(Some(yuan(1_250)))).await.unwrap();
        assert_eq!((lost.was_resolved, lost.changes_share), (was_resolved, None));
        let told: serde_json::Value = serde_json::from_str(&lost.resolution.evidence.unwrap()).unwrap();
        assert_eq!(told, serde_json::json!({"estimate": "12.50", "currency": "CNY"}));
    }
    let kept = store.resolution(&of_call(1)).await.unwrap().unwrap();
    assert_eq!(kept.outcome, ResolutionOutcome::WrittenOff);
    assert!(reasons(&store).await.is_empty());
    assert_eq!(total(&store).await, "none");
    store.close().await;
}

async fn open_exceptions_are_told_by_kind_app_and_age(place: Place) {
    let store = opened(&place).await;
    let back = |id: u128, name: &str| UsageRecord {
        app: app(name),
        ..usage(id, 1, Some(refund_named("r-1", &format!("o-{id}"), 100)))
    };
    let (first, second) = (november(), november().plus(DAY * 10));
    record_at(&store, first, 1, &[back(1, "app_1"), back(2, "app_2")]).await;
    record_at(&store, second, 3, &[back(3, "app_1"), usage(4, 1, Some(sale("o-4", MAX_TRANSACTION + 1)))])
        .await;
    let listed = async |wanted: Wanted| {
        let listed = store.wanted_exceptions(&wanted, &Page::first()).await.unwrap();
        listed.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let unknown = Wanted { kind: Some(ExceptionKind::Unknown), ..Wanted::default() };
    assert_eq!(listed(unknown.clone()).await, [1, 2, 3].map(of_call));
    assert_eq!(listed(Wanted { app: Some(app("app_2")), ..unknown.clone() }).await, [of_call(2)]);
    assert_eq!(listed(Wanted { noted_by: Some(first), ..unknown }).await, [1, 2].map(of_call));
    let mut page = Page::first().with_size(1);
    let mut seen = Vec::new();
    let oldest_first = Wanted { order: Order::Age, ..Wanted::default() };
    while let [one] = store.wanted_exceptions(&oldest_first, &page).await.unwrap().as_slice() {
        seen.push(one.id.clone());
        page = Page::after(&one.id).with_size(1);
    }
    assert_eq!(seen, [1, 2, 3, 4].map(of_call));
    let told = store.open_exceptions_by_kind(second.plus(DAY)).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.kind.name(), one.oldest, one.by_age)).collect();
    let expected = [("transaction", second, [0, 1, 0, 0]), ("unknown", first, [0, 1, 2, 0])];
    assert_eq!(told, expected);
    assert!(
        store
            .open_exceptions_by_kind(at("2030-01-01T00:00:00Z"))
            .await
            .unwrap()
            .iter()
            .all(|one| one.by_age[3] == one.open())
    );
    none(&check(&store).await.unwrap().findings);
    place.tamper("delete from open_exception").await;
    found(
        &check(&store).await.unwrap().findings,
        "exception, which is not told as open although nobody has resolved it",
    );
    store.close().await;
}
