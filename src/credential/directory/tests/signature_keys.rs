//! Keys by which apps sign requests: known ones are remembered until they are revoked, unknown ones are paid for.

use super::*;
use crate::domain::id::SignatureKeyId;
use crate::domain::signature_mistake::SignatureMistake;

impl World {
    async fn named(&self, id: &str, address: &str) -> Result<Known, Refusal> {
        let (address, moment) = (address.parse().ok(), self.clock.moment());
        let found = self.directory.identify_signature_key(id, address, moment).await;
        found.map_err(|refused| refused.refusal)
    }

    fn asked_for_keys(&self) -> usize {
        self.source.keys_asked.load(Ordering::SeqCst)
    }
}

fn is_unknown(found: &Result<Known, Refusal>) -> bool {
    matches!(found, Err(Refusal::SignatureInvalid(error)) if error.mistake == SignatureMistake::KeyUnknown)
}

#[tokio::test]
async fn a_key_is_loaded_once_and_a_revocation_beats_what_is_remembered() {
    let world = World::new();
    for _ in 0..10 {
        let known = world.named("sgk_1", "192.0.2.1").await.unwrap();
        assert_eq!(known.identity.caller.credential, CredentialKind::SignedRequest);
        assert_eq!(&*known.identity.caller.credential_id, "sgk_1");
    }
    assert_eq!(world.asked_for_keys(), 1);
    world.source.is_key_revoked.store(true, Ordering::SeqCst);
    assert!(world.named("sgk_1", "192.0.2.1").await.is_ok(), "nobody has been told");
    world.directory.forget_signature_key(&SignatureKeyId::new("sgk_1").unwrap());
    for _ in 0..10 {
        assert!(is_unknown(&world.named("sgk_1", "192.0.2.1").await));
    }
    assert_eq!(world.asked_for_keys(), 2);
}

#[tokio::test]
async fn a_known_key_outlives_an_outage_of_the_store_and_its_app_does_not_outlive_a_suspension() {
    let world = World::new();
    assert!(world.named("sgk_1", "192.0.2.1").await.is_ok());
    world.source.is_away.store(true, Ordering::SeqCst);
    world.later(120);
    assert!(world.named("sgk_1", "192.0.2.1").await.is_ok());
    world.source.is_away.store(false, Ordering::SeqCst);
    world.source.is_suspended.store(true, Ordering::SeqCst);
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert_eq!(world.named("sgk_1", "192.0.2.1").await.err(), Some(Refusal::Suspended(Subject::App)));
}

#[tokio::test]
async fn who_makes_up_ids_is_refused_before_the_store_is_asked_and_nobody_else_is() {
    let world = World::new();
    for _ in 0..100 {
        assert!(is_unknown(&world.named("sgk_unknown", "192.0.2.1").await));
        assert!(is_unknown(&world.named("another", "192.0.2.1").await), "it is none by its look");
    }
    assert_eq!(world.asked_for_keys(), 1, "what was found wrong is not looked up again for a while");
    world.source.is_key_revoked.store(true, Ordering::SeqCst);
    let mut limited = 0;
    for number in 0..200 {
        let refused = world.named(&format!("sgk_{number}"), "192.0.2.1").await;
        limited += usize::from(matches!(refused, Err(Refusal::LimitReached { .. })));
    }
    assert!(limited >= 150 && world.asked_for_keys() <= 51, "{limited} {}", world.asked_for_keys());
    world.source.is_key_revoked.store(false, Ordering::SeqCst);
    assert!(world.named("sgk_good", "192.0.2.2").await.is_ok(), "new, of another network");
}
