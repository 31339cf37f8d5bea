//! Calls by which personal data left are listed by merchant, on both stores.

use tollgate::billing::recorder::record_batch;
use tollgate::domain::id::MerchantId;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::Drained;
use tollgate::store::Page;
use tollgate::store::personal_data_read::PersonalDataRead;
use uuid::Uuid;

use super::on_both_stores;
use super::seed::{journal_of, november, time, usage};
use crate::support::stores::Place;

fn merchant(id: &str) -> MerchantId {
    MerchantId::new(id).unwrap()
}

async fn a_merchant_has_those_of_its_buyers_alone(place: Place) {
    let store = place.open().await;
    let read = |id: u64, of: Option<&str>, scopes: &str| {
        let usage = UsageRecord {
            merchant: of.map(merchant),
            disclosed: scopes.parse().unwrap(),
            subscribed: None,
            evidence: Evidence::Free,
            ..usage(u128::from(id), 1, None)
        };
        Drained::Usage(id, Box::new(usage))
    };
    let batch = vec![
        read(1, Some("m-1"), "order:pii"),
        read(2, Some("m-1"), ""),
        read(3, Some("m-2"), "order:pii"),
        read(4, None, "order:pii"),
        read(5, Some("m-1"), "a order:pii"),
        read(6, Some("m-1"), "order:pii"),
    ];
    record_batch(&store, &journal_of("node-1"), (batch, 6), time(november())).await.unwrap();
    let first = store.personal_data_reads(&merchant("m-1"), &Page::first().with_size(2)).await.unwrap();
    let numbers = |reads: &[PersonalDataRead]| -> Vec<u128> {
        reads.iter().map(|read| read.usage.parse::<Uuid>().unwrap().as_u128()).collect()
    };
    assert_eq!(numbers(&first), [6, 5]);
    assert_eq!((first[1].scopes.to_string().as_str(), first[1].app.as_str()), ("a order:pii", "app_1"));
    let rest = Page::after(&first[1].number.to_string()).with_size(2);
    assert_eq!(numbers(&store.personal_data_reads(&merchant("m-1"), &rest).await.unwrap()), [1]);
    assert_eq!(numbers(&store.personal_data_reads(&merchant("m-2"), &Page::first()).await.unwrap()), [3]);
    assert!(store.personal_data_reads(&merchant("m-3"), &Page::first()).await.unwrap().is_empty());
    for change in [
        "update personal_data_read set scopes = 'x'",
        "delete from personal_data_read",
        "insert into personal_data_read select * from personal_data_read",
    ] {
        assert!(place.try_tamper(change).await.is_err(), "{change}");
    }
}

on_both_stores!(a_merchant_has_those_of_its_buyers_alone);
