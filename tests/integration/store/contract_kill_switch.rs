//! What is switched off.

use tollgate::domain::kill_switch::{KillSwitch, SwitchKey, SwitchKind};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later};

contract!(what_is_off_comes_back_as_it_went_in_and_goes_when_it_is_on_again, every_node_hears_of_each_change,);

fn switch(kind: SwitchKind, name: &str) -> KillSwitch {
    let key = SwitchKey { kind, name: name.to_owned() };
    KillSwitch { key, reason: "a test".to_owned(), message: None, off_since: START }
}

async fn what_is_off_comes_back_as_it_went_in_and_goes_when_it_is_on_again(store: Store) {
    let route = switch(SwitchKind::Route, "order");
    let upstream = switch(SwitchKind::Upstream, "order");
    let mut transaction = store.begin().await.unwrap();
    for switch in [&upstream, &route] {
        assert_eq!(transaction.lock_kill_switch(&switch.key).await.unwrap(), None);
        transaction.switch_off(switch).await.unwrap();
    }
    assert_eq!(transaction.count_kill_switches().await.unwrap(), 2);
    transaction.commit().await.unwrap();
    assert_eq!(store.kill_switches().await.unwrap(), [route.clone(), upstream.clone()]);
    let again =
        KillSwitch { message: Some("订单已关闭".to_owned()), off_since: later(5), ..route.clone() };
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.lock_kill_switch(&route.key).await.unwrap(), Some(route.clone()));
    transaction.switch_off(&again).await.unwrap();
    transaction.switch_on(&upstream.key).await.unwrap();
    let missing = transaction.switch_on(&upstream.key).await;
    assert!(matches!(missing, Err(StoreError::Missing { what: "kill switch" })), "{missing:?}");
    transaction.commit().await.unwrap();
    assert_eq!(store.kill_switches().await.unwrap(), std::slice::from_ref(&again));
    assert_eq!(store.kill_switch(&route.key).await.unwrap(), Some(again));
    assert_eq!(store.kill_switch(&upstream.key).await.unwrap(), None);
}

async fn every_node_hears_of_each_change(store: Store) {
    let off = switch(SwitchKind::Route, "a");
    let mut begin = store.identity_changes(None).await.unwrap().next;
    for round in 0..3 {
        let mut transaction = store.begin().await.unwrap();
        match round {
            0 | 1 => transaction.switch_off(&off).await.unwrap(),
            _ => transaction.switch_on(&off.key).await.unwrap(),
        }
        transaction.commit().await.unwrap();
        let told = store.identity_changes(Some(begin)).await.unwrap();
        assert!(told.subjects.unwrap().contains(&"kill_switch".to_owned()), "round {round}");
        begin = told.next;
    }
}
