//! The signing keys in force: which of them signs, which are believed, and which are published.
//!
//! A key is published before it signs, so that whoever verifies knows it by then, and stays believed until the last token that
//! it may have signed has died. The keys are swapped as a whole when the store has others. A thread that verifies compares a
//! number with the one it saw last and takes the lock only when there are others.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::signing_key::SigningKey;
use super::token_verifier::TokenVerifier;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::MAX_ACCESS_TOKEN_LIFETIME;

/// How far the clocks of the nodes may be apart: one that is behind signs with the key before for so long.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// The keys in force of one issuer.
pub struct KeyRing {
    issuer: String,
    in_force: Mutex<Arc<Keys>>,
    /// That of the keys in force: no others ever have the same, of this ring or another.
    number: AtomicU64,
}

/// Signing keys, as a whole.
pub struct Keys {
    number: u64,
    /// In the order in which they begin to sign.
    keys: Vec<RingKey>,
    verifier: TokenVerifier,
}

/// A key of a ring.
#[derive(Debug, Clone)]
pub struct RingKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// From when on it signs, until another does.
    pub signs_from: Timestamp,
    /// When another began to sign, or will; also one that has been revoked since.
    pub followed_at: Option<Timestamp>,
}

impl RingKey {
    /// A key that signs, whatever the time.
    #[must_use]
    pub fn alone(key: SigningKey) -> Self {
        Self { key: Arc::new(key), signs_from: Timestamp::from_micros(i64::MIN), followed_at: None }
    }

    /// Until when what it signed is believed; `None`: it signs, or will, until nobody knows when.
    #[must_use]
    pub fn believed_until(&self) -> Option<Timestamp> {
        let believed_for = MAX_ACCESS_TOKEN_LIFETIME.saturating_add(CLOCKS_APART);
        self.followed_at.map(|end| end.plus(believed_for))
    }

    fn is_believed(&self, now: Timestamp) -> bool {
        self.believed_until().is_none_or(|end| now < end)
    }

    fn is_followed(&self, now: Timestamp) -> bool {
        self.followed_at.is_some_and(|end| end <= now)
    }
}

/// The number of the next keys of any ring.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The keys that this thread saw last.
    static SEEN: RefCell<Option<Arc<Keys>>> = const { RefCell::new(None) };
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys().keys.iter().map(|key| &key.key)).finish()
    }
}

impl KeyRing {
    /// Keys that sign for `issuer`.
    #[must_use]
    pub fn new(keys: Vec<RingKey>, issuer: &str) -> Self {
        let keys = Arc::new(Keys::new(keys, &[], issuer));
        let number = AtomicU64::new(keys.number);
        Self { issuer: issuer.to_owned(), in_force: Mutex::new(keys), number }
    }

    /// For whom they sign.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Puts other keys in force, beside which those of the ids `revoked` are known to be none any more.
    pub fn replace(&self, keys: Vec<RingKey>, revoked: &[&str]) {
        let keys = Arc::new(Keys::new(keys, revoked, &self.issuer));
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        // Both under the lock: the number is that of the keys, whoever else replaces them.
        self.number.store(keys.number, Ordering::Release);
        *in_force = keys;
    }

    /// The keys in force.
    #[must_use]
    pub fn keys(&self) -> Arc<Keys> {
        let number = self.number.load(Ordering::Acquire);
        SEEN.with_borrow_mut(|seen| match seen {
            Some(keys) if keys.number == number => keys.clone(),
            Some(_) | None => {
                let keys = self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone();
                *seen = Some(keys.clone());
                keys
            }
        })
    }
}

impl Keys {
    fn new(mut keys: Vec<RingKey>, revoked: &[&str], issuer: &str) -> Self {
        keys.sort_by(|one, other| (one.signs_from, one.key.kid()).cmp(&(other.signs_from, other.key.kid())));
        let trusted = keys.iter().map(|key| (&*key.key, key.believed_until()));
        let verifier = TokenVerifier::new(trusted, issuer).revoking(revoked);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), keys, verifier }
    }

    /// What verifies tokens by them.
    #[must_use]
    pub fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// The keys, in the order in which they begin to sign.
    #[must_use]
    pub fn all(&self) -> &[RingKey] {
        &self.keys
    }

    /// The one that signs at `now`: the last that has begun to, unless another was to follow it. By a clock that is behind, the
    /// next.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> Option<&SigningKey> {
        let has_begun = |key: &&RingKey| key.signs_from <= now && !key.is_followed(now);
        let signs = self.keys.iter().rev().find(has_begun);
        let signs = signs.or_else(|| self.keys.iter().find(|key| now < key.signs_from));
        signs.or(self.keys.last()).map(|key| &*key.key)
    }

    /// Those that verify what holds at `now`, or will hold.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(move |key| key.is_believed(now)).map(|key| &*key.key)
    }

    /// Whether there is a key of `others` that is not among these.
    #[must_use]
    pub fn lack_any_of(&self, others: &Self) -> bool {
        let is_here = |kid: &str| self.keys.iter().any(|key| key.key.kid() == kid);
        !others.keys.iter().all(|key| is_here(key.key.kid()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signing_algorithm::SigningAlgorithm;

    const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn key(algorithm: SigningAlgorithm, from: u64, to: Option<u64>) -> RingKey {
        let der = SigningKey::generate(algorithm).unwrap();
        let key = Arc::new(SigningKey::from_pkcs8(algorithm, &der).unwrap());
        RingKey { key, signs_from: later(from), followed_at: to.map(later) }
    }

    fn later(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_has_died() {
        let old = key(SigningAlgorithm::Es256, 0, Some(3600));
        let new = key(SigningAlgorithm::EdDsa, 3600, None);
        let kids = [old.key.kid().to_owned(), new.key.kid().to_owned()];
        let ring = KeyRing::new(vec![new, old], "https://a");
        let keys = ring.keys();
        let published = |at| keys.published(at).map(|key| key.kid().to_owned()).collect::<Vec<_>>();
        let signing = |at| keys.signing(at).unwrap().kid().to_owned();
        assert_eq!((signing(later(3599)), signing(later(3600))), (kids[0].clone(), kids[1].clone()));
        assert_eq!(published(START), kids);
        let end = 3600 + 24 * 3600 + 300;
        assert_eq!(published(later(end - 1)), kids);
        assert_eq!(published(later(end)), kids[1..]);
        assert!(keys.verifier().trusts(&kids[0], later(end - 1)));
        assert!(!keys.verifier().trusts(&kids[0], later(end)));
        // A clock that is far behind finds a key too.
        assert_eq!(signing(Timestamp::from_seconds(0)), kids[0]);
    }

    #[test]
    fn a_key_that_was_followed_signs_no_more_though_its_follower_is_gone() {
        // The one that followed it was revoked; the spare begins a moment later than this clock shows.
        let (old, spare) =
            (key(SigningAlgorithm::Es256, 0, Some(50)), key(SigningAlgorithm::Es256, 101, None));
        let (end, kid) = (later(50 + 24 * 3600 + 300), spare.key.kid().to_owned());
        let retired = old.key.kid().to_owned();
        let keys = KeyRing::new(vec![old, spare], "https://a").keys();
        assert_eq!(keys.signing(later(100)).unwrap().kid(), kid);
        assert!(!keys.verifier().trusts(&retired, end), "it is believed no longer than it would have been");
    }

    #[test]
    fn what_replaces_keys_is_seen_by_each_thread_and_rings_are_not_taken_for_each_other() {
        let new = || key(SigningAlgorithm::Es256, 0, None);
        let (one, other) = (new(), new());
        let kids = [one.key.kid().to_owned(), other.key.kid().to_owned()];
        let (first, second) = (KeyRing::new(vec![one], "https://a"), KeyRing::new(vec![other], "https://a"));
        let kid = |ring: &KeyRing| ring.keys().signing(START).unwrap().kid().to_owned();
        for _ in 0..2 {
            assert_eq!([kid(&first), kid(&second)], kids);
        }
        std::thread::scope(|scope| {
            let before = first.keys();
            let new = new();
            let expected = new.key.kid().to_owned();
            first.replace(vec![new], &[]);
            assert_eq!(kid(&first), expected);
            assert!(first.keys().lack_any_of(&before));
            let seen = scope.spawn(|| first.keys().signing(START).unwrap().kid().to_owned()).join();
            assert_eq!(seen.unwrap(), expected);
        });
    }
}
