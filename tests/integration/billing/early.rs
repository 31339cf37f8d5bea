//! What subscriptions cost by the month is charged as a month is closed before its end: of what comes then, with the next month.

use tollgate::billing::statement::{CloseEarly, StatementError, close, foresee, show};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::on_both_stores;
use super::recurring::{ALWAYS, close_at, keep, line, lines, monthly, subscribe, with, with_app};
use super::seed::{app, at, period, plan, record, record_at, usage, zone};
use crate::support::stores::Place;

on_both_stores! {
    who_comes_after_an_early_close_is_charged_with_the_next_month,
    a_minimum_is_due_beside_one_that_was_charged_before,
    fees_after_an_early_close_fill_what_was_not_charged_yet,
    a_monthly_fee_counts_as_it_was_charged,
    what_an_early_close_left_is_charged_before_later_months_are_closed,
    who_switches_after_an_early_close_is_not_charged_for_days_twice,
}

async fn who_comes_after_an_early_close_is_charged_with_the_next_month(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), monthly(50_000)), ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-10-31T16:00:00Z", None)).await;
    let (month, early) = (period("2026-11"), at("2026-11-24T08:00:00Z"));
    close(&store, month, (&zone(), early), CloseEarly::Allowed).await.unwrap();
    // The month is charged whole, as it was expected then.
    let statement = show(&store, month, None).await.unwrap();
    assert_eq!(
        lines(&statement),
        [line("monthly_fee standard@1", 30, "99.00"), line("minimum standard@1", 30, "401.00")]
    );
    subscribe(&place, ("sub_2", "supply", "standard"), ("2026-11-27T16:00:00Z", None)).await;
    let closed = close_at(&store, "2026-12", "2027-01-02T00:00:00Z").await;
    assert_eq!(
        lines(&closed),
        [
            line("monthly_fee standard@1", 31, "99.00"),
            line("monthly_fee standard@1", 31, "99.00"),
            line("minimum standard@1", 31, "401.00"),
            line("minimum standard@1", 31, "401.00"),
            line("monthly_fee standard@1", 3, "9.90"),
            line("minimum standard@1", 3, "40.10"),
        ]
    );
    assert_eq!(closed[0].totals.adjustments.to_string(), "50.00");
    store.close().await;
}

/// 500.00 a month, of which a subscription of the first ten days lacks 66.67 when the month is closed on the 15th; another begins on the
/// 21st.
async fn closed_early(place: &Place) -> Store {
    let store = with_app(place).await;
    keep(&store, &plan("standard", 1), &with(None, monthly(50_000)), ALWAYS).await;
    let ended = Some("2026-11-10T16:00:00Z");
    subscribe(place, ("sub_a", "storefront", "standard"), ("2026-10-31T16:00:00Z", ended)).await;
    let (at_first, early) = (at("2026-11-05T08:00:00Z"), at("2026-11-15T08:00:00Z"));
    record_at(&store, at_first, 1, &[UsageRecord { at: at_first, ..usage(1, 100, None) }]).await;
    close(&store, period("2026-11"), (&zone(), early), CloseEarly::Allowed).await.unwrap();
    assert_eq!(
        lines(&show(&store, period("2026-11"), None).await.unwrap()),
        [line("service_fee standard@1", 100, "100.00"), line("minimum standard@1", 10, "66.67")]
    );
    subscribe(place, ("sub_b", "storefront", "standard"), ("2026-11-20T16:00:00Z", None)).await;
    store
}

/// What a month comes to as it is expected at a time: of the app alone it is the same.
pub(super) async fn expected(store: &Store, month: &str, now: &str) -> Vec<(String, u64, String)> {
    let (month, platform, now) = (period(month), zone(), at(now));
    let all = foresee(store, month, (&platform, now), None).await.unwrap();
    let alone = foresee(store, month, (&platform, now), Some(&app("app_1"))).await.unwrap();
    assert_eq!(alone, all, "of the app alone it is the same");
    lines(&all)
}

/// The lines of December, whose own minimum is 500.00.
async fn december(store: &Store) -> Vec<(String, u64, String)> {
    expected(store, "2026-12", "2026-12-24T08:00:00Z").await;
    let mut lines = lines(&close_at(store, "2026-12", "2027-01-02T00:00:00Z").await);
    let own = lines.iter().position(|one| *one == line("minimum standard@1", 31, "500.00"));
    lines.remove(own.unwrap());
    lines
}

async fn a_minimum_is_due_beside_one_that_was_charged_before(place: Place) {
    let store = closed_early(&place).await;
    assert_eq!(december(&store).await, [line("minimum standard@1", 10, "166.67")]);
    store.close().await;
}

async fn fees_after_an_early_close_fill_what_was_not_charged_yet(place: Place) {
    let store = closed_early(&place).await;
    record(&store, 2, &[usage(2, 150, None)]).await;
    assert_eq!(
        december(&store).await,
        [line("service_fee standard@1", 150, "150.00"), line("minimum standard@1", 10, "16.67")]
    );
    store.close().await;
}

/// It was charged for days behind its end, too, and minimums of others have all of it.
async fn a_monthly_fee_counts_as_it_was_charged(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), None), ALWAYS).await;
    keep(&store, &plan("standard", 2), &with(None, monthly(50_000)), ALWAYS).await;
    subscribe(&place, ("sub_a", "storefront", "standard"), ("2026-10-31T16:00:00Z", None)).await;
    close(&store, period("2026-11"), (&zone(), at("2026-11-15T08:00:00Z")), CloseEarly::Allowed)
        .await
        .unwrap();
    let statement = show(&store, period("2026-11"), None).await.unwrap();
    assert_eq!(lines(&statement), [line("monthly_fee standard@1", 30, "99.00")]);
    let cut = "2026-11-24T16:00:00Z";
    place.tamper(&format!("update subscription set ends_at = {}", at(cut).as_micros())).await;
    subscribe(&place, ("sub_b", "storefront", "standard"), (cut, None)).await;
    place.tamper("update subscription set plan_version = 2 where id = 'sub_b'").await;
    // Six days come to 100.00.
    assert_eq!(
        lines(&close_at(&store, "2026-12", "2027-01-02T00:00:00Z").await),
        [line("minimum standard@2", 31, "500.00"), line("minimum standard@2", 6, "1.00")]
    );
    store.close().await;
}

async fn what_an_early_close_left_is_charged_before_later_months_are_closed(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), None), ALWAYS).await;
    close(&store, period("2026-11"), (&zone(), at("2026-11-15T08:00:00Z")), CloseEarly::Allowed)
        .await
        .unwrap();
    // It begins and ends within the rest of the month: nothing is due for December itself.
    let rest = ("2026-11-24T16:00:00Z", Some("2026-11-30T16:00:00Z"));
    subscribe(&place, ("sub_1", "storefront", "standard"), rest).await;
    let now = at("2027-02-02T00:00:00Z");
    let refused = close(&store, period("2027-01"), (&zone(), now), CloseEarly::Refused).await;
    let Err(StatementError::EarlierOpen(_, earlier)) = refused else { panic!("{refused:?}") };
    assert_eq!(earlier, period("2026-12"));
    let closed = close_at(&store, "2026-12", "2027-02-02T00:00:00Z").await;
    assert_eq!(lines(&closed), [line("monthly_fee standard@1", 6, "19.80")]);
    close_at(&store, "2027-01", "2027-02-02T00:00:00Z").await;
    store.close().await;
}

async fn who_switches_after_an_early_close_is_not_charged_for_days_twice(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), None), ALWAYS).await;
    keep(&store, &plan("premium", 1), &with(monthly(30_000), monthly(60_000)), ALWAYS).await;
    let (begin, cut) = ("2026-10-31T16:00:00Z", "2026-11-24T16:00:00Z");
    let (back, end) = ("2026-11-27T16:00:00Z", Some("2026-11-30T16:00:00Z"));
    subscribe(&place, ("sub_a", "storefront", "standard"), (begin, None)).await;
    // It was to end with the 27th, when the month is closed.
    subscribe(&place, ("sub_b", "supply", "standard"), (begin, Some(back))).await;
    let (month, early) = (period("2026-11"), at("2026-11-15T08:00:00Z"));
    close(&store, month, (&zone(), early), CloseEarly::Allowed).await.unwrap();
    assert_eq!(
        lines(&show(&store, month, None).await.unwrap()),
        [line("monthly_fee standard@1", 30, "99.00"), line("monthly_fee standard@1", 27, "89.10")]
    );
    place.tamper(&format!("update subscription set ends_at = {}", at(cut).as_micros())).await;
    subscribe(&place, ("sub_c", "storefront", "premium"), (cut, Some(back))).await;
    subscribe(&place, ("sub_d", "supply", "premium"), (cut, end)).await;
    // It takes nobody's place.
    subscribe(&place, ("sub_e", "carrier", "standard"), (cut, end)).await;
    // And back to the first plan.
    subscribe(&place, ("sub_f", "storefront", "standard"), (back, end)).await;
    let mut charged = lines(&close_at(&store, "2026-12", "2027-01-02T00:00:00Z").await);
    charged.sort();
    assert_eq!(
        charged,
        [
            // Three days of the first come to 60.00, and of that as much of the fee counts as is charged: none.
            line("minimum premium@1", 3, "60.00"),
            line("minimum premium@1", 6, "90.00"),
            // Three days were charged before.
            line("monthly_fee premium@1", 3, "30.00"),
            line("monthly_fee standard@1", 6, "19.80"),
        ]
    );
    store.close().await;
}
