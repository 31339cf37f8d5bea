//! Tokens of keys that this node does not know yet, and of keys that nobody has.

use async_trait::async_trait;

use super::*;
use crate::credential::access_token::VerifiedToken;
use crate::credential::ring_source::{RingSource, Trust};
use crate::credential::source::SourceUnavailable;

/// Has a ring, and in the store other keys.
struct Rings {
    ring: Arc<KeyRing>,
    stored: std::sync::Mutex<Vec<RingKey>>,
    read: AtomicUsize,
    is_away: AtomicBool,
}

#[async_trait]
impl RingSource for Rings {
    fn ring(&self) -> &KeyRing {
        &self.ring
    }

    async fn read_again(&self) -> Result<Trust, SourceUnavailable> {
        self.read.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.is_away.load(Ordering::SeqCst) {
            return Err(SourceUnavailable("away".to_owned()));
        }
        self.ring.replace(self.stored.lock().unwrap().clone(), &[]);
        Ok(Trust::Kept)
    }
}

struct Node {
    world: World,
    rings: Arc<Rings>,
    directory: Arc<Directory>,
}

impl Node {
    fn new() -> Self {
        let world = World::new();
        let rings = Arc::new(Rings {
            ring: Arc::new(KeyRing::new(vec![signing_key()], ISSUER)),
            stored: std::sync::Mutex::default(),
            read: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
        });
        let (source, clock, control) =
            (world.source.clone(), world.clock.clone(), tokio::runtime::Handle::current());
        let directory = Arc::new(Directory::new(source, rings.clone(), clock, control, MEMORY));
        directory.revoked.has_all();
        Self { world, rings, directory }
    }

    /// Another node has made that key.
    fn store(&self, key: &RingKey) {
        self.rings.stored.lock().unwrap().push(key.clone());
    }

    async fn identify(&self, token: &str, address: Option<IpAddr>) -> Result<Option<Known>, Refusal> {
        let moment = self.world.clock.moment();
        let tried = self.directory.identify_from(Presented::AccessToken(token), address, moment);
        tried.await.map_err(|refused| refused.refusal)
    }

    /// What somebody at `address` hears of a token.
    async fn asked(&self, token: &str, address: [u8; 4]) -> Result<Option<VerifiedToken>, Refusal> {
        self.directory.read_token(token, address.into(), self.world.clock.moment()).await
    }

    fn read(&self) -> usize {
        self.rings.read.load(Ordering::SeqCst)
    }
}

fn token_by(key: &RingKey, id: &str, now: Timestamp) -> String {
    let signer = TokenSigner::new(Arc::new(KeyRing::new(vec![key.clone()], ISSUER)));
    let new = NewToken::of_app(AppId::new("app_1").unwrap(), ScopeSet::default());
    signer.sign(NewToken { id: id.to_owned(), ..new }, now, Duration::from_secs(3600)).unwrap()
}

#[tokio::test]
async fn a_token_of_a_key_that_another_node_has_just_made_is_taken_at_once() {
    let node = Node::new();
    let (key, now) = (signing_key(), node.world.clock.now());
    node.store(&key);
    let tokens: Vec<_> = (0..40).map(|number| token_by(&key, &number.to_string(), now)).collect();
    let calls = tokens.iter().map(|token| node.identify(token, "192.0.2.1".parse().ok()));
    for identified in futures_util::future::join_all(calls).await {
        assert!(identified.unwrap().is_some());
    }
    assert_eq!(node.read(), 1, "once for all who wait");
    let asked = node.asked(&tokens[0], [192, 0, 2, 2]).await.unwrap();
    assert_eq!(asked.unwrap().id, "0");
}

#[tokio::test]
async fn made_up_keys_have_the_keys_read_once_in_a_second_and_keep_nobody_out() {
    let node = Node::new();
    let now = node.world.clock.now();
    let forged: Vec<_> = (0..200).map(|_| token_by(&signing_key(), "forged", now)).collect();
    let (thief, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
    let mut waited = 0;
    for _ in 0..5 {
        node.world.later(1);
        for refused in
            futures_util::future::join_all(forged.iter().map(|token| node.identify(token, thief))).await
        {
            waited += usize::from(matches!(refused, Err(Refusal::LimitReached { .. })));
            assert!(refused.is_err());
        }
    }
    assert!(node.read() <= 5, "{}", node.read());
    assert!(waited > 500, "who makes up keys is told to wait: {waited}");
    // It was made after the keys were last read, less than a second ago.
    let key = signing_key();
    node.store(&key);
    node.world.clock.advance(Duration::from_millis(1));
    let (before, began) = (node.read(), tokio::time::Instant::now());
    assert!(node.identify(&token_by(&key, "good", now), other).await.is_ok());
    assert_eq!(node.read(), before + 1);
    assert!(began.elapsed() >= Duration::from_millis(900), "no sooner than a second after the last time");
}

#[tokio::test]
async fn who_asks_about_made_up_keys_waits_and_hears_of_tokens_of_known_keys_all_the_same() {
    let node = Node::new();
    let (known, now) = (signing_key(), node.world.clock.now());
    node.store(&known);
    let good = token_by(&known, "good", now);
    let (thief, other) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    assert!(node.asked(&good, thief).await.unwrap().is_some());
    node.world.later(1);
    let forged: Vec<_> = (0..200).map(|_| token_by(&signing_key(), "forged", now)).collect();
    let asked = futures_util::future::join_all(forged.iter().map(|token| node.asked(token, thief))).await;
    let (told, waits): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    assert!(told.iter().all(|told| matches!(told, Ok(None))));
    assert!(waits.iter().all(|wait| matches!(wait, Err(Refusal::LimitReached { .. }))));
    assert_eq!(waits.len(), 150);
    assert!(node.asked(&good, thief).await.unwrap().is_some());
    // What was found out to prove nothing costs nobody anything for a while. Two may have had the same place in that memory.
    let read = node.read();
    let again = futures_util::future::join_all(forged.iter().map(|token| node.asked(token, thief))).await;
    assert!((40..=50).contains(&again.iter().filter(|told| matches!(told, Ok(None))).count()));
    assert_eq!(node.read(), read);
    assert_eq!(node.asked(&forged[199], other).await, Ok(None), "another network's");
}

#[tokio::test]
async fn while_the_keys_cannot_be_read_nothing_is_said_of_a_token_and_afterwards_it_is_taken() {
    let node = Node::new();
    let (key, now) = (signing_key(), node.world.clock.now());
    node.store(&key);
    let token = token_by(&key, "good", now);
    node.rings.is_away.store(true, Ordering::SeqCst);
    let refused = node.identify(&token, None).await;
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    assert!(matches!(node.asked(&token, [192, 0, 2, 1]).await, Err(Refusal::Unavailable(_))));
    node.rings.is_away.store(false, Ordering::SeqCst);
    node.world.later(1);
    assert!(node.identify(&token, None).await.is_ok());
}

#[tokio::test]
async fn what_can_be_refused_by_its_look_has_no_keys_read() {
    let node = Node::new();
    let now = node.world.clock.now();
    let expired = token_by(&signing_key(), "expired", now.minus(Duration::from_secs(7200)));
    let foreign = TokenSigner::new(Arc::new(KeyRing::new(vec![signing_key()], "https://other.example")));
    let new = NewToken::of_app(AppId::new("app_1").unwrap(), ScopeSet::default());
    let foreign = foreign.sign(new, now, Duration::from_secs(3600)).unwrap();
    for token in [expired, foreign] {
        assert!(matches!(node.identify(&token, None).await, Err(Refusal::CredentialInvalid(_))));
    }
    assert_eq!(node.read(), 0);
}
