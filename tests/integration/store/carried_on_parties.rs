//! What older programs posted to accounts by their texts is told with what is posted to accounts by number.

use tollgate::billing::ledger::history::{HistoryCursor, PageEnds, history};
use tollgate::billing::ledger::manual::post;
use tollgate::domain::account::Account;
use tollgate::domain::id::PostingName;
use tollgate::domain::manual_posting::ManualPosting;
use tollgate::domain::money::{Amount, Currency};

use super::carried_on::step;
use super::seed::START;
use crate::billing::seed::accounts_at;
use crate::support::stores::Place;

async fn postings_of_older_programs_are_told_with_new_ones(place: Place) {
    step(&place, 3).await;
    place.tamper(include_str!("books_of_the_third_step.sql")).await;
    let store = place.open().await;
    let owed: Account = "partner:p:receivable".parse().unwrap();
    let currency: Currency = "CNY".parse().unwrap();
    let paid = ManualPosting {
        name: PostingName::new("paid-1").unwrap(),
        debit: "platform:cash".parse().unwrap(),
        credit: owed.clone(),
        amount: Amount { minor: 52, currency },
        reason: "a transfer".to_owned(),
    };
    post(&store, paid, ("li", START)).await.unwrap();
    let ends = PageEnds::default();
    let told = async |after, size| {
        let page =
            history(&store, (&owed, currency), HistoryCursor::after(after), size, &ends).await.unwrap();
        let entries =
            page.entries.iter().map(|(entry, balance)| (entry.cause.clone(), entry.minor, *balance));
        (page.opening, entries.collect::<Vec<_>>(), page.closing, page.next.map(|next| next.to_string()))
    };
    let entry = |cause: &str, minor: i64, balance: i128| (cause.to_owned(), minor, balance);
    let all = vec![
        entry("c1", 2, 2),
        entry("c2", 250, 252),
        entry("c3", -100, 152),
        entry("c4", -100, 52),
        entry("manual:paid-1", -52, 0),
    ];
    assert_eq!(told(0, 10).await, (0, all.clone(), 0, None));
    assert_eq!(told(3, 1).await, (152, all[3..4].to_vec(), 52, Some("4".to_owned())));
    assert_eq!(told(4, 1).await, (52, all[4..].to_vec(), 0, Some("5".to_owned())));
    assert_eq!(told(5, 1).await, (0, Vec::new(), 0, None));
    // A node of an older program goes on until it is replaced.
    let posted = "insert into ledger_transaction values (9, 'c9', 0, 'a', '2026-11', 'CNY'); \
                  insert into ledger_posting values (9, 'partner:p:receivable', 7), (9, 'platform:revenue:fees', -7);";
    place.tamper(posted).await;
    assert_eq!(told(5, 10).await, (0, vec![entry("c9", 7, 7)], 7, None));
    let balances = accounts_at(&store, None).await;
    let balances: Vec<_> =
        balances.iter().map(|balance| format!("{} {}", balance.account, balance.minor)).collect();
    assert_eq!(
        balances,
        [
            "partner:p:receivable 7",
            "platform:cash 52",
            "platform:revenue:fees -9",
            "platform:revenue:share -50"
        ]
    );
    store.close().await;
}

#[tokio::test]
async fn postings_of_older_programs_are_told_with_new_ones_in_sqlite() {
    postings_of_older_programs_are_told_with_new_ones(Place::sqlite()).await;
}

#[tokio::test]
async fn postings_of_older_programs_are_told_with_new_ones_in_postgres() {
    postings_of_older_programs_are_told_with_new_ones(Place::postgres().await).await;
}
