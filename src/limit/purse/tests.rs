//! Units held, spent and given back, by threads at once too, and how those are answered that wait.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::*;
use crate::domain::balance::{BalanceKind, PaidFrom, Part, Stretch};
use crate::domain::id::{AppId, BalanceId, ItemName, PlanName, ProductName};
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;
use crate::limit::balance_purse::{BalanceHold, BalancePurse, BalanceUnits};

fn purse() -> (Arc<BalancePurse>, Arc<Desk<BalanceUnits>>) {
    let stretch = Stretch {
        balance: BalanceId::new("bal_1").unwrap(),
        app: AppId::new("app_1").unwrap(),
        product: ProductName::new("storefront").unwrap(),
        plan: PlanRef { name: PlanName::new("standard").unwrap(), version: 1 },
        part: Some(Part { item: ItemName::new("calls").unwrap(), promotion: None }),
        service_period: "2026-11".parse().unwrap(),
    };
    let desk = Arc::new(Desk::default());
    let span = (Timestamp::from_seconds(10), Timestamp::from_seconds(20));
    let (balance, currency) = (stretch.balance.clone(), "CNY".parse().unwrap());
    let paid_from =
        PaidFrom { balance, kind: BalanceKind::Prepaid, currency, merchant: None, used_up_until: None };
    let units = BalanceUnits::new(paid_from, stretch, span);
    (Arc::new(Purse::new(units, desk.clone())), desk)
}

#[test]
fn what_is_not_spent_comes_back() {
    let (purse, _) = purse();
    purse.put(5);
    let hold = purse.take(2).unwrap();
    assert!(purse.take(4).is_none(), "all or none");
    assert_eq!(purse.left(), 3);
    drop(hold);
    assert_eq!(purse.left(), 5);
    purse.take(2).unwrap().spend();
    assert_eq!((purse.leave(5), purse.leave(2), purse.left()), (0, 1, 2));
    assert_eq!((purse.leave(0), purse.left()), (2, 0));
    assert_eq!((purse.leased(), purse.unspent()), (2, 0), "what was taken out is not leased any more");
    purse.put_again(2);
    assert_eq!((purse.leased(), purse.left(), purse.used(), purse.unspent()), (4, 2, 2, 2));
}

#[test]
fn it_is_known_that_there_are_too_few_only_once_that_was_said() {
    let (purse, _) = purse();
    purse.put(1);
    assert!(!purse.lacks(2), "nobody has asked");
    purse.refuse();
    assert!(purse.lacks(2) && !purse.lacks(1));
    purse.may_ask_again();
    assert!(!purse.lacks(2));
}

#[test]
fn a_call_that_used_another_number_of_units_takes_what_there_is_or_gives_back() {
    let (purse, _) = purse();
    purse.put(5);
    let hold = purse.take(1).unwrap().settled(4);
    assert_eq!((hold.units(), purse.left()), (4, 1));
    let hold = hold.settled(9);
    assert_eq!((hold.units(), purse.left()), (5, 0), "no more than there is");
    let hold = hold.settled(2);
    assert_eq!((hold.units(), purse.left()), (2, 3));
    hold.settled(2).spend();
    assert_eq!(purse.left(), 3);
}

#[test]
fn a_purse_is_for_calls_of_its_service_period_alone() {
    let (purse, _) = purse();
    for (second, is_for) in [(9, false), (10, true), (19, true), (20, false)] {
        assert_eq!(purse.is_for(Timestamp::from_seconds(second)), is_for, "{second}");
    }
}

#[test]
fn it_asks_once_and_before_it_is_empty() {
    let (purse, desk) = purse();
    purse.put(8);
    (0..5).for_each(|_| purse.take(1).unwrap().spend());
    assert!(desk.take().is_empty(), "three are left");
    (0..2).for_each(|_| purse.take(1).unwrap().spend());
    assert_eq!(desk.take().len(), 1, "once for both");
    purse.refuse();
    purse.take(1).unwrap().spend();
    assert!(desk.take().is_empty(), "there are no more");
}

#[test]
fn the_last_unit_going_to_and_fro_asks_once_a_look() {
    let (purse, desk) = purse();
    purse.put(1);
    drop(purse.take(1));
    assert_eq!(desk.take().len(), 1);
    purse.expect_no_more();
    (0..9).for_each(|_| drop(purse.take(1)));
    assert!(desk.take().is_empty(), "nothing is expected");
    purse.may_ask_again();
    drop(purse.take(1));
    assert_eq!(desk.take().len(), 1);
}

#[test]
fn threads_never_spend_more_than_was_put_in() {
    const UNITS: u64 = 100_000;
    let (purse, _) = purse();
    let spent = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..64_u64 {
            let (purse, spent) = (&purse, &spent);
            scope.spawn(move || {
                for round in 0..4000 {
                    let Some(hold) = purse.take(1 + (thread + round) % 3) else { continue };
                    // Some use another number than they hold, and every fourth fails.
                    let hold = hold.settled(1 + round % 5);
                    if round % 4 > 0 {
                        spent.fetch_add(hold.units(), Ordering::Relaxed);
                        hold.spend();
                    }
                }
            });
        }
        scope.spawn(|| (0..UNITS / 100).for_each(|_| purse.put(100)));
    });
    let left = u64::try_from(purse.left()).unwrap();
    assert_eq!(spent.load(Ordering::Relaxed) + left, UNITS, "none is lost or made");
    assert_eq!(purse.unspent(), left, "no call holds any");
}

#[tokio::test]
async fn who_waits_is_answered_by_what_comes_in_or_by_a_refusal() {
    let (purse, desk) = purse();
    let waiting = |units| {
        let purse = purse.clone();
        tokio::spawn(async move { purse.wait(units).await.map(BalanceHold::spend) })
    };
    let (first, second) = (waiting(2), waiting(3));
    while purse.wanted() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!((purse.largest(), purse.missing()), (3, 5));
    assert_eq!(desk.take().len(), 1);
    purse.put(3);
    // One of them has its units, the other asks again.
    while desk.take().is_empty() {
        tokio::task::yield_now().await;
    }
    purse.refuse();
    let answers = [first.await.unwrap(), second.await.unwrap()];
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Exhausted)).count(), 1, "{answers:?}");
    assert_eq!((purse.wanted(), purse.largest()), (0, 0));
    assert_eq!(purse.wait(9).await.map(BalanceHold::spend), Err(Exhausted), "it is not asked again so soon");
    purse.may_ask_again();
    let asking = tokio::time::timeout(Duration::from_millis(20), purse.wait(9)).await;
    assert!(asking.is_err() && !desk.take().is_empty(), "now it is");
    assert_eq!(purse.wanted(), 0, "who gave up waits no more");
}

#[tokio::test]
async fn what_a_call_gives_back_goes_to_one_that_waits_and_nobody_is_asked_again() {
    let (purse, desk) = purse();
    purse.put(2);
    let (one, other) = (purse.take(1).unwrap(), purse.take(1).unwrap());
    assert_eq!(desk.take().len(), 1);
    let waiting = purse.wait(2);
    let giving = async {
        assert_eq!(desk.take().len(), 1, "it asks as it begins to wait");
        drop(one);
        tokio::task::yield_now().await;
        assert!(desk.take().is_empty() && purse.wanted() == 2, "one is not enough, and no answer");
        drop(other);
    };
    let (waited, ()) = tokio::join!(waiting, giving);
    assert_eq!(waited.unwrap().units(), 2);
}
