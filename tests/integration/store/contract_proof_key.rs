//! Proof keys: they follow and endorse each other, and are never forgotten.

use std::sync::Arc;
use std::time::Duration;

use tollgate::billing::proof::head::{Head, NotBelieved};
use tollgate::credential::proof_keys::{LIFETIME, PUBLISHED_FOR, ProofKeys, ProofKeysError};
use tollgate::credential::sealing::SealingKey;
use tollgate::domain::proof_key::{ProofKey, ProofSigner, believed};
use tollgate::domain::time::{Clock, ManualClock, Timestamp};
use tollgate::server::random::MachineRandom;
use tollgate::store::Store;

use super::contract;
use crate::support::stores::Place;

contract! {
    a_key_is_made_once_and_the_next_a_day_before_it_signs,
    what_a_key_endorses_is_believed_until_it_is_revoked,
    a_key_that_is_revoked_takes_along_those_that_wait_behind_it,
    nodes_that_rotate_at_once_make_one_key,
    two_nodes_sign_one_head,
    a_key_that_another_sealing_key_sealed_signs_nothing,
}

const START: Timestamp = Timestamp::from_seconds(1_795_507_200);

struct World {
    keys: ProofKeys,
    clock: Arc<ManualClock>,
    store: Store,
}

async fn opened(store: &Store, clock: &Arc<ManualClock>, sealing: u8) -> Result<ProofKeys, ProofKeysError> {
    let sealing = Arc::new(SealingKey::new(&[sealing; 32]).unwrap());
    let sources = (Arc::<ManualClock>::clone(clock) as Arc<dyn Clock>, Arc::new(MachineRandom::new()) as _);
    ProofKeys::open((store.clone(), sealing), sources).await
}

impl World {
    async fn new(store: Store) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let keys = opened(&store, &clock, 7).await.unwrap();
        Self { keys, clock, store }
    }

    /// What each key does, those that will sign last.
    async fn parts(&self) -> Vec<&'static str> {
        self.keys.states().await.unwrap().iter().map(|state| state.part.name()).collect()
    }

    async fn rotate(&self) -> ProofKey {
        let mut transaction = self.store.begin().await.unwrap();
        let made = self.keys.rotate(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        self.keys.publish().await.unwrap();
        made.key
    }

    async fn revoke(&self, kid: &str) -> bool {
        let mut transaction = self.store.begin().await.unwrap();
        let did = self.keys.revoke(kid, &mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        self.keys.publish().await.unwrap();
        did
    }

    /// How many keys someone believes who knows one.
    fn believed_by_who_knows(&self, kid: &str) -> usize {
        believed(&self.keys.published(), |known| known == kid).len()
    }
}

async fn a_key_is_made_once_and_the_next_a_day_before_it_signs(store: Store) {
    let world = World::new(store).await;
    let again = opened(&world.store, &world.clock, 7).await.unwrap();
    assert_eq!(again.published(), world.keys.published());
    let first = world.keys.published()[0].clone();
    assert_eq!((first.signs_from, &first.endorsement), (START, &None));
    world.clock.advance(LIFETIME - PUBLISHED_FOR - Duration::from_micros(1));
    world.keys.keep().await.unwrap();
    assert_eq!(world.parts().await, ["signs"]);
    world.clock.advance(Duration::from_micros(1));
    world.keys.keep().await.unwrap();
    world.keys.keep().await.unwrap();
    assert_eq!(world.parts().await, ["signs", "waits"]);
    let next = world.keys.published()[1].clone();
    assert_eq!(next.signs_from, START.plus(LIFETIME));
    assert_eq!(world.keys.signer().await.unwrap().kid(), first.kid);
    world.clock.advance(PUBLISHED_FOR);
    assert_eq!(world.parts().await, ["retired", "signs"]);
    assert_eq!(world.keys.signer().await.unwrap().kid(), next.kid);
    again.keep().await.unwrap();
    assert_eq!(again.published(), world.keys.published(), "another node hears of it");
}

async fn what_a_key_endorses_is_believed_until_it_is_revoked(store: Store) {
    let world = World::new(store).await;
    let first = world.keys.published()[0].clone();
    let (second, third) = (world.rotate().await, world.rotate().await);
    assert_eq!(third.signs_from, second.signs_from.plus(PUBLISHED_FOR), "each waits behind the one before");
    assert_eq!(world.believed_by_who_knows(&first.kid), 3);
    assert_eq!(world.believed_by_who_knows(&third.kid), 1);
    world.clock.advance(PUBLISHED_FOR * 3);
    assert_eq!(world.parts().await, ["retired", "retired", "signs"]);
    // One that has signed and leaked long after: what follows stays, but not on its word.
    assert!(world.revoke(&second.kid).await);
    assert_eq!(world.parts().await, ["retired", "revoked", "signs"]);
    assert_eq!(world.believed_by_who_knows(&first.kid), 2, "the second, and nothing by it");
    assert_eq!(world.keys.signer().await.unwrap().kid(), third.kid);
    assert!(!world.revoke(&second.kid).await, "once");
    assert!(!world.revoke("none").await);
}

async fn a_key_that_is_revoked_takes_along_those_that_wait_behind_it(store: Store) {
    let world = World::new(store).await;
    let first = world.keys.published()[0].clone();
    let second = world.rotate().await;
    world.clock.advance(PUBLISHED_FOR * 2);
    let (_, _) = (world.rotate().await, world.rotate().await);
    assert_eq!(world.parts().await, ["retired", "signs", "waits", "waits"]);
    assert!(world.revoke(&second.kid).await);
    let mut parts = world.parts().await;
    parts.sort_unstable();
    assert_eq!(parts, ["retired", "revoked", "revoked", "revoked", "signs"]);
    let spare = world.keys.signer().await.unwrap().kid().to_owned();
    let published = world.keys.published();
    let spare = published.iter().find(|key| key.kid == spare).unwrap();
    assert!(spare.is_endorsed_by(&first), "who knows the first goes on to it");
    // With the last goes the last word: another begins anew.
    assert!(world.revoke(&first.kid).await);
    assert!(world.revoke(&spare.kid).await);
    let anew = world.keys.signer().await.unwrap().kid().to_owned();
    let published = world.keys.published();
    let anew = published.iter().find(|key| key.kid == anew).unwrap();
    assert_eq!((anew.signs_from, &anew.endorsement), (world.clock.now(), &None));
}

async fn nodes_that_rotate_at_once_make_one_key(store: Store) {
    let world = World::new(store).await;
    let others = [
        opened(&world.store, &world.clock, 7).await.unwrap(),
        opened(&world.store, &world.clock, 7).await.unwrap(),
    ];
    world.clock.advance(LIFETIME);
    let [one, other] = &others;
    let (first, second, third) = tokio::join!(world.keys.keep(), one.keep(), other.keep());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(world.keys.states().await.unwrap().len(), 2);
}

async fn two_nodes_sign_one_head(store: Store) {
    let world = World::new(store).await;
    let other = opened(&world.store, &world.clock, 7).await.unwrap();
    let head = Head {
        issuer: "https://api.example.com".to_owned(),
        period: "2026-11".parse().unwrap(),
        closed_at: START,
        statements: 0,
        documents: 0,
        records: 0,
        leaves: 0,
        root: [0; 32],
        previous: None,
    };
    let signed = head.sign(&world.keys.signer().await.unwrap()).unwrap();
    assert_eq!(signed, head.sign(&other.signer().await.unwrap()).unwrap());
    assert_eq!(signed.verify(world.keys.published().iter()), Ok(head));
    let stranger = ProofKey { kid: "other".to_owned(), ..world.keys.published()[0].clone() };
    assert_eq!(signed.verify([&stranger]), Err(NotBelieved::UnknownKey(signed.kid.clone())));
}

async fn a_key_that_another_sealing_key_sealed_signs_nothing(store: Store) {
    let world = World::new(store).await;
    let other = opened(&world.store, &world.clock, 8).await.unwrap();
    assert!(matches!(other.signer().await, Err(ProofKeysError::Sealed(_))));
    world.clock.advance(LIFETIME);
    assert!(other.keep().await.is_err());
    assert_eq!(world.keys.states().await.unwrap().len(), 1);
}

async fn a_key_is_neither_changed_nor_forgotten(place: Place) {
    let world = World::new(place.open().await).await;
    let kid = world.keys.published()[0].kid.clone();
    world.revoke(&kid).await;
    for sql in [
        "delete from proof_key",
        "update proof_key set revoked_at = null",
        "update proof_key set revoked_at = revoked_at + 1",
        "update proof_key set signs_from = 0 where revoked_at is null",
        "insert into proof_key (kid, public, sealed, created_at, signs_from, endorsed_by) select 'k', public, sealed, 0, 0, kid from proof_key",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    let mut parts = world.parts().await;
    parts.sort_unstable();
    assert_eq!(parts, ["revoked", "signs"]);
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_neither_changed_nor_forgotten_in_sqlite() {
    a_key_is_neither_changed_nor_forgotten(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_neither_changed_nor_forgotten_in_postgres() {
    a_key_is_neither_changed_nor_forgotten(Place::postgres().await).await;
}
