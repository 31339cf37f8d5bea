//! Calls by which personal data left are listed by merchant and by app, on both stores.

use tollgate::billing::books::recorder::record_batch;
use tollgate::domain::id::MerchantId;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::Drained;
use tollgate::store::Page;
use tollgate::store::personal_data_read::{PersonalDataRead, ReadsOf};
use uuid::Uuid;

use super::on_both_stores;
use super::seed::{app, journal_of, november, time, usage};
use crate::support::stores::Place;

fn merchant(id: &str) -> MerchantId {
    MerchantId::new(id).unwrap()
}

/// A call by which personal data left by those scopes, if by any.
fn read(id: u64, (of_app, of_merchant): (&str, Option<&str>), scopes: &str) -> Drained {
    let usage = UsageRecord {
        app: app(of_app),
        merchant: of_merchant.map(merchant),
        disclosed: scopes.parse().unwrap(),
        subscribed: None,
        evidence: Evidence::Free,
        ..usage(u128::from(id), 1, None)
    };
    Drained::Usage(id, Box::new(usage))
}

fn numbers(reads: &[PersonalDataRead]) -> Vec<u128> {
    reads.iter().map(|read| read.usage.parse::<Uuid>().unwrap().as_u128()).collect()
}

async fn each_is_listed_for_its_app_and_for_the_merchant_that_it_names(place: Place) {
    let store = place.open().await;
    let batch = vec![
        read(1, ("app_1", Some("m-1")), "order:pii"),
        read(2, ("app_1", Some("m-1")), ""),
        read(3, ("app_2", Some("m-2")), "order:pii"),
        read(4, ("app_1", None), "order:pii"),
        read(5, ("app_1", Some("m-1")), "a order:pii"),
        read(6, ("app_2", Some("m-1")), "order:pii"),
        read(7, ("app_2", None), ""),
    ];
    record_batch(&store, &journal_of("node-1"), (batch, 7), time(november())).await.unwrap();
    let listed =
        async |of: ReadsOf<'_>| numbers(&store.personal_data_reads(of, &Page::first()).await.unwrap());
    // Within a batch by app.
    assert_eq!(listed(ReadsOf::Merchant(&merchant("m-1"))).await, [6, 5, 1]);
    assert_eq!(listed(ReadsOf::Merchant(&merchant("m-2"))).await, [3]);
    assert_eq!(listed(ReadsOf::App(&app("app_1"))).await, [5, 4, 1]);
    assert_eq!(listed(ReadsOf::App(&app("app_2"))).await, [6, 3]);
    assert!(listed(ReadsOf::Merchant(&merchant("m-3"))).await.is_empty());
    assert!(listed(ReadsOf::App(&app("app_3"))).await.is_empty());
    for of in [ReadsOf::Merchant(&merchant("m-1")), ReadsOf::App(&app("app_1"))] {
        let first = store.personal_data_reads(of, &Page::first().with_size(2)).await.unwrap();
        let rest = Page::after(&first[1].number.to_string()).with_size(2);
        assert_eq!(numbers(&store.personal_data_reads(of, &rest).await.unwrap()), [1], "{of:?}");
    }
    let reads = store.personal_data_reads(ReadsOf::App(&app("app_1")), &Page::first()).await.unwrap();
    assert_eq!(
        (reads[0].scopes.to_string().as_str(), &reads[0].merchant),
        ("a order:pii", &Some(merchant("m-1")))
    );
    assert_eq!((&reads[1].app, &reads[1].merchant), (&app("app_1"), &None));
    for change in [
        "update disclosure set scopes = 'x'",
        "delete from disclosure",
        "insert into disclosure select * from disclosure",
        "delete from personal_data_read",
        "insert into personal_data_read select * from personal_data_read",
    ] {
        assert!(place.try_tamper(change).await.is_err(), "{change}");
    }
}

on_both_stores!(each_is_listed_for_its_app_and_for_the_merchant_that_it_names);
