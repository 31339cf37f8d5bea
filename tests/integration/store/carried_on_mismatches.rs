//! Of exceptions that older programs noted, those of sales that were not known are of that kind, and all are as old as their calls.

use tollgate::domain::time::Timestamp;
use tollgate::store::Page;
use tollgate::store::exception_resolution::ResolutionOutcome;

use super::carried_on::step;
use crate::support::stores::Place;

const NOTED: &str = "insert into usage_exception (id, kind, at, sale, reason) values ('usage:1', 'transaction', 7, 'o-1', 'no sale'), \
    ('usage:2', 'transaction', 8, null, 'no tax'), ('usage:3', 'transaction', 9, 'o-3', 'no sale'); \
    insert into exception_resolution (exception, outcome, at, resolver, reason) values ('usage:3', 'waived', 9, 'li', 'so')";

async fn what_waits_for_its_sale_is_of_that_kind(place: Place) {
    step(&place, 51).await;
    place.tamper(NOTED).await;
    let store = place.open().await;
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    let told: Vec<_> = open.iter().map(|one| (one.id.as_str(), one.kind.name(), one.noted_at)).collect();
    let noted = Timestamp::from_micros;
    assert_eq!(told, [("usage:2", "transaction", noted(8)), ("usage:1", "unknown", noted(7))]);
    let kept = store.resolution("usage:3").await.unwrap().unwrap();
    assert_eq!(kept.outcome, ResolutionOutcome::Waived);
    assert!(place.try_tamper("update usage_exception set noted_at = 1 where id = 'usage:1'").await.is_err());
    place.tamper("update usage_exception set class = 'amount' where id = 'usage:1'").await;
    // What an older program notes and resolves beside this one is known as well.
    place
        .tamper(
            "insert into usage_exception (id, kind, at, reason) values ('usage:4', 'plan', 10, 'no plan')",
        )
        .await;
    place.tamper("insert into exception_resolution (exception, outcome, at, resolver, reason) values ('usage:2', 'waived', 9, 'li', 'so')").await;
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    let told: Vec<_> = open.iter().map(|one| (one.id.as_str(), one.kind.name(), one.noted_at)).collect();
    assert_eq!(told, [("usage:4", "plan", noted(10)), ("usage:1", "amount", noted(7))]);
    store.close().await;
}

#[tokio::test]
async fn what_waits_for_its_sale_is_of_that_kind_in_sqlite() {
    what_waits_for_its_sale_is_of_that_kind(Place::sqlite()).await;
}

#[tokio::test]
async fn what_waits_for_its_sale_is_of_that_kind_in_postgres() {
    what_waits_for_its_sale_is_of_that_kind(Place::postgres().await).await;
}
