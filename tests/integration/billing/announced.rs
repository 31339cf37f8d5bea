//! What subscriptions cost by the month goes by the versions to which it was told that they move: on drafts, and as a month is closed
//! before these come into force.

use std::time::Duration;

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close, running, show};
use tollgate::domain::id::SubscriptionId;
use tollgate::domain::plan::{Existing, PlanVersion};
use tollgate::domain::tariff::Tariff;
use tollgate::store::Store;

use super::early::expected;
use super::ledger::{found, without};
use super::on_both_stores;
use super::recurring::{ALWAYS, close_at, keep, line, lines, monthly, subscribe, with, with_app};
use super::seed::{app, at, none, period, plan, rule, zone};
use crate::support::stores::Place;

on_both_stores! {
    days_to_come_are_of_the_version_to_which_a_subscription_moves,
    what_is_told_otherwise_is_expected_so_and_what_was_charged_stays,
    who_subscribes_after_an_early_close_is_charged_by_what_came_into_force,
    who_switches_is_not_charged_for_days_of_a_version_that_was_to_come,
}

const MOVES: Existing = Existing::Move { notice: Duration::from_secs(86_400) };
/// The 11th in Shanghai begins.
const ELEVENTH: &str = "2026-12-10T16:00:00Z";
const EARLY: &str = "2026-12-05T08:00:00Z";

/// Tells that subscriptions move to the second version, so dear, from a time on, after so many announcements of it.
async fn tell(store: &Store, tariff: &Tariff, from: &str, after: usize) {
    let version = PlanVersion {
        reference: plan("standard", 2),
        effective_from: at(from),
        existing: MOVES,
        limits: Vec::new(),
        quotas: Vec::new(),
        tariff: tariff.clone(),
        merchant_fee: None,
        source: rule(30),
    };
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.announce(&version, after, at("2026-11-24T08:00:00Z")).await.unwrap());
    transaction.commit().await.unwrap();
}

/// 310.00 a month.
fn dearer() -> Tariff {
    with(monthly(31_000), None)
}

/// An app that is subscribed since December to 99.00 a month, and 500.00 at least.
async fn subscribed(place: &Place) -> Store {
    let store = with_app(place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), monthly(50_000)), ALWAYS).await;
    subscribe(place, ("sub_1", "storefront", "standard"), ("2026-11-30T16:00:00Z", None)).await;
    store
}

/// The same, once it was told of what is dearer from the 11th on, and December was closed before that.
async fn closed_early(place: &Place) -> Store {
    let store = subscribed(place).await;
    tell(&store, &dearer(), ELEVENTH, 0).await;
    close_december(&store).await;
    assert_eq!(lines(&show(&store, period("2026-12"), None).await.unwrap()), at_both());
    store
}

async fn close_december(store: &Store) {
    close(store, period("2026-12"), (&zone(), at(EARLY)), CloseEarly::Allowed).await.unwrap();
    none(&check(store).await.unwrap().findings);
}

/// December at both versions. 10 days of the minimum come to 161.29, which the fees fill.
fn at_both() -> [(String, u64, String); 2] {
    [line("monthly_fee standard@1", 10, "31.94"), line("monthly_fee standard@2", 21, "210.00")]
}

/// A month at the first version alone.
fn at_first() -> [(String, u64, String); 2] {
    [line("monthly_fee standard@1", 31, "99.00"), line("minimum standard@1", 31, "401.00")]
}

async fn days_to_come_are_of_the_version_to_which_a_subscription_moves(place: Place) {
    let store = subscribed(&place).await;
    assert_eq!(expected(&store, "2026-12", EARLY).await, at_first());
    tell(&store, &dearer(), ELEVENTH, 0).await;
    assert_eq!(expected(&store, "2026-12", EARLY).await, at_both());
    let (month, drafts) = running(&store, &app("app_1"), (&zone(), at(EARLY))).await.unwrap();
    assert_eq!((month, lines(&drafts)), (period("2026-12"), at_both().to_vec()));
    close_december(&store).await;
    let closed = show(&store, period("2026-12"), None).await.unwrap();
    assert_eq!((lines(&closed), closed[0].totals.total.minor), (at_both().to_vec(), 24_194));
    assert_eq!(
        expected(&store, "2027-01", EARLY).await,
        [line("monthly_fee standard@2", 31, "310.00")],
        "nothing of December is left"
    );

    place.tamper(&without(&place, "period_charge_stays", "period_charge")).await;
    place.tamper("update period_charge set days = days - 1").await;
    let wrong = "monthly:sub_1:2026-12:2: it is not what plan version standard@2 says";
    found(&check(&store).await.unwrap().findings, wrong);
    place.tamper("update period_charge set days = days + 1").await;

    keep(&store, &plan("standard", 2), &dearer(), (ELEVENTH, MOVES)).await;
    none(&check(&store).await.unwrap().findings);
    let january = close_at(&store, "2027-01", "2027-02-02T00:00:00Z").await;
    assert_eq!(lines(&january), [line("monthly_fee standard@2", 31, "310.00")]);
    assert_eq!(show(&store, period("2026-12"), None).await.unwrap(), closed);
    store.close().await;
}

async fn what_is_told_otherwise_is_expected_so_and_what_was_charged_stays(place: Place) {
    let store = subscribed(&place).await;
    tell(&store, &dearer(), ELEVENTH, 0).await;
    // It costs twice as much, and from the 21st on.
    tell(&store, &with(monthly(62_000), None), "2026-12-20T16:00:00Z", 1).await;
    let told = [
        line("monthly_fee standard@1", 20, "63.87"),
        line("monthly_fee standard@2", 11, "220.00"),
        // 322.58 for 20 days.
        line("minimum standard@1", 20, "38.71"),
    ];
    assert_eq!(expected(&store, "2026-12", EARLY).await, told);
    // The day has come, and no node had a file that has the version.
    assert_eq!(expected(&store, "2026-12", "2026-12-24T08:00:00Z").await, at_first());
    close_december(&store).await;
    let closed = show(&store, period("2026-12"), None).await.unwrap();
    assert_eq!(lines(&closed), told);

    let mut transaction = store.begin().await.unwrap();
    transaction.take_back(&plan("standard", 2), 2, at("2026-12-06T08:00:00Z")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(expected(&store, "2027-01", "2026-12-07T08:00:00Z").await, at_first());
    // And it comes otherwise after all.
    keep(&store, &plan("standard", 2), &with(monthly(1_000), None), ("2026-12-12T16:00:00Z", MOVES)).await;
    none(&check(&store).await.unwrap().findings);
    let january = close_at(&store, "2027-01", "2027-02-02T00:00:00Z").await;
    assert_eq!(lines(&january), [line("monthly_fee standard@2", 31, "10.00")]);
    assert_eq!(show(&store, period("2026-12"), None).await.unwrap(), closed);
    store.close().await;
}

async fn who_subscribes_after_an_early_close_is_charged_by_what_came_into_force(place: Place) {
    let store = closed_early(&place).await;
    // From the 7th on.
    subscribe(&place, ("sub_2", "supply", "standard"), ("2026-12-06T16:00:00Z", None)).await;
    let both = [
        line("monthly_fee standard@2", 31, "310.00"),
        line("monthly_fee standard@2", 31, "310.00"),
        line("monthly_fee standard@1", 4, "12.77"),
        line("monthly_fee standard@2", 21, "210.00"),
    ];
    assert_eq!(expected(&store, "2027-01", "2026-12-08T08:00:00Z").await, both);
    keep(&store, &plan("standard", 2), &dearer(), (ELEVENTH, MOVES)).await;
    assert_eq!(lines(&close_at(&store, "2027-01", "2027-02-02T00:00:00Z").await), both);
    store.close().await;
}

async fn who_switches_is_not_charged_for_days_of_a_version_that_was_to_come(place: Place) {
    let store = closed_early(&place).await;
    keep(&store, &plan("standard", 2), &dearer(), (ELEVENTH, MOVES)).await;
    keep(&store, &plan("premium", 1), &with(monthly(30_000), None), ALWAYS).await;
    // The 20th begins: the 12 days from then on were charged.
    let cut = "2026-12-19T16:00:00Z";
    let mut transaction = store.begin().await.unwrap();
    transaction.end_subscription(&SubscriptionId::new("sub_1").unwrap(), at(cut)).await.unwrap();
    transaction.commit().await.unwrap();
    subscribe(&place, ("sub_2", "storefront", "premium"), (cut, None)).await;
    let january = close_at(&store, "2027-01", "2027-02-02T00:00:00Z").await;
    assert_eq!(lines(&january), [line("monthly_fee premium@1", 31, "300.00")]);
    store.close().await;
}
