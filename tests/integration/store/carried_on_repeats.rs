//! Calls that older programs billed, of which they did not say with which transaction.

use tollgate::domain::time::Timestamp;
use tollgate::store::repeatable_call::{RepeatableCall, Worth};
use uuid::Uuid;

use super::carried_on::step;
use crate::support::stores::Place;

async fn a_call_that_an_older_program_billed_is_known_whatever_it_was(place: Place) {
    step(&place, 33).await;
    let (digest, usage) = ([7; 16], Uuid::from_u128(1));
    let hex = "07".repeat(16);
    let stored = match &place {
        Place::Folder(_) => format!("x'{hex}'"),
        Place::Schema(_) => format!("decode('{hex}', 'hex')"),
    };
    place
        .tamper(&format!("insert into billed_call (digest, usage, at) values ({stored}, '{usage}', 5)"))
        .await;
    let store = place.open().await;
    let mut transaction = store.begin().await.unwrap();
    let known = transaction.repeatable_calls(&[digest, [8; 16]]).await.unwrap();
    transaction.roll_back().await.unwrap();
    let at = Timestamp::from_micros(5);
    assert_eq!(known, [RepeatableCall { digest, usage, at, known_until: at, worth: Worth::Any }]);
    store.close().await;
}

#[tokio::test]
async fn a_call_that_an_older_program_billed_is_known_in_sqlite() {
    a_call_that_an_older_program_billed_is_known_whatever_it_was(Place::sqlite()).await;
}

#[tokio::test]
async fn a_call_that_an_older_program_billed_is_known_in_postgres() {
    a_call_that_an_older_program_billed_is_known_whatever_it_was(Place::postgres().await).await;
}
