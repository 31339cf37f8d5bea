//! Fees by items in the books: lines of their own, each charge with its place in the price, and versions that share an allowance.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tollgate::billing::books::recorder::Recorder;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, charges_of, close, show};
use tollgate::domain::charge::{Position, Price};
use tollgate::domain::money::parse_decimal;
use tollgate::domain::tariff::{Band, FeeItem, FeePrice, FeeTerms, Promotion, Tariff};
use tollgate::domain::time::ManualClock;
use tollgate::domain::usage::UsageRecord;
use tollgate::metering::drain::UsageSink;
use tollgate::policy::live::Live;
use tollgate::policy::load::NoValues;
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::{
    app, at, cny, journal, journal_of, none, november, period, plan, record, record_at, register, rule,
    tariff, usage, zone,
};
use super::split::sample;
use crate::support::stores::Place;

on_both_stores! {
    items_are_lines_of_their_own_and_drill_down_to_places_in_their_prices,
    batches_cut_anywhere_and_in_any_order_come_to_the_same_sums,
    units_of_an_earlier_version_that_come_late_walk_later_lines_again,
    what_is_walked_again_after_a_close_is_an_adjustment,
    what_is_kept_of_prices_is_read_back,
    a_rule_that_moved_in_its_file_leaves_its_line_as_it_is,
}

pub(super) fn number(text: &str) -> rust_decimal::Decimal {
    parse_decimal(text).unwrap()
}

/// Orders in packages of ten; all other calls by bands, with a promotion on the 23rd; no more than 1.00 for these.
pub(super) fn by_items() -> Tariff {
    let orders = FeeTerms {
        name: "orders".parse().unwrap(),
        routes: Some(vec!["place-order".parse().unwrap()]),
        price: FeePrice::Package { size: 10.try_into().unwrap(), price: number("0.80") },
        ..FeeTerms::calls(number("0"), 0, rule(20))
    };
    let band = |up_to, each: &str| Band { up_to, each: number(each), flat: number("0") };
    let calls = FeeTerms {
        price: FeePrice::Graduated(vec![band(Some(10), "0.01"), band(None, "0.005")]),
        cap: Some(number("1.00")),
        promotions: vec![Promotion {
            from: at("2026-11-23T00:00:00Z"),
            until: at("2026-11-24T00:00:00Z"),
            each: number("0.001"),
        }],
        ..FeeTerms::calls(number("0"), 2, rule(30))
    };
    let fees = [orders, calls].map(|terms| FeeItem::new(terms, cny()).unwrap()).into();
    Tariff { fees, ..tariff("0", 0, "2.5") }
}

pub(super) fn on(route: &str, record: UsageRecord) -> UsageRecord {
    UsageRecord { route: Some(route.parse().unwrap()), ..record }
}

/// Under a version of the plan.
pub(super) fn under(version: u32, record: UsageRecord) -> UsageRecord {
    let subscribed = record.subscribed.clone().map(|(product, _)| (product, plan("standard", version)));
    UsageRecord { subscribed, ..record }
}

async fn items_are_lines_of_their_own_and_drill_down_to_places_in_their_prices(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &by_items()).await;
    let mut promoted = on("list-orders", usage(5, 100, None));
    promoted.at = at("2026-11-23T12:00:00Z");
    record(
        &store,
        1,
        &[
            on("place-order", usage(1, 11, None)),
            on("list-orders", usage(2, 8, None)),
            on("list-orders", usage(3, 8, None)),
            on("list-orders", usage(4, 1_000, None)),
            promoted,
        ],
    )
    .await;
    none(&check(&store).await.unwrap().findings);
    let statement = show(&store, period("2026-11"), None).await.unwrap().remove(0);
    let lines: Vec<_> = statement
        .lines
        .iter()
        .map(|line| (line.key.id().to_string(), line.quantity, line.free, line.amount.to_string()))
        .collect();
    let calls = "CNY 2026-11 service_fee storefront standard@1".to_owned();
    let orders = format!("{calls} orders");
    assert_eq!(
        lines,
        [(calls.clone(), 1_114, 2, "1.00".to_owned()), (orders.clone(), 11, 0, "1.60".to_owned())]
    );
    assert_eq!(statement.lines[1].price.as_deref(), Some("0.8 for every 10 begun"));
    let (november, app) = (period("2026-11"), app("app_1"));
    let found = charges_of(&store, (november, &app), &orders, "").await.unwrap().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    let mut positions = Vec::new();
    for kept in charges_of(&store, (november, &app), &calls, "").await.unwrap().unwrap() {
        let Price::Units { charged, free, position, words, .. } = kept.charge.price else {
            panic!("no units")
        };
        assert!(words.is_some());
        positions.push((charged, free, position, kept.charge.minor));
    }
    let bands = |first, last| Position::Bands { first, last };
    assert_eq!(
        positions,
        [
            (100, 0, Position::Promotion(1), 10),
            (6, 2, bands(1, 1), 6),
            (8, 0, bands(1, 2), 6),
            (1_000, 0, bands(2, 2), 78),
        ]
    );
    store.close().await;
}

/// Calls under three versions, on three routes, over two days, of which the first has a promotion.
pub(super) fn any_records() -> impl Strategy<Value = Vec<UsageRecord>> {
    let one = (1..=3_u32, 0..3_usize, 0..40_u64, 0..20_u64);
    prop::collection::vec(one, 2..40).prop_map(|calls| {
        let built = |(number, (version, route, hours, units)): (u128, (u32, usize, u64, u64))| {
            let route = ["place-order", "list-orders", "get-order"][route];
            let mut record = under(version, on(route, usage(number, units, None)));
            record.at = november().minus(Duration::from_secs(hours * 3_600));
            record
        };
        (1_u128..).zip(calls).map(built).collect()
    })
}

/// What lines come to by version and item, after each batch has been taken by itself.
async fn sums(place: &Place, batches: &[Vec<UsageRecord>]) -> Vec<String> {
    let store = place.open().await;
    for version in 1..=3 {
        register(&store, &plan("standard", version), &by_items()).await;
    }
    let mut first = 1;
    for batch in batches {
        record(&store, first, batch).await;
        first += batch.len() as u64;
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
    let sums = "select plan_version || ' ' || item || ' ' || sum(minor) from line_total group by plan_version, item \
                having sum(minor) <> 0 order by 1";
    place.texts(sums).await
}

async fn batches_cut_anywhere_and_in_any_order_come_to_the_same_sums(place: Place) {
    let records = sample(any_records());
    let expected = sums(&place, std::slice::from_ref(&records)).await;
    for size in [1, 2, 7] {
        let shuffled: Vec<UsageRecord> = sample(Just(records.clone()).prop_shuffle());
        let batches: Vec<Vec<UsageRecord>> = shuffled.chunks(size).map(<[UsageRecord]>::to_vec).collect();
        assert_eq!(sums(&Place::sqlite(), &batches).await, expected, "{size}: {shuffled:#?}");
    }
}

/// Three versions whose items are free for the first four units and cost 1, 2 and 3 yuan then.
pub(super) async fn three_versions(place: &Place) -> Store {
    let store = place.open().await;
    for version in 1..=3 {
        register(&store, &plan("standard", version), &tariff(&version.to_string(), 4, "0")).await;
    }
    store
}

async fn totals(store: &Store, of: &str) -> Vec<String> {
    none(&check(store).await.unwrap().findings);
    let statements = show(store, period(of), None).await.unwrap();
    statements.iter().map(|statement| statement.totals.total.to_string()).collect()
}

async fn units_of_an_earlier_version_that_come_late_walk_later_lines_again(place: Place) {
    let records = [under(1, usage(1, 3, None)), under(2, usage(2, 2, None)), under(3, usage(3, 4, None))];
    let store = three_versions(&place).await;
    for (first, record) in (1..).zip(records.iter().rev()) {
        super::seed::record(&store, first, std::slice::from_ref(record)).await;
    }
    // Of the third version four were free, then two, then none; of the second two, then one.
    assert_eq!(totals(&store, "2026-11").await, ["14.00"]);
    let moved = "select t.plan_version || ' ' || o.quantity || ' ' || o.minor from other_charge o \
                 join charge_terms t on t.number = o.terms where o.kind = 'rewalk' order by 1";
    assert_eq!(place.texts(moved).await, ["2 1 200", "3 2 600", "3 2 600"]);
    assert_eq!(
        place.texts("select plan_version || ' ' || units || ' ' || free from fee_total order by 1").await,
        ["1 3 3", "2 2 1", "3 4 0"]
    );
    store.close().await;
    let in_turn = Place::sqlite();
    let store = three_versions(&in_turn).await;
    record(&store, 1, &records).await;
    assert_eq!(totals(&store, "2026-11").await, ["14.00"]);
    store.close().await;
}

async fn what_is_walked_again_after_a_close_is_an_adjustment(place: Place) {
    let store = three_versions(&place).await;
    record(&store, 1, &[under(2, usage(1, 4, None))]).await;
    let december = at("2026-12-02T00:00:00Z");
    close(&store, period("2026-11"), (&zone(), december), CloseEarly::Refused).await.unwrap();
    record_at(&store, december, 2, &[under(1, usage(2, 4, None))]).await;
    assert_eq!(totals(&store, "2026-11").await, ["0.00"]);
    assert_eq!(totals(&store, "2026-12").await, ["8.00"]);
    let statement = show(&store, period("2026-12"), None).await.unwrap().remove(0);
    assert_eq!(statement.totals.adjustments.to_string(), "8.00");
    store.close().await;
}

async fn what_is_kept_of_prices_is_read_back(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &by_items()).await;
    let kept = store.plan_version(&plan("standard", 1)).await.unwrap().unwrap();
    assert!(kept.tariff.prices_like(&by_items()), "{kept:?}");
    assert_eq!(kept.tariff, by_items(), "with the places of its rules");
    store.close().await;
}

/// The shipped policies, with a line more at the top of the plan's file or none.
async fn recorder(store: &Store, name: &str, top: &str) -> Recorder {
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let file = folder.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{top}{text}")).unwrap();
    let clock = Arc::new(ManualClock::at(november()));
    let policies: &Path = &folder.path().join("policies");
    let live = Live::open(policies, Arc::new(NoValues), Box::new(|_, _| Ok(())), clock.clone()).unwrap();
    Recorder::open(store.clone(), journal_of(name), Arc::new(live), clock).await.unwrap()
}

async fn a_rule_that_moved_in_its_file_leaves_its_line_as_it_is(place: Place) {
    let store = place.open().await;
    for (number, (name, top)) in (1..).zip([("node-1", "# a line\n"), ("node-2", "")]) {
        let mut record = usage(number, 1, None);
        record.node = super::seed::node(name);
        let (batch, up_to) = journal(1, &[record]);
        recorder(&store, name, top).await.record(batch, up_to).await.unwrap();
    }
    let rules = place.texts("select cast(rule_line as text) from charge_terms order by number").await;
    assert_eq!(rules.len(), 2, "{rules:?}");
    assert!(rules[0] > rules[1], "{rules:?}");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
