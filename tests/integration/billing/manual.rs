//! What administrators post by hand: once by each name, and never two things by one.

use tollgate::billing::ledger::check::check;
use tollgate::billing::ledger::manual::{ManualError, post};
use tollgate::domain::id::PostingName;
use tollgate::domain::manual_posting::ManualPosting;
use tollgate::domain::money::Amount;

use super::ledger::{booked, found, without};
use super::on_both_stores;
use super::seed::{accounts_at, at, cny, none, november};
use crate::support::stores::Place;

on_both_stores! {
    a_posting_by_hand_is_made_once_and_never_another_by_its_name,
    what_was_posted_by_hand_stays_and_is_found_if_it_does_not,
    a_name_is_taken_by_one_of_many_who_post_at_once,
}

pub(super) fn posting(name: &str, debit: &str, credit: &str, minor: i64) -> ManualPosting {
    ManualPosting {
        name: PostingName::new(name).unwrap(),
        debit: debit.parse().unwrap(),
        credit: credit.parse().unwrap(),
        amount: Amount { minor, currency: cny() },
        reason: "a transfer".to_owned(),
    }
}

fn payment(minor: i64) -> ManualPosting {
    posting("paid-1", "platform:cash", "partner:partner_1:receivable", minor)
}

async fn a_posting_by_hand_is_made_once_and_never_another_by_its_name(place: Place) {
    let store = booked(&place).await;
    let made = post(&store, payment(252), ("li", november())).await.unwrap();
    assert!(!made.was_posted);
    let again = post(&store, payment(252), ("wang", at("2026-11-25T00:00:00Z"))).await.unwrap();
    assert_eq!((again.kept, again.was_posted), (made.kept.clone(), true), "it tells who posted it, and when");
    for other in [
        payment(253),
        posting("paid-1", "platform:cash", "partner:partner_2:receivable", 252),
        posting("paid-1", "partner:partner_1:receivable", "platform:cash", 252),
        ManualPosting { reason: "another reason".to_owned(), ..payment(252) },
        ManualPosting { amount: Amount { minor: 252, currency: "USD".parse().unwrap() }, ..payment(252) },
    ] {
        let refused = post(&store, other, ("li", november())).await;
        let Err(ManualError::Another(kept)) = &refused else { panic!("{refused:?}") };
        assert_eq!(**kept, made.kept);
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("2.52 CNY") && told.contains("by li") && told.contains("paid-1"), "{told}");
    }
    let checked = check(&store).await.unwrap();
    none(&checked.findings);
    let accounts = accounts_at(&store, None).await;
    let balances: Vec<_> = accounts.iter().map(|balance| (balance.account.as_str(), balance.minor)).collect();
    assert_eq!(
        balances,
        [
            ("partner:partner_1:receivable", 0),
            ("platform:cash", 252),
            ("platform:revenue:fees", -2),
            ("platform:revenue:share", -250),
        ]
    );
    store.close().await;
}

async fn what_was_posted_by_hand_stays_and_is_found_if_it_does_not(place: Place) {
    let store = booked(&place).await;
    post(&store, payment(252), ("li", november())).await.unwrap();
    for sql in ["update ledger_manual set minor = 1", "delete from ledger_manual"] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    if matches!(place, Place::Folder(_)) {
        let replaced = "insert or replace into ledger_manual select * from ledger_manual";
        assert!(place.try_tamper(replaced).await.is_err());
    }
    let unruled = "manual:paid-1: ledger transaction, which posted other amounts, or to other accounts";
    place.tamper(&without(&place, "ledger_manual_stays", "ledger_manual")).await;
    place.tamper("update ledger_manual set minor = minor + 1").await;
    found(&check(&store).await.unwrap().findings, unruled);
    place.tamper("update ledger_manual set minor = minor - 1, debit = credit, credit = debit").await;
    found(&check(&store).await.unwrap().findings, unruled);
    if matches!(place, Place::Folder(_)) {
        place.tamper("drop trigger ledger_manual_is_kept").await;
    }
    place.tamper("delete from ledger_manual").await;
    let uncaused = "manual:paid-1: ledger transaction, which nothing caused";
    found(&check(&store).await.unwrap().findings, uncaused);
    store.close().await;
}

async fn a_name_is_taken_by_one_of_many_who_post_at_once(place: Place) {
    let store = booked(&place).await;
    let posting: Vec<_> = (1..=8)
        .map(|minor| {
            let store = store.clone();
            tokio::spawn(async move { post(&store, payment(minor), ("li", november())).await })
        })
        .collect();
    let mut made = 0;
    for one in posting {
        match one.await.unwrap() {
            Ok(posted) => made += usize::from(!posted.was_posted),
            Err(error) => assert!(matches!(error, ManualError::Another(_)), "{error}"),
        }
    }
    assert_eq!(made, 1);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
