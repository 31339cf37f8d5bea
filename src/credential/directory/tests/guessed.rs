//! API keys that somebody guesses, and good ones that nobody has shown before.

use super::super::remembered::Remembered;
use super::*;

fn address() -> Option<IpAddr> {
    "192.0.2.1".parse().ok()
}

impl World {
    pub(super) async fn try_key(
        &self,
        key: &ApiKey,
        address: Option<IpAddr>,
    ) -> Result<Option<Known>, Refusal> {
        let tried =
            self.directory.identify_from(Presented::ApiKey(key.reveal()), address, self.clock.moment());
        tried.await.map_err(|refused| refused.refusal)
    }

    pub(super) fn asked(&self) -> usize {
        self.source.keys_asked.load(Ordering::SeqCst)
    }

    /// Keys that the source does not know.
    fn unknown(&self, count: u16) -> Vec<ApiKey> {
        let keys: Vec<_> = (0..count).map(|number| numbered_key(10_000 + number)).collect();
        *self.source.unknown.lock().unwrap() = keys.iter().map(ApiKey::hash).collect();
        keys
    }
}

#[tokio::test]
async fn who_guesses_api_keys_is_refused_before_the_store_is_asked_and_who_is_known_goes_on() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    let (before, other) = (world.asked(), "192.0.2.2".parse().ok());
    let guesses = world.unknown(200);
    for (number, guess) in guesses.iter().enumerate() {
        let refusal = world.try_key(guess, address()).await.unwrap_err();
        let is_limited = matches!(refusal, Refusal::LimitReached { .. });
        assert_eq!(is_limited, number >= 50, "guess {number}: {refusal:?}");
    }
    assert_eq!(world.asked() - before, 50, "look-ups for 200 guesses");
    assert!(world.try_key(&world.key, address()).await.is_ok(), "known, of the same network");
    assert!(world.try_key(&numbered_key(1), other).await.is_ok(), "new, of another network");
    world.later(5);
    assert!(world.try_key(&numbered_key(2), address()).await.is_ok(), "new, once the guesses are forgotten");
}

#[tokio::test]
async fn a_key_that_was_found_wrong_is_not_looked_up_again_for_a_while_and_takes_no_place() {
    let world = World::new();
    let guesses = world.unknown(1);
    for _ in 0..100 {
        let refusal = world.try_key(&guesses[0], address()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::CredentialInvalid(_)), "{refusal:?}");
    }
    assert_eq!((world.asked(), world.directory.remembered.iter().count()), (1, 0));
    world.source.unknown.lock().unwrap().clear();
    world.later(5);
    assert!(world.try_key(&guesses[0], address()).await.is_ok(), "it was made meanwhile");
}

#[tokio::test]
async fn keys_that_work_no_longer_are_guesses_once_that_is_known_and_take_no_place() {
    let world = World::new();
    let keys: Vec<_> = (0..200).map(numbered_key).collect();
    for key in &keys {
        assert!(world.try_key(key, address()).await.is_ok());
    }
    assert!(world.directory.keys() > 150, "{}", world.directory.keys());
    *world.source.unknown.lock().unwrap() = keys.iter().map(ApiKey::hash).collect();
    world.directory.hear(None, world.clock.monotonic());
    for key in &keys {
        let refusal = world.try_key(key, address()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::CredentialInvalid(_)), "it was good before: {refusal:?}");
    }
    assert_eq!(world.directory.keys(), 0);
    // What was found out is remembered for five seconds of the machine's time.
    world.directory.remembered.invalidate_all();
    world.later(5);
    let before = world.asked();
    for (number, key) in keys.iter().enumerate() {
        let refusal = world.try_key(key, address()).await.unwrap_err();
        assert_eq!(
            matches!(refusal, Refusal::LimitReached { .. }),
            number >= 50,
            "key {number}: {refusal:?}"
        );
    }
    assert_eq!(world.asked() - before, 50, "look-ups for 200 keys that work no longer");
}

#[tokio::test]
async fn good_keys_cost_no_guess_however_many_are_new_and_many_wait_for_one() {
    let world = World::new();
    for number in 0..500 {
        assert!(world.try_key(&numbered_key(number), address()).await.is_ok(), "key {number}");
    }
    let gate = world.source.gate.acquire().await.unwrap();
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    let key = ApiKey::from_random(Environment::Live, &[9; 32]);
    let together = futures_util::future::join_all((0..200).map(|_| world.try_key(&key, address())));
    let ((), found) = tokio::join!(async { drop(gate) }, together);
    assert!(found.iter().all(Result::is_ok), "one of many connections with a new key was taken for a guess");
}

#[tokio::test]
async fn an_outage_of_the_store_is_no_guess() {
    let world = World::new();
    world.source.is_away.store(true, Ordering::SeqCst);
    for number in 0..100 {
        let refusal = world.try_key(&numbered_key(number), address()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Unavailable(_)), "{number}: {refusal:?}");
    }
}

#[tokio::test]
async fn what_has_aged_never_takes_the_place_of_what_was_loaded_since() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    let credential = (CredentialKind::ApiKey, world.key.hash().0);
    let aged = world.directory.remembered.get(&credential).await.unwrap();
    world.later(60);
    let revoked = Refusal::CredentialInvalid("revoked");
    let outcome = Err(revoked.clone().into());
    let loaded = Remembered { outcome, loaded_at: world.clock.monotonic(), ..aged.clone() };
    let rests_until = world.clock.monotonic() + REFUSED_TIME;
    let believed = Remembered { rests_until, ..aged };
    assert!(world.directory.believe(credential, believed.clone()).await.told().is_ok(), "nothing is newer");
    world.directory.remembered.insert(credential, loaded).await;
    assert_eq!(world.directory.believe(credential, believed).await.told().unwrap_err().refusal, revoked);
    assert_eq!(world.identify().await.unwrap_err(), revoked, "the revocation was overwritten");
}
