//! Prices and lines as older programs kept them are read, and go on.

use std::time::Duration;

use tollgate::domain::plan::{Dated, Existing, PlanRef};
use tollgate::domain::tariff::{FeePrice, FeeTerms};
use tollgate::store::Page;

use super::carried_on::{ONE_APP, step};
use crate::support::stores::Place;

/// A plan version in columns, a call with its fee, another's with a share, and the lines of both.
const BOOKS: &str = "insert into plan_version (plan, version, currency, rounding, fee, free_units, fee_file, fee_line, fee_column, \
     share, share_file, share_line, share_column, effective_from) \
     values ('standard', 1, 'CNY', 'half-even', '0.01', 3, 'f', 12, 7, '2.5', 'f', 14, 7, 0); \
     insert into usage_context (number, node, snapshot, app, partner, credential, credential_id, product, plan, plan_version, \
     method, status, outcome) values (1, 'n', 's', 'a', 'p', 'api_key', 'k', 'store', 'standard', 1, 'GET', 200, 'billable'); \
     insert into charge_terms (number, partner, app, period, service_period, kind, product, plan, plan_version, currency, rate, \
     rule_file, rule_line, rule_column) values \
     (1, 'p', 'a', '1970-01', '1970-01', 'service_fee', 'store', 'standard', 1, 'CNY', '0.01', 'f', 12, 7), \
     (2, 'p', 'a', '1970-01', '1970-01', 'revenue_share', 'store', 'standard', 1, 'CNY', '2.5', 'f', 14, 7); \
     insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units, fee_terms, fee_free, fee_minor) \
     values (1, 'u1', 1, 1, 0, 0, 0, 0, 3, 1, 3, 0); \
     insert into other_charge (usage, kind, terms, quantity, free, transaction_id, base, minor) \
     values (1, 'revenue_share', 2, 1, 0, 'o-1', 0, 0); \
     insert into line_total (partner, app, period, service_period, kind, product, plan, plan_version, currency, charges, \
     quantity, free, rate, base, minor, rule_file, rule_line, rule_column) values \
     ('p', 'a', '1970-01', '1970-01', 'service_fee', 'store', 'standard', 1, 'CNY', 1, 0, 3, '0.01', null, 0, 'f', 12, 7), \
     ('p', 'a', '1970-01', '1970-01', 'revenue_share', 'store', 'standard', 1, 'CNY', 1, 1, 0, '2.5', 0, 0, 'f', 14, 7); \
     insert into unit_total (app, product, plan, plan_version, service_period, units, free) \
     values ('a', 'store', 'standard', 1, '1970-01', 3, 3); \
     insert into closed_period (period, closed_at) values ('1970-01', 0)";

async fn prices_in_columns_and_lines_without_items_are_carried_on(place: Place) {
    step(&place, 33).await;
    place.tamper(BOOKS).await;
    let store = place.open().await;
    let plan = PlanRef { name: "standard".parse().unwrap(), version: 1 };
    let kept = store.plan_version(&plan).await.unwrap().unwrap().tariff;
    let [fee] = kept.fees.as_slice() else { panic!("{kept:?}") };
    let FeeTerms { price, free_units, routes, source, .. } = fee.terms();
    assert_eq!((fee.key(), free_units, routes, source.to_string().as_str()), (None, &3, &None, "f:12:7"));
    assert!(matches!(price, FeePrice::PerUnit(each) if each.to_string() == "0.01"), "{price:?}");
    assert_eq!(
        kept.share.map(|share| share.items[0].rate.one_percent().unwrap().to_string()).as_deref(),
        Some("2.5")
    );
    assert_eq!(kept.rounding.name(), "half-even");
    assert!(store.open_exceptions(&Page::first()).await.unwrap().is_empty());
    let mut seen = Vec::new();
    for sql in [
        "select kind || ' ' || rate || '|' || item || price || position || '|' || quantity || ' ' || free from charge order by kind",
        "select kind || ' ' || rate || '|' || item || price || '|' || quantity || ' ' || free from line_total order by kind",
        "select units || ' ' || free || ' ' || promotion || '|' || item from fee_total",
    ] {
        seen.extend(place.texts(sql).await);
    }
    assert_eq!(
        seen,
        [
            "revenue_share 2.5||1 0",
            "service_fee 0.01||0 3",
            "revenue_share 2.5||1 0",
            "service_fee 0.01||0 3",
            "3 3 0|",
        ]
    );
    store.close().await;
    for sql in [
        "update charge_total set minor = 1",
        "insert into charge_terms (number, partner, app, period, service_period, kind, product, plan, plan_version, item, currency, \
         rate, price, position, rule_file, rule_line, rule_column) select 3, partner, app, period, service_period, kind, product, \
         plan, plan_version, item, currency, rate, price, position, rule_file, rule_line, rule_column from charge_terms \
         where number = 1",
        "update charge_total set quantity = 0",
        "delete from charge_total",
        "delete from other_charge",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
}

/// Two versions in force, one to come; a subscription to that plan, and one to a plan that was never kept.
const SUBSCRIBED: &str = "insert into plan_version (plan, version, currency, rounding, free_units, effective_from) values \
     ('standard', 1, 'CNY', 'half-up', 0, 0), ('standard', 2, 'CNY', 'half-up', 0, 1), \
     ('standard', 3, 'CNY', 'half-up', 0, 9000000000000000); \
     insert into subscription (id, app, product, plan, starts_at) values ('s1', 'app_1', 'store', 'standard', 0), \
     ('s2', 'app_1', 'other', 'new', 0)";

async fn subscriptions_stand_at_the_version_in_force(place: Place) {
    step(&place, 34).await;
    place.tamper(ONE_APP).await;
    place.tamper(SUBSCRIBED).await;
    place.open().await.close().await;
    let versions = "select id || ' ' || coalesce(cast(plan_version as text), 'follows') from subscription \
                    where id in ('s1', 's2') order by id";
    assert_eq!(place.texts(versions).await, ["s1 2", "s2 follows"]);
}

async fn what_was_noted_of_plan_versions_is_of_the_prices_that_are_seen_next(place: Place) {
    step(&place, 40).await;
    place.tamper("insert into plan_notice values ('standard', 3, 7)").await;
    place.open().await.close().await;
    let told = "select plan || ' ' || cast(version as text) || ' ' || cast(part as text) || ' ' || cast(told_at as text) || ' ' \
                || coalesce(tariff, allowed, 'nothing') from plan_announcement";
    assert_eq!(place.texts(told).await, ["standard 3 1 7 nothing"]);
    assert!(place.try_tamper("update plan_announcement set told_at = 0").await.is_err());
    assert!(place.try_tamper("delete from plan_announcement").await.is_err());
}

#[tokio::test]
async fn what_was_noted_of_plan_versions_is_carried_on_in_sqlite() {
    what_was_noted_of_plan_versions_is_of_the_prices_that_are_seen_next(Place::sqlite()).await;
}

#[tokio::test]
async fn what_was_noted_of_plan_versions_is_carried_on_in_postgres() {
    what_was_noted_of_plan_versions_is_of_the_prices_that_are_seen_next(Place::postgres().await).await;
}

/// Versions that an older program kept: of the second it was noted that subscriptions move to it. What is said of them since holds.
async fn who_moved_to_a_version_is_known_by_its_notice(place: Place) {
    step(&place, 40).await;
    place.tamper(ONE_APP).await;
    place.tamper(SUBSCRIBED).await;
    place.tamper("insert into plan_notice values ('standard', 2, 0)").await;
    let store = place.open().await;
    let kept = async |version| {
        let plan = PlanRef { name: "standard".parse().unwrap(), version };
        store.plan_version(&plan).await.unwrap().unwrap()
    };
    for (version, is_moved_to) in [(1, false), (2, true), (3, false)] {
        let kept = kept(version).await;
        assert_eq!((kept.moves, kept.is_moved_to()), (None, is_moved_to), "{version}");
        assert!(kept.tariff.recurring.is_none());
    }
    for sql in
        ["update plan_version set moves = 1, rounding = 'half-even'", "update plan_version set form = 9"]
    {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    let mut transaction = store.begin().await.unwrap();
    let moves = Existing::Move { notice: Duration::ZERO };
    for (version, existing) in [(1, moves), (2, Existing::Stay), (2, moves)] {
        let plan = PlanRef { name: "standard".parse().unwrap(), version };
        transaction.say_who_moved(&plan, existing).await.unwrap();
    }
    transaction.commit().await.unwrap();
    for (version, moves) in [(1, Some(true)), (2, Some(false)), (3, None)] {
        assert_eq!(kept(version).await.moves, moves, "{version}");
    }
    assert!(!kept(2).await.is_moved_to());
    for sql in ["update plan_version set moves = 1", "update plan_version set moves = null"] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
    place.tamper("insert into subscription_move values ('s1', 1, 7, 1, 2)").await;
    for sql in ["update subscription_move set at = 0", "delete from subscription_move"] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
}

#[tokio::test]
async fn who_moved_to_a_version_is_known_by_its_notice_in_sqlite() {
    who_moved_to_a_version_is_known_by_its_notice(Place::sqlite()).await;
}

#[tokio::test]
async fn who_moved_to_a_version_is_known_by_its_notice_in_postgres() {
    who_moved_to_a_version_is_known_by_its_notice(Place::postgres().await).await;
}

#[tokio::test]
async fn prices_in_columns_are_carried_on_in_sqlite() {
    prices_in_columns_and_lines_without_items_are_carried_on(Place::sqlite()).await;
}

#[tokio::test]
async fn prices_in_columns_are_carried_on_in_postgres() {
    prices_in_columns_and_lines_without_items_are_carried_on(Place::postgres().await).await;
}

#[tokio::test]
async fn subscriptions_stand_at_the_version_in_force_in_sqlite() {
    subscriptions_stand_at_the_version_in_force(Place::sqlite()).await;
}

#[tokio::test]
async fn subscriptions_stand_at_the_version_in_force_in_postgres() {
    subscriptions_stand_at_the_version_in_force(Place::postgres().await).await;
}
