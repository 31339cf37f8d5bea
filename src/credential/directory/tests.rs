//! The directory before a store that comes and goes, at times that the test decides.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod certificates;
mod existing;
mod foreign;
mod guessed;
mod many;
mod new_keys;
mod signature_keys;
mod source;
mod standing;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::HeaderValue;
use tokio::sync::Semaphore;

use self::source::Source;
use super::super::access_token::{KeyRing, NewToken, RingKey, SigningKey, TokenSigner};
use super::super::loader::MAX_LOADS;
use super::*;
use crate::credential::keys::KnownKey;
use crate::credential::presented::{Field, Shown};
use crate::credential::recent::Recent;
use crate::domain::api_key::KeyHash;
use crate::domain::id::PartnerId;
use crate::domain::identity::Environment;
use crate::domain::principal::AppFacts;
use crate::domain::refusal::Subject;
use crate::domain::scope::ScopeSet;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::ManualClock;

const MEMORY: Memory =
    Memory { tokens: 100, keys: 1000, time: Duration::from_secs(60), grace: Duration::from_secs(600) };

const ISSUER: &str = "https://gateway.example";

/// Keys that the source tells of by the page; each third is of an app that may not call.
const KEYS: u16 = 3_000;

fn numbered_key(number: u16) -> ApiKey {
    let mut random = [0; 32];
    random[..2].copy_from_slice(&number.to_be_bytes());
    ApiKey::from_random(Environment::Live, &random)
}

fn known_key(number: u16) -> (KeyHash, KnownKey, bool) {
    let app = AppFacts {
        id: AppId::new(&format!("app_{number:05}")).unwrap(),
        partner: PartnerId::new("partner_1").unwrap(),
        environment: Environment::Live,
        scopes: ScopeSet::default(),
        subscriptions: Vec::new(),
        balances: Vec::new(),
    };
    let (id, scopes) = (KeyId::new(&format!("key_{number:05}")).unwrap(), ScopeSet::default());
    (
        numbered_key(number).hash(),
        KnownKey { id, scopes, narrowing: None, expires_at: None, app: Arc::new(app) },
        !number.is_multiple_of(3),
    )
}

fn signing_key() -> RingKey {
    let algorithm = SigningAlgorithm::Es256;
    let der = SigningKey::generate(algorithm).unwrap();
    RingKey::alone(SigningKey::from_pkcs8(algorithm, &der).unwrap())
}

struct World {
    source: Arc<Source>,
    clock: Arc<ManualClock>,
    ring: Arc<KeyRing>,
    directory: Arc<Directory>,
    signer: TokenSigner,
    key: ApiKey,
}

impl World {
    fn new() -> Self {
        let is_away = AtomicBool::new(false);
        let source = Arc::new(Source {
            is_away,
            is_suspended: AtomicBool::new(false),
            is_key_revoked: AtomicBool::new(false),
            keys_end_at: std::sync::Mutex::default(),
            loads: AtomicUsize::new(0),
            unknown: std::sync::Mutex::default(),
            told: std::sync::Mutex::default(),
            keys_asked: AtomicUsize::new(0),
            certificates: std::sync::Mutex::default(),
            granted: std::sync::Mutex::default(),
            token_rules: std::sync::Mutex::default(),
            gate: Semaphore::new(1),
        });
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_000_000)));
        let ring = Arc::new(KeyRing::new(vec![signing_key()], ISSUER));
        let signer = TokenSigner::new(ring.clone());
        let control = tokio::runtime::Handle::current();
        let directory =
            Arc::new(Directory::new(source.clone(), ring.clone(), clock.clone(), control, MEMORY));
        directory.revoked.has_all();
        Self { source, clock, ring, directory, signer, key: ApiKey::from_random(Environment::Live, &[7; 32]) }
    }

    async fn identify(&self) -> Result<Option<Known>, Refusal> {
        self.directory.identify(Presented::ApiKey(self.key.reveal()), self.clock.moment()).await
    }

    /// An access token that is made now.
    fn token(&self, id: &str) -> String {
        let app = AppId::new("app_1").unwrap();
        let (id, scopes) = (id.to_owned(), ScopeSet::default());
        let new = NewToken { id, ..NewToken::of_app(app, scopes) };
        self.signer.sign(new, self.clock.now(), Duration::from_secs(3600)).unwrap()
    }

    async fn identify_token(&self, token: &str) -> Result<Option<Known>, Refusal> {
        self.directory.identify(Presented::AccessToken(token), self.clock.moment()).await
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn loads(&self) -> usize {
        self.source.loads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_known_credential_outlives_an_outage_of_the_store_but_not_for_ever() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    world.source.is_away.store(true, Ordering::SeqCst);
    for waited in (60..660).step_by(60) {
        world.later(60);
        assert!(world.identify().await.is_ok(), "refused {waited} s into an outage");
    }
    world.later(60);
    assert!(matches!(world.identify().await, Err(Refusal::Unavailable(_))));
    world.source.is_away.store(false, Ordering::SeqCst);
    assert!(world.identify().await.is_ok(), "the store is back");
}

#[tokio::test]
async fn a_store_that_is_away_is_asked_every_few_seconds_only() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    world.source.is_away.store(true, Ordering::SeqCst);
    world.later(60);
    assert!(world.identify().await.is_ok());
    world.source.is_away.store(false, Ordering::SeqCst);
    let before = world.loads();
    assert!(world.identify().await.is_ok());
    assert_eq!(world.loads(), before, "asked again at once");
    world.later(5);
    assert!(world.identify().await.is_ok());
    assert_eq!(world.loads(), before + 1);
}

#[tokio::test]
async fn what_aged_is_loaded_again_once_and_a_change_is_seen_then() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    assert!(world.identify().await.is_ok());
    assert_eq!(world.loads(), 1);
    world.source.is_suspended.store(true, Ordering::SeqCst);
    world.later(60);
    assert!(matches!(world.identify().await, Err(Refusal::Suspended(Subject::App))));
    assert_eq!(world.loads(), 2);
}

#[tokio::test]
async fn a_change_beats_the_memory_even_while_the_store_is_away() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    world.source.is_away.store(true, Ordering::SeqCst);
    assert!(matches!(world.identify().await, Err(Refusal::Unavailable(_))));
}

#[tokio::test]
async fn an_api_key_that_is_sent_as_an_access_token_is_never_taken_for_one() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    let as_token = world.identify_token(world.key.reveal()).await;
    assert!(matches!(as_token, Err(Refusal::CredentialInvalid(_))));
}

#[tokio::test]
async fn tokens_that_were_made_before_an_apps_tokens_were_ended_no_longer_hold() {
    let world = World::new();
    let old = world.token("old");
    assert!(world.identify_token(&old).await.is_ok());
    world.clock.advance(Duration::from_micros(1));
    world.source.token_rules.lock().unwrap().valid_from = Some(world.clock.now());
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert!(matches!(world.identify_token(&old).await, Err(Refusal::CredentialInvalid(_))));
    assert!(world.identify_token(&world.token("new")).await.is_ok(), "made in the same second, but after it");
}

#[tokio::test]
async fn a_flood_of_unknown_credentials_is_refused_and_who_is_known_goes_on() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    world.later(60);
    let gate = world.source.gate.acquire().await.unwrap();
    let flood: Vec<_> = (0..MAX_LOADS)
        .map(|number| {
            let (directory, now) = (world.directory.clone(), world.clock.moment());
            let token = world.token(&format!("t{number}"));
            tokio::spawn(async move { directory.identify(Presented::AccessToken(&token), now).await })
        })
        .collect();
    while world.loads() < 1 + MAX_LOADS {
        tokio::task::yield_now().await;
    }
    let one_more = world.identify_token(&world.token("more")).await;
    assert!(matches!(one_more, Err(Refusal::Unavailable(_))));
    assert!(world.identify().await.is_ok(), "known, aged, and not to be loaded now");
    drop(gate);
    for waiting in flood {
        assert!(waiting.await.unwrap().is_ok());
    }
    assert!(world.identify_token(&world.token("after")).await.is_ok());
}

/// What a request shows that has the one field.
fn shown(field: Field, value: &HeaderValue) -> Shown<'_> {
    let mut shown = Shown::default();
    match field {
        Field::Authorization => shown.authorization.see(value),
        Field::ApiKey => shown.api_key.see(value),
    }
    shown
}

#[tokio::test]
async fn a_core_remembers_who_called_until_it_ages_or_changes() {
    let world = World::new();
    let mut recent = Recent::new(world.directory.clone(), 10);
    let value = HeaderValue::from_str(world.key.reveal()).unwrap();
    let (key, bearer) = (shown(Field::ApiKey, &value), shown(Field::Authorization, &value));
    let now = || world.clock.moment();
    assert!(recent.find(key, now()).is_none());
    recent.keep(key, world.identify().await.unwrap().unwrap());
    assert!(recent.find(key, now()).is_some());
    assert!(recent.find(bearer, now()).is_none(), "of another field");
    let both = Shown { authorization: bearer.authorization, api_key: key.api_key, ..Shown::default() };
    assert!(recent.find(both, now()).is_none(), "two credentials");
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert!(recent.find(key, now()).is_none(), "a change beats it");
    recent.keep(key, world.identify().await.unwrap().unwrap());
    world.later(60);
    assert!(recent.find(key, now()).is_none(), "it has aged");
}

#[tokio::test]
async fn what_a_core_remembers_is_bounded_and_who_goes_on_calling_stays() {
    let world = World::new();
    let mut recent = Recent::new(world.directory.clone(), 10);
    let known = world.identify().await.unwrap().unwrap();
    let steady = HeaderValue::from_static("tg_steady");
    let steady = shown(Field::ApiKey, &steady);
    let values: Vec<_> =
        (0..1000).map(|number| HeaderValue::from_str(&format!("tg_{number}")).unwrap()).collect();
    recent.keep(steady, known.clone());
    for value in &values {
        recent.keep(shown(Field::ApiKey, value), known.clone());
        assert!(recent.find(steady, world.clock.moment()).is_some(), "forgotten after {value:?}");
    }
    let kept = values
        .iter()
        .filter(|value| recent.find(shown(Field::ApiKey, value), world.clock.moment()).is_some());
    assert!(kept.count() <= 20);
}

#[tokio::test]
async fn a_known_credential_does_not_wait_for_a_store_that_says_nothing() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    world.later(60);
    let _gate = world.source.gate.acquire().await.unwrap();
    assert!(world.identify().await.is_ok());
    let before = world.loads();
    assert!(world.identify().await.is_ok(), "at once, and without another load");
    assert_eq!(world.loads(), before);
}
