//! Leases of units in the books: granted, consumed and given back within what a balance bears, on both stores.

use tollgate::billing::balance::available::Asked;
use tollgate::billing::balance::leases::{
    Granted, begin, give_back, give_up, grant, leased, settle, settle_earlier, was_granted,
};
use tollgate::billing::books::exceptions::{Decision, Given, Reason, resolve};
use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::ledger::check::check;
use tollgate::domain::balance::{BalanceKind, Part, Run, Stretch};
use tollgate::domain::tariff::{FeeItem, FeeTerms, Tariff};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::store::Store;

use super::balances::{held, lease, lease_of, of_app, open, pay_in, run, seed, stretch, sums};
use super::on_both_stores;
use super::seed::{
    app, calls, cny, deciding, journal, journal_of, node, none, november, plan, record, register, tariff,
    time, usage,
};
use crate::support::stores::Place;

on_both_stores!(
    units_are_leased_consumed_and_given_back_within_what_was_paid_in,
    many_leases_at_once_are_within_what_was_paid_in,
    what_a_restarted_node_had_not_used_comes_back_once_its_journal_is_recorded,
    a_restarted_node_leases_before_its_journal_is_recorded,
    units_go_from_one_stretch_to_another_in_one_step,
    a_unit_of_one_item_is_no_unit_of_another,
    whether_what_the_store_did_not_say_was_done_is_found_out,
    a_lease_only_grows,
    units_of_what_someone_must_decide_about_stay_reserved_until_then,
);

async fn units_are_leased_consumed_and_given_back_within_what_was_paid_in(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    assert_eq!(lease(&store, "node-1", 50).await, 2, "those that are free");
    pay_in(&store, "transfer 1", 10).await.unwrap();
    assert_eq!(lease(&store, "node-1", 4).await, 4);
    assert_eq!(lease(&store, "node-2", 50).await, 6, "what the other has left");
    assert_eq!(lease(&store, "node-2", 1).await, 0);
    assert_eq!(sums(&store, &balance).await, (0, 10, 0));
    // Two calls of four units, and a refused one.
    let refused = UsageRecord { evidence: Evidence::Free, ..usage(9, 1, None) };
    record(&store, 1, &[held(1, 1, 1), held(2, 3, 3), refused]).await;
    assert_eq!(sums(&store, &balance).await, (2, 8, 0));
    let (second, some) = (run("node-2", 0), |units| [(stretch("2026-11"), units)]);
    give_back(&store, &second, &some(5)).await.unwrap();
    assert_eq!(sums(&store, &balance).await, (2, 3, 5));
    assert!(give_back(&store, &second, &some(2)).await.is_err(), "it has one");
    assert_eq!(lease(&store, "node-1", 50).await, 5);
    // More units than were held are spent all the same: then less is left than nothing.
    record(&store, 4, &[held(4, 9, 7)]).await;
    assert_eq!(sums(&store, &balance).await, (11, 1, -2));
    assert_eq!(lease(&store, "node-1", 1).await, 0);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn many_leases_at_once_are_within_what_was_paid_in(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 100).await.unwrap();
    let asking: Vec<_> = (0..64)
        .map(|number: u64| {
            let (store, on) = (store.clone(), format!("node-{}", number % 3));
            tokio::spawn(async move { lease(&store, &on, 1 + number % 4).await })
        })
        .collect();
    let mut leased = 0;
    for asked in asking {
        leased += asked.await.unwrap();
    }
    assert_eq!(leased, 102, "two are free");
    assert_eq!(sums(&store, &balance).await, (0, 100, 0));
    store.close().await;
}

async fn what_a_restarted_node_had_not_used_comes_back_once_its_journal_is_recorded(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(10)).await;
    assert_eq!(lease(&store, "node-1", 8).await, 8);
    assert!(!settle(&store, &node("node-1"), 2).await.unwrap(), "two records wait in its journal");
    assert!(settle(&store, &node("node-2"), 9).await.unwrap(), "it has leased nothing");
    record(&store, 1, &[held(1, 1, 1), held(2, 2, 2)]).await;
    assert_eq!(sums(&store, &balance).await, (1, 5, 4));
    assert!(settle(&store, &node("node-1"), 2).await.unwrap());
    assert_eq!(sums(&store, &balance).await, (1, 0, 9));
    // The same records once more change nothing.
    let again = journal(1, &[held(1, 1, 1), held(2, 2, 2)]);
    record_batch(&store, &journal_of("node-1"), again, time(november())).await.unwrap();
    assert_eq!(sums(&store, &balance).await, (1, 0, 9));
    none(&check(&store).await.unwrap().findings);
    // Of a node that is lost it comes back because somebody says so.
    assert_eq!(lease(&store, "node-2", 4).await, 4);
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(give_up(&mut transaction, &balance.id, &node("node-1")).await.unwrap(), 0);
    assert_eq!(give_up(&mut transaction, &balance.id, &node("node-2")).await.unwrap(), 4);
    transaction.commit().await.unwrap();
    assert_eq!(sums(&store, &balance).await, (1, 0, 9));
    store.close().await;
}

/// The units that a run has leased by what the store says.
async fn open_of(store: &Store, run: &Run) -> u64 {
    leased(store, run).await.unwrap().0.into_values().sum()
}

async fn a_restarted_node_leases_before_its_journal_is_recorded(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(10)).await;
    let (first, second) = (run("node-1", 0), run("node-1", 2));
    assert_eq!(lease_of(&store, &first, &stretch("2026-11"), 6).await, 6);
    begin(&store, &second).await.unwrap();
    assert!(!settle_earlier(&store, &second).await.unwrap(), "two records wait in its journal");
    assert_eq!(lease_of(&store, &second, &stretch("2026-11"), 9).await, 6, "beside what the first had");
    // Of the first run, then of the second.
    record(&store, 1, &[held(1, 1, 1), held(2, 2, 2), held(3, 3, 3)]).await;
    assert_eq!((open_of(&store, &first).await, open_of(&store, &second).await), (3, 3));
    assert!(settle_earlier(&store, &second).await.unwrap());
    assert_eq!((open_of(&store, &first).await, open_of(&store, &second).await), (0, 3));
    assert_eq!(sums(&store, &balance).await, (4, 3, 3));
    // A run that begins at the same place has written nothing of what the one before it had leased.
    begin(&store, &run("node-1", 2)).await.unwrap();
    assert_eq!(sums(&store, &balance).await, (4, 0, 6));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn units_go_from_one_stretch_to_another_in_one_step(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 5).await.unwrap();
    let (run, other) = (run("node-1", 0), Stretch { app: app("app_2"), ..stretch("2026-11") });
    assert_eq!(lease_of(&store, &run, &stretch("2026-11"), 9).await, 7);
    assert_eq!(lease_of(&store, &run, &other, 9).await, 2, "those that are free");
    let (asked, returned) = (Asked { waiting: 9, ahead: 0 }, [(stretch("2026-11"), 4)]);
    let granted = grant(&store, &run, &other, (asked, &returned)).await.unwrap();
    assert!(matches!(granted, Granted::Now(4)), "{granted:?}");
    assert_eq!(sums(&store, &balance).await, (0, 5, 0));
    store.close().await;
}

async fn a_unit_of_one_item_is_no_unit_of_another(place: Place) {
    let store = place.open().await;
    let named = |name: &str, each: &str, route: &str| {
        let terms = FeeTerms {
            name: name.parse().unwrap(),
            routes: Some(vec![route.parse().unwrap()]),
            ..calls(each, 0).terms().clone()
        };
        FeeItem::new(terms, cny()).unwrap()
    };
    let fees = vec![named("orders", "0.15", "place-order"), named("reads", "0.02", "list-orders")];
    register(&store, &plan("standard", 1), &Tariff { fees, ..tariff("0.01", 2, "2.5") }).await;
    seed(&store).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 20).await.unwrap();
    let of = |item: &str| {
        let part = Part { item: item.parse().unwrap(), promotion: None };
        Stretch { part: Some(part), ..stretch("2026-11") }
    };
    let run = run("node-1", 0);
    assert_eq!(lease_of(&store, &run, &of("orders"), 9).await, 1);
    assert_eq!(lease_of(&store, &run, &of("reads"), 9).await, 2, "a call of 0.02 passes with 0.05 left");
    let read = UsageRecord { route: Some("list-orders".parse().unwrap()), ..held(1, 1, 1) };
    record(&store, 1, &[read, held(2, 1, 1)]).await;
    assert_eq!(sums(&store, &balance).await, (17, 2, 1));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// Has each lease fail as it is committed, until `drop_failure`.
fn failure(place: &Place) -> &'static str {
    match place {
        Place::Folder(_) => {
            "create table nobody (id integer primary key); \
             create table refused (id integer references nobody (id) deferrable initially deferred); \
             create trigger refuse_lease after insert on balance_lease begin insert into refused values (1); end"
        }
        Place::Schema(_) => {
            "create function refuse_lease() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$; \
             create constraint trigger refuse_lease after insert on balance_lease deferrable initially deferred \
             for each row execute function refuse_lease()"
        }
    }
}

fn drop_failure(place: &Place) -> &'static str {
    match place {
        Place::Folder(_) => "drop trigger refuse_lease",
        Place::Schema(_) => "drop trigger refuse_lease on balance_lease",
    }
}

async fn whether_what_the_store_did_not_say_was_done_is_found_out(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(10)).await;
    let (run, asked) = (run("node-1", 0), Asked { waiting: 5, ahead: 0 });
    place.tamper(failure(&place)).await;
    let doubt = match grant(&store, &run, &stretch("2026-11"), (asked, &[])).await.unwrap() {
        Granted::Unsaid(doubt) => doubt,
        Granted::Now(units) => panic!("{units} units are leased"),
    };
    assert!(!was_granted(&store, &run, &doubt).await.unwrap());
    place.tamper(drop_failure(&place)).await;
    assert_eq!(sums(&store, &balance).await, (0, 0, 10));
    assert_eq!(lease_of(&store, &run, &stretch("2026-11"), 5).await, 5);
    assert!(was_granted(&store, &run, &doubt).await.unwrap(), "so it would look if it had been");
    assert_eq!(open_of(&store, &run).await, 5);
    store.close().await;
}

async fn a_lease_only_grows(place: Place) {
    let store = open(&place).await;
    of_app(&store, BalanceKind::Credit(100)).await;
    assert_eq!(lease(&store, "node-1", 8).await, 8);
    record(&store, 1, &[held(1, 3, 3)]).await;
    for sql in [
        "update balance_lease set granted = granted - 1",
        "update balance_lease set consumed = consumed - 1",
        "update balance_lease set consumed = consumed + 6",
        "update balance_lease set returned = 6",
        "update balance_lease set node = 'node-2'",
        "delete from balance_lease",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    place.tamper("update balance_lease set returned = 5").await;
    assert!(settle(&store, &node("node-1"), 0).await.unwrap());
    store.close().await;
}

async fn units_of_what_someone_must_decide_about_stay_reserved_until_then(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 3).await.unwrap();
    record(&store, 1, &[usage(1, 2, None)]).await;
    assert_eq!(lease(&store, "node-1", 9).await, 3);
    let evidence =
        || Evidence::Exception { reason: "the caller left before the upstream's answer".to_owned() };
    let left = |id| UsageRecord { evidence: evidence(), ..held(id, 1, 1) };
    record(&store, 2, &[left(2), left(3)]).await;
    assert!(settle(&store, &node("node-1"), 3).await.unwrap());
    assert_eq!(sums(&store, &balance).await, (0, 2, 1), "whoever restarts does not give them back");
    assert_eq!(lease(&store, "node-2", 9).await, 1);
    let reason = || Reason { who: "ops".to_owned(), why: "asked".to_owned() };
    let id = |number: u128| format!("usage:{}", uuid::Uuid::from_u128(number));
    resolve(&store, &id(2), Decision::Waive, reason(), deciding(november())).await.unwrap();
    assert_eq!(sums(&store, &balance).await, (0, 2, 1));
    let rated = Decision::RateBy(Given::Call { units: 1, transaction: None });
    resolve(&store, &id(3), rated, reason(), deciding(november())).await.unwrap();
    assert_eq!(sums(&store, &balance).await, (1, 1, 1));
    none(&check(&store).await.unwrap().findings);
    for sql in [
        "update balance_dispute set is_open = 1",
        "update balance_dispute set units = 9",
        "delete from balance_dispute",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
}
