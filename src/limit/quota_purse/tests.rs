//! What calls hold of a quota, use and owe.

use super::*;
use crate::domain::plan::Quantity;
use crate::limit::purse::Exhausted;

fn window() -> QuotaWindow {
    QuotaWindow {
        app: AppId::new("app_1").unwrap(),
        plan: PlanName::new("standard").unwrap(),
        quota: "monthly".parse().unwrap(),
        of: Quantity::Units,
        most: 100,
        from: Timestamp::from_seconds(0),
        until: Timestamp::from_seconds(1000),
    }
}

fn purse() -> Arc<QuotaPurse> {
    QuotaPurses::default().find(window()).unwrap()
}

#[test]
fn an_answer_settles_what_a_call_holds_and_what_is_missing_is_owed() {
    let purse = purse();
    assert!(purse.take(1).is_none() && purse.take(0).is_some());
    purse.put(10);
    let (one, two) = (purse.take(4).unwrap(), purse.take(6).unwrap());
    assert!(purse.take(1).is_none());
    one.settle(1);
    assert_eq!((purse.left(), purse.used()), (3, 7));
    drop(two);
    assert_eq!((purse.left(), purse.used()), (9, 1));
    purse.take(9).unwrap().settle(30);
    assert_eq!((purse.left(), purse.missing(), purse.used()), (-21, 21, 31));
    purse.put(25);
    purse.take(2).unwrap().keep();
    assert_eq!((purse.leave(1), purse.left(), purse.used()), (1, 1, 33));
    assert_eq!(purse.leave(1), 0);
    let (one, two) = (purse.take(0).unwrap(), purse.take(1).unwrap());
    one.settle(u64::MAX);
    two.settle(u64::MAX);
    assert_eq!(purse.left(), i64::MIN, "it does not wrap");
    assert!(purse.take(1).is_none());
}

#[test]
fn what_one_owes_another_has_to_lease_too() {
    let (before, now) = (purse(), purse());
    before.put(5);
    before.take(5).unwrap().settle(9);
    now.put(3);
    before.pass_debt_on(&now);
    before.pass_debt_on(&now);
    assert_eq!((before.left(), before.used(), now.left(), now.missing()), (0, 5, -1, 1));
    now.put(2);
    now.pass_debt_on(&before);
    assert_eq!((before.left(), now.left(), now.used()), (0, 1, 4), "it owes nothing");
}

#[tokio::test]
async fn who_waits_is_told_at_once_that_there_is_no_more() {
    let purse = purse();
    purse.put(3);
    let waiting = purse.wait(5);
    let answering = async {
        assert_eq!(purse.missing(), 2);
        purse.refuse();
    };
    let (waited, ()) = tokio::join!(waiting, answering);
    assert_eq!(waited.unwrap_err(), Exhausted);
    assert_eq!(purse.wait(4).await.unwrap_err(), Exhausted, "it was said so lately");
    assert_eq!(purse.wait(3).await.unwrap().units(), 3);
}

#[test]
fn a_window_that_is_over_is_forgotten_once_nothing_of_it_is_to_be_given_back() {
    let purses = QuotaPurses::default();
    let sweep = |now: i64| {
        let now = Timestamp::from_seconds(now);
        purses.sweep(|window| window.until <= now);
        purses.all().len()
    };
    let purse = purses.find(window()).unwrap();
    assert_eq!(sweep(999), 1, "a call has it");
    purse.put(3);
    drop(purse);
    assert_eq!(sweep(1000), 1, "three of it are leased, however the clock jumps");
    let purse = purses.find(window()).unwrap();
    assert_eq!(purse.leave(0), 3);
    purse.take(0).unwrap().settle(2);
    drop(purse);
    assert_eq!((sweep(999), purses.left(&window())), (1, -2), "what is owed is still to be leased");
    assert_eq!((sweep(1000), purses.left(&window())), (0, 0), "but of what is over");
}
