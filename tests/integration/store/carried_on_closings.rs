//! Periods that older programs closed have all their statements, and are final.

use tollgate::domain::time::Timestamp;
use tollgate::store::closing::Closing;

use super::carried_on::step;
use crate::support::stores::Place;

const CLOSED: &str = "insert into statement (number, partner, app, period, currency, closed_at, hash, content) \
     values (1, 'p', 'a', '2026-10', 'CNY', 7, 'h', '{}'); \
     insert into closed_period (period, closed_at) values ('2026-10', 7), ('2026-11', 8)";

async fn what_older_programs_closed_is_final(place: Place) {
    step(&place, 51).await;
    place.tamper(CLOSED).await;
    let store = place.open().await;
    for (period, at, made) in [("2026-10", 7, 1), ("2026-11", 8, 0)] {
        let at = Timestamp::from_micros(at);
        let (terms, positions) = (None, Vec::new());
        let expected =
            Closing { closed_at: at, sealed_at: Some(at), terms, statements: made, made, positions };
        assert_eq!(store.closing(period.parse().unwrap()).await.unwrap(), Some(expected));
    }
    assert_eq!(store.closing("2026-12".parse().unwrap()).await.unwrap(), None);
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.unsealed().await.unwrap(), None);
    transaction.roll_back().await.unwrap();
    store.close().await;
    let more = "insert into statement select 2, partner, 'b', period, currency, closed_at, hash, content from statement";
    assert!(place.try_tamper(more).await.is_err());
}

#[tokio::test]
async fn what_older_programs_closed_is_final_in_sqlite() {
    what_older_programs_closed_is_final(Place::sqlite()).await;
}

#[tokio::test]
async fn what_older_programs_closed_is_final_in_postgres() {
    what_older_programs_closed_is_final(Place::postgres().await).await;
}
