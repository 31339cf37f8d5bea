//! A period is closed by a cut, its statements, a few hundred apps at a time, and a seal. Whatever comes in between, and whoever goes on,
//! the statements are the same bytes under the same numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::closing::{Terms, begin, close_due, finish, go_on};
use tollgate::billing::statement::{CloseEarly, StatementError, close, show};
use tollgate::domain::balance::{BalanceKind, Owner};
use tollgate::domain::id::PartnerId;
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::UsageRecord;
use tollgate::policy::load::{NoValues, load};
use tollgate::policy::snapshot::Snapshot;
use tollgate::store::Store;

use super::balances::{make, open, pay_in};
use super::ledger::{found, without};
use super::on_both_stores;
use super::seed::{app, at, node, none, period, record, record_at, usage, zone};
use crate::support::folder;
use crate::support::stores::Place;

on_both_stores! {
    a_closing_that_is_dropped_after_each_step_goes_on_to_the_same_bytes,
    nodes_that_go_on_at_once_make_each_statement_once,
    what_is_paid_in_behind_the_cut_is_told_on_the_next_statement,
    a_period_waits_for_its_grace_unless_it_is_closed_early,
    the_next_period_is_cut_behind_the_last_statement_of_the_one_before,
    a_period_is_sealed_with_all_its_statements_alone,
    nodes_close_what_the_policies_leave_to_them_once,
    a_clock_that_jumps_ahead_closes_nothing,
}

/// More than are stated in two steps.
const APPS: u128 = 1_100;
/// Steps of these: three of statements, and the seal.
const STEPS: usize = 4;
const GRACE: Duration = Duration::from_secs(72 * 3600);
const ENDED: Terms = Terms { grace: Duration::ZERO, early: CloseEarly::Refused };

fn december() -> Timestamp {
    at("2026-12-02T00:00:00Z")
}

/// An app of many calls three times.
fn of_many(number: u128) -> UsageRecord {
    UsageRecord { app: app(&format!("app_{number}")), ..usage(number, 3, None) }
}

/// The books of many apps of a partner, of which a balance pays some.
pub(super) async fn busy(place: &Place) -> Store {
    let store = open(place).await;
    let more: Vec<String> = (3..=APPS)
        .map(|number| {
            format!(
                "('app_{number}', 'partner_1', 'A', 'live', 'confidential', '[]', 'a', 'a', false, 'active', 0)"
            )
        })
        .collect();
    let apps = "insert into app (id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, requires_pkce, \
                standing, created_at) values ";
    place.tamper(&format!("{apps}{}", more.join(", "))).await;
    let owner = Owner::Partner(PartnerId::new("partner_1").unwrap());
    make(&store, "bal_1", owner, BalanceKind::Credit(100_000)).await.unwrap();
    pay_in(&store, "transfer", 500).await.unwrap();
    record(&store, 1, &(1..=APPS).map(of_many).collect::<Vec<_>>()).await;
    store
}

/// All that is kept of final statements, in the order of their numbers.
pub(super) async fn kept(place: &Place) -> Vec<String> {
    place
        .texts(
            "select number || ' ' || app || ' ' || closed_at || ' ' || hash || ' ' || content from statement order by number",
        )
        .await
}

/// Those of books that nobody disturbed. They are the same on both stores.
async fn undisturbed() -> Vec<String> {
    let place = Place::sqlite();
    let store = busy(&place).await;
    close(&store, period("2026-11"), (&zone(), december()), CloseEarly::Refused).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    store.close().await;
    kept(&place).await
}

async fn cut(store: &Store, month: &str, now: Timestamp) -> bool {
    begin((store, store), period(month), (&zone(), now), ENDED).await.unwrap()
}

/// What each app owes, and has paid from balances.
async fn owed(store: &Store, month: &str) -> BTreeMap<String, (i64, i64)> {
    let told = show(store, period(month), None).await.unwrap().into_iter();
    told.map(|one| (one.app.to_string(), (one.totals.total.minor, one.paid.unwrap().from_balance.minor)))
        .collect()
}

async fn a_closing_that_is_dropped_after_each_step_goes_on_to_the_same_bytes(place: Place) {
    let expected = undisturbed().await;
    assert_eq!(expected.len(), 1_100);
    let store = busy(&place).await;
    let before = owed(&store, "2026-11").await;
    assert!(!cut(&store, "2026-11", december()).await);
    store.close().await;
    let mut steps = 0;
    loop {
        let store = place.open().await;
        let later = december().plus(Duration::from_secs(60));
        let late = u64::try_from(steps).unwrap();
        record_at(&store, later, 1_101 + late, &[usage(u128::from(5_000 + late), 1, None)]).await;
        pay_in(&store, &format!("transfer {steps}"), 10).await.unwrap();
        assert_eq!(owed(&store, "2026-11").await, before, "whatever is made of it yet");
        none(&check(&store).await.unwrap().findings);
        let closing = store.closing(period("2026-11")).await.unwrap().unwrap();
        let made = (steps * 500).min(1_100);
        assert_eq!((closing.statements, closing.made, closing.sealed_at), (1_100, made as u64, None));
        assert!(go_on(&store, later).await.unwrap());
        steps += 1;
        store.close().await;
        if steps == STEPS {
            break;
        }
    }
    let store = place.open().await;
    assert!(!go_on(&store, december()).await.unwrap(), "it is final");
    assert!(cut(&store, "2026-11", december()).await, "it was closed before");
    assert_eq!(kept(&place).await, expected);
    let closing = store.closing(period("2026-11")).await.unwrap().unwrap();
    assert_eq!((closing.made, &closing.terms), (1_100, &Some((1, "Asia/Shanghai".to_owned()))));
    let [recorded] = closing.positions.as_slice() else { panic!("{closing:?}") };
    assert_eq!((recorded.node.as_str(), recorded.sequence), ("node-1", 1_100), "as of the cut");
    assert_eq!(owed(&store, "2026-11").await, before);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn nodes_that_go_on_at_once_make_each_statement_once(place: Place) {
    let expected = undisturbed().await;
    let store = busy(&place).await;
    cut(&store, "2026-11", december()).await;
    let (one, other) = (place.open().await, place.open().await);
    let (first, second) = tokio::join!(finish(&one, december()), finish(&other, december()));
    first.unwrap();
    second.unwrap();
    assert_eq!(kept(&place).await, expected);
    assert_eq!(place.texts("select period from period_seal").await, ["2026-11"]);
    none(&check(&store).await.unwrap().findings);
    for store in [store, one, other] {
        store.close().await;
    }
}

async fn what_is_paid_in_behind_the_cut_is_told_on_the_next_statement(place: Place) {
    let store = open(&place).await;
    let owner = Owner::Partner(PartnerId::new("partner_1").unwrap());
    make(&store, "bal_1", owner, BalanceKind::Credit(500)).await.unwrap();
    pay_in(&store, "transfer 1", 12).await.unwrap();
    let second = |id, units| UsageRecord { app: app("app_2"), ..usage(id, units, None) };
    record(&store, 1, &[usage(1, 12, None), second(2, 7)]).await;
    cut(&store, "2026-11", december()).await;
    pay_in(&store, "transfer 2", 8).await.unwrap();
    finish(&store, december()).await.unwrap();
    let of = |first, second| BTreeMap::from([("app_1".to_owned(), first), ("app_2".to_owned(), second)]);
    assert_eq!(owed(&store, "2026-11").await, of((10, 10), (5, 2)), "as it was at the cut");
    let later = |record| UsageRecord { at: december(), ..record };
    record_at(&store, december(), 3, &[later(usage(3, 6, None)), later(second(4, 5))]).await;
    assert_eq!(owed(&store, "2026-12").await, of((4, 4), (3, 1)));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_period_waits_for_its_grace_unless_it_is_closed_early(place: Place) {
    let store = open(&place).await;
    record(&store, 1, &[usage(1, 5, None)]).await;
    let begin_at = async |month: &str, now: &str, early| {
        let terms = Terms { grace: GRACE, early };
        begin((&store, &store), period(month), (&zone(), at(now)), terms).await
    };
    let running = begin_at("2026-11", "2026-11-30T15:59:59Z", CloseEarly::Refused).await;
    assert!(matches!(running, Err(StatementError::StillOpen(..))), "{running:?}");
    let within = "2026-12-03T15:59:59Z";
    match begin_at("2026-11", within, CloseEarly::Refused).await {
        Err(StatementError::InGrace(_, until)) => assert_eq!(until, at("2026-12-03T16:00:00Z")),
        other => panic!("{other:?}"),
    }
    // What comes late by then is billed with it.
    record_at(&store, at(within), 2, &[usage(2, 5, None)]).await;
    assert!(!begin_at("2026-11", within, CloseEarly::Allowed).await.unwrap());
    finish(&store, at(within)).await.unwrap();
    assert_eq!(owed(&store, "2026-11").await["app_1"], (8, 0));
    let used = UsageRecord { at: at(within), ..usage(3, 5, None) };
    record_at(&store, at(within), 3, &[used]).await;
    assert!(!begin_at("2026-12", "2027-01-03T16:00:00Z", CloseEarly::Refused).await.unwrap());
    finish(&store, at("2027-01-03T16:00:00Z")).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn the_next_period_is_cut_behind_the_last_statement_of_the_one_before(place: Place) {
    let store = open(&place).await;
    let second = UsageRecord { app: app("app_2"), ..usage(2, 5, None) };
    record(&store, 1, &[usage(1, 5, None), second]).await;
    cut(&store, "2026-11", december()).await;
    record_at(&store, december(), 3, &[UsageRecord { at: december(), ..usage(3, 5, None) }]).await;
    let january = at("2027-01-02T00:00:00Z");
    assert!(!cut(&store, "2026-12", january).await);
    let made = "select period || ' ' || number || ' ' || app from statement order by number";
    assert_eq!(place.texts(made).await, ["2026-11 1 app_1", "2026-11 2 app_2"]);
    finish(&store, january).await.unwrap();
    assert_eq!(place.texts(made).await.last().unwrap(), "2026-12 3 app_1");
    let closed = "select distinct period || ' ' || closed_at from statement order by 1";
    let times = [december(), january].map(|at| at.as_micros());
    assert_eq!(
        place.texts(closed).await,
        [format!("2026-11 {}", times[0]), format!("2026-12 {}", times[1])],
        "each as of its own cut"
    );
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_period_is_sealed_with_all_its_statements_alone(place: Place) {
    let store = open(&place).await;
    record(&store, 1, &[usage(1, 5, None)]).await;
    let refused = async |sql: &str| assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    let statement = "insert into statement (number, partner, app, period, currency, closed_at, hash, content) \
                     values (9, 'partner_1', 'app_9', '2026-11', 'CNY', 0, '', '')";
    let seal = "insert into period_seal (period, sealed_at) values ('2026-11', 0)";
    refused(statement).await;
    refused(seal).await;
    cut(&store, "2026-11", december()).await;
    for sql in [
        seal,
        "insert into closing_paid (period, app, partner, currency, minor) values ('2026-11', 'a', 'p', 'CNY', 1)",
        "insert into closing_position (period, node, sequence) values ('2026-11', 'node-9', 1)",
        "update period_closing set statements = 0",
        "update closing_position set sequence = 0",
        "delete from period_closing",
    ] {
        refused(sql).await;
    }
    finish(&store, december()).await.unwrap();
    refused(statement).await;
    refused("delete from period_seal").await;
    none(&check(&store).await.unwrap().findings);
    place.tamper(&without(&place, "period_closing_stays", "period_closing")).await;
    for change in ["statements = statements", "first_number = first_number"] {
        place.tamper(&format!("update period_closing set {change} + 1")).await;
        found(&check(&store).await.unwrap().findings, "not as many as it was closed with");
        place.tamper(&format!("update period_closing set {change} - 1")).await;
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// The shipped policies with another `billing`.
fn policies(billing: &str) -> Snapshot {
    let copy = folder::policies();
    folder::change(&copy, "platform.yaml", "billing:\n  close: by-hand\n", billing);
    load(copy.path(), &NoValues).unwrap()
}

async fn nodes_close_what_the_policies_leave_to_them_once(place: Place) {
    let store = open(&place).await;
    record(&store, 1, &[usage(1, 5, None)]).await;
    let (first, second) = (node("node-1"), node("node-2"));
    let (within, ended) = (at("2026-12-03T15:59:59Z"), at("2026-12-03T16:00:00Z"));
    let by_hand = policies("billing: {grace: 72h}\n");
    let by_nodes = policies("billing: {grace: 72h, close: after-grace}\n");
    assert_eq!(close_due(&store, &by_hand, (&first, ended)).await.unwrap(), None);
    assert_eq!(close_due(&store, &by_nodes, (&first, within)).await.unwrap(), None);
    let (one, other) = tokio::join!(
        close_due(&store, &by_nodes, (&first, ended)),
        close_due(&store, &by_nodes, (&second, ended))
    );
    let closed = [one.unwrap(), other.unwrap()];
    assert_eq!(closed.iter().flatten().collect::<Vec<_>>(), [&period("2026-11")], "{closed:?}");
    finish(&store, ended).await.unwrap();
    let by = if closed[0].is_some() { "node:node-1" } else { "node:node-2" };
    assert_eq!(
        place
            .texts("select actor || ' ' || subject from audit_record where action = 'statement.close'")
            .await,
        [format!("{by} 2026-11")]
    );
    assert_eq!(close_due(&store, &by_nodes, (&first, ended)).await.unwrap(), None, "nothing is due");
    assert_eq!(owed(&store, "2026-11").await["app_1"], (3, 0));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_clock_that_jumps_ahead_closes_nothing(place: Place) {
    let store = open(&place).await;
    record(&store, 1, &[usage(1, 5, None)]).await;
    let by_nodes = policies("billing: {grace: 72h, close: after-grace}\n");
    let (node, ended) = (node("node-1"), at("2026-12-03T16:00:00Z"));
    let latest = ended.minus(by_nodes.platform.record_times.ahead);
    for (latest, closed) in
        [(latest.minus(Duration::from_micros(1)), None), (latest, Some(period("2026-11")))]
    {
        place.tamper(&format!("update journal_position set latest = {}", latest.as_micros())).await;
        assert_eq!(close_due(&store, &by_nodes, (&node, at("2036-01-01T00:00:00Z"))).await.unwrap(), closed);
    }
    let as_of = format!("select period from closed_period where closed_at = {}", ended.as_micros());
    assert_eq!(place.texts(&as_of).await, ["2026-11"]);
    store.close().await;
}
