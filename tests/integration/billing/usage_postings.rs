//! What the ledger posts because of one usage record, on both stores.

use tollgate::domain::id::ProductName;
use tollgate::domain::share::Earned;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;
use tollgate::store::usage_posting::UsagePosting;
use uuid::Uuid;

use super::on_both_stores;
use super::seed::{plan, record, register, sale, tariff, usage};
use crate::support::stores::Place;

on_both_stores!(a_record_has_the_postings_that_it_caused_alone_or_with_others);

/// What is posted because of a record, and the causes that its charges name.
async fn posted(store: &Store, number: u128) -> (Vec<UsagePosting>, Vec<String>) {
    let id = Uuid::from_u128(number).to_string();
    let postings = store.postings_of_usage(&id).await.unwrap();
    for posting in &postings {
        assert_eq!(posting.accounts.iter().map(|(_, minor)| minor).sum::<i64>(), 0, "{posting:?}");
        assert_eq!((posting.currency.as_str(), posting.period.as_str()), ("CNY", "2026-11"), "{posting:?}");
    }
    let charges = store.charges_of_usage(&id).await.unwrap();
    (postings, charges.into_iter().filter_map(|kept| kept.cause).collect())
}

/// What is posted to an account.
fn to(posting: &UsagePosting, account: &str) -> Option<i64> {
    posting.accounts.iter().find(|(name, _)| name == account).map(|(_, minor)| *minor)
}

async fn a_record_has_the_postings_that_it_caused_alone_or_with_others(place: Place) {
    let receivable = "partner:partner_1:receivable";
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let mut later = tariff("0.01", 0, "2.5");
    later
        .share
        .iter_mut()
        .flat_map(|share| &mut share.items)
        .for_each(|item| item.earned = Earned::OnSettlement);
    register(&store, &plan("standard", 2), &later).await;
    let waiting = UsageRecord {
        subscribed: Some((ProductName::new("storefront").unwrap(), plan("standard", 2))),
        ..usage(3, 1, Some(sale("o-3", 10_000)))
    };
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, None), waiting]).await;

    let (postings, mut causes) = posted(&store, 1).await;
    let mut told: Vec<String> = postings.iter().map(|posting| posting.cause.clone()).collect();
    told.sort_unstable();
    causes.sort_unstable();
    assert_eq!((told.len(), &told), (2, &causes), "its fee and its share");
    let mut sums: Vec<_> = postings.iter().map(|posting| to(posting, receivable)).collect();
    sums.sort_unstable();
    assert_eq!(sums, [Some(2), Some(250)], "the fee with that of another call");

    let (fee, causes) = posted(&store, 2).await;
    assert_eq!((fee.len(), &fee[0].cause), (1, &causes[0]));
    assert!(told.contains(&fee[0].cause), "that of both");

    // A share that is pending is posted, and not charged yet.
    let (postings, causes) = posted(&store, 3).await;
    assert_eq!((postings.len(), causes.len()), (2, 1), "{postings:?}");
    let pending = postings.iter().find(|posting| !causes.contains(&posting.cause)).unwrap();
    assert_eq!(to(pending, "partner:partner_1:pending"), Some(250), "{pending:?}");
    assert_eq!(store.postings_of_usage(&Uuid::from_u128(9).to_string()).await.unwrap(), Vec::new());
    store.close().await;
}
