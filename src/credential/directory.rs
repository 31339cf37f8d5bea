//! Credential → [`Identity`], from bounded memory; what is not remembered is loaded once, for all who wait for it,
//! on the control plane's runtime.
//!
//! A memory that has aged is loaded again; while the store is away it is believed for a while longer, so that an outage of
//! the store is none of the callers that are known. What is heard of the store's changes keeps memories from ageing.
//!
//! Invariant: no change to an app, key, grant or merchant is outlived by what is remembered of it: see
//! [`super::freshness`]. A memory is found by its kind and the SHA-256 of the credential, so no credential is kept, and one
//! kind is never taken for another.

mod certificates;
mod existing;
mod foreign;
mod learning;
mod loading;
mod new_keys;
mod provenance;
mod remembered;
mod revoking;
mod signature_keys;
mod standing;
mod verifying;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use moka::future::Cache;

use self::loading::Owned;
use self::new_keys::Reading;
pub(super) use self::provenance::Provenance;
use self::remembered::{Lifetimes, Remembered};
use self::standing::Asking;
pub use self::standing::{NO_CERTIFICATE, TAKEN_BACK};
use self::verifying::Unverified;
use super::existing_keys::ExistingKeys;
use super::foreign_issuers::ForeignIssuers;
use super::freshness::{Changes, Stamps};
use super::guesses::Guesses;
pub use super::identity::{Identity, IdentityFields};
use super::keys::Keys;
use super::loader::Loader;
use super::presented::Presented;
use super::refused::Refused;
use super::revoked::RevokedTokens;
use super::ring_source::RingSource;
use super::source::IdentitySource;
use super::subjects::{Judging, Subjects};
use crate::domain::api_key::ApiKey;
use crate::domain::confirmation::Confirmation;
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId};
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Clock, Moment, Timestamp};

/// How long a credential that proves nothing is remembered as such, and how soon a store that is away is asked again:
/// guessing costs the guesser, not the store.
const REFUSED_TIME: Duration = Duration::from_secs(5);

/// RFC 9449, section 7.2: whoever took it away could use it otherwise.
const BOUND: Refusal = Refusal::CredentialInvalid(
    "The access token is bound to a key: send it as Authorization: DPoP, with a proof in DPoP.",
);
const NOT_BOUND: Refusal =
    Refusal::CredentialInvalid("The access token is bound to no key: send it as Authorization: Bearer.");

/// A credential by its kind and the SHA-256 of its text.
type Credential = (CredentialKind, [u8; 32]);

/// An identity as it was found, for those who remember it themselves.
#[derive(Debug, Clone)]
pub struct Known {
    /// The identity.
    pub identity: Arc<Identity>,
    stamps: Stamps,
    loaded_at: Duration,
    rests_until: Duration,
}

/// How long what was loaded of a credential is believed.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Access tokens that are remembered; beyond: the least used is verified again.
    pub tokens: u64,
    /// API keys that are remembered; beyond: those that were not used lately are loaded again.
    pub keys: usize,
    /// After this time without news of the store's changes a credential is loaded again.
    pub time: Duration,
    /// For this long beyond it is believed while the store is away.
    pub grace: Duration,
}

/// Remembers verified credentials.
pub struct Directory {
    keys: Keys,
    existing: ExistingKeys,
    remembered: Cache<Credential, Remembered>,
    changes: Changes,
    guesses: Guesses,
    revoked: RevokedTokens,
    keys_in_force: Arc<dyn RingSource>,
    /// The last time that they were read again for a token of a key that is not among them.
    reading: tokio::sync::Mutex<Option<Reading>>,
    /// Whose tokens are taken beside our own.
    issuers: ForeignIssuers,
    /// Tokens whose signature was looked at.
    verified: AtomicU64,
    /// API keys that the source was asked about.
    looked_up: AtomicU64,
    /// Whether the platform's keys are still to be learnt.
    is_learning: AtomicBool,
    source: Arc<dyn IdentitySource>,
    loader: Loader,
    asking: Asking,
    clock: Arc<dyn Clock>,
    control: tokio::runtime::Handle,
    memory: Memory,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Directory({} keys, {} others)", self.keys.count(), self.remembered.entry_count())
    }
}

impl Directory {
    /// A directory that loads on `control` and remembers within `memory`.
    #[must_use]
    pub fn new(
        source: Arc<dyn IdentitySource>,
        keys_in_force: Arc<dyn RingSource>,
        clock: Arc<dyn Clock>,
        control: tokio::runtime::Handle,
        memory: Memory,
    ) -> Self {
        let lifetimes = Lifetimes { known: memory.time.saturating_add(memory.grace) };
        Self {
            keys: Keys::new(memory.keys),
            existing: ExistingKeys::new(memory.keys),
            remembered: Cache::builder().max_capacity(memory.tokens).expire_after(lifetimes).build(),
            changes: Changes::default(),
            guesses: Guesses::new(),
            revoked: RevokedTokens::default(),
            keys_in_force,
            reading: tokio::sync::Mutex::default(),
            issuers: ForeignIssuers::default(),
            verified: AtomicU64::new(0),
            looked_up: AtomicU64::new(0),
            is_learning: AtomicBool::new(false),
            loader: Loader::new(source.clone(), Subjects::new(memory.time)),
            asking: Asking::default(),
            source,
            clock,
            control,
            memory,
        }
    }

    /// Who a presented credential is; `None` if nothing was presented.
    ///
    /// # Errors
    /// As [`Directory::identify_from`] says.
    pub async fn identify(
        self: &Arc<Self>,
        presented: Presented<'_>,
        moment: Moment,
    ) -> Result<Option<Known>, Refusal> {
        self.identify_from(presented, None, moment).await.map_err(|refused| refused.refusal)
    }

    /// Who a credential is that was presented from `address`; `None` if nothing was presented.
    ///
    /// # Errors
    /// [`Refusal::CredentialInvalid`], [`Refusal::Suspended`], [`Refusal::LimitReached`] for a network that guesses,
    /// or [`Refusal::Unavailable`] without the store.
    pub async fn identify_from(
        self: &Arc<Self>,
        presented: Presented<'_>,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Option<Known>, Refused> {
        let refused = |known: &Known, why| Err(Refused::of(&known.identity.caller.app.id, why));
        match presented {
            Presented::Nothing => Ok(None),
            Presented::ApiKey(text) => self.identify_key(text, address, moment).await.map(Some),
            Presented::AccessToken(text) => {
                let known = self.identify_token(text, address, moment).await?;
                match known.identity.confirmation {
                    Some(Confirmation::Key(_)) => refused(&known, BOUND),
                    Some(Confirmation::Certificate(_)) | None => Ok(Some(known)),
                }
            }
            Presented::BoundToken(text) => {
                let known = self.identify_token(text, address, moment).await?;
                match known.identity.confirmation {
                    Some(Confirmation::Key(_)) => Ok(Some(known)),
                    Some(Confirmation::Certificate(_)) | None => refused(&known, NOT_BOUND),
                }
            }
        }
    }

    async fn identify_key(
        self: &Arc<Self>,
        text: &str,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        let not_one = Refusal::CredentialInvalid("This is not an API key: its shape or checksum is wrong.");
        let (_, hash) = ApiKey::check(text).map_err(|_| not_one)?;
        let credential = (CredentialKind::ApiKey, hash.0);
        let found = self.keys.find(&hash, moment.now).map(|found| Remembered::found(credential, found));
        if let Some(known) = found.as_ref().filter(|known| self.is_fresh(known, moment)) {
            return known.clone().told();
        }
        let known = match self.remembered.get(&credential).await {
            // Nobody has shown it before: it may be a guess.
            None if found.is_none() => {
                Some(self.try_new(credential, Owned::ApiKey(hash), address, moment).await?)
            }
            known => known.filter(|known| self.is_true(known, moment.now)),
        };
        self.fresh_or_loaded(credential, Owned::ApiKey(hash), known.or(found), moment).await
    }

    async fn identify_token(
        self: &Arc<Self>,
        text: &str,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        let hash = hash_of(text);
        let credential = (CredentialKind::AccessToken, hash);
        let known = self.remembered.get(&credential).await;
        if let Some(known) = known.as_ref().filter(|known| self.is_fresh(known, moment)) {
            return known.clone().told();
        }
        // The same text was good before: to verify it once more is no guess, whoever guesses beside it.
        let is_guess = known.as_ref().is_none_or(|known| known.outcome.is_err());
        let token = match self.verify(text, hash, is_guess.then_some(address), moment) {
            Ok(token) => token,
            Err(Unverified::Refused(refusal)) => return Err(refusal.into()),
            Err(Unverified::UnknownKey) => {
                Box::pin(self.verify_by_new_key(text, hash, address, moment)).await?
            }
            Err(Unverified::NotOurs(error)) => {
                let by = (address, is_guess);
                Box::pin(self.verify_foreign(text, (hash, error), by, moment)).await?
            }
        };
        let mut stamps = Stamps::default();
        if let Some(outcome) = self.loader.assemble(&token, self.judging(moment), &mut stamps) {
            let presented = Owned::AccessToken(token.into());
            let remembered = Remembered::of((credential, &presented), outcome, stamps, moment.monotonic);
            self.remembered.insert(credential, remembered.clone()).await;
            return remembered.told();
        }
        self.fresh_or_loaded(credential, Owned::AccessToken(token.into()), known, moment).await
    }

    /// What is remembered, or what is loaded now.
    async fn fresh_or_loaded(
        self: &Arc<Self>,
        credential: Credential,
        presented: Owned,
        known: Option<Remembered>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        match known {
            Some(known) if self.is_fresh(&known, moment) => known.told(),
            Some(known) if self.is_believed(&known, moment) => {
                self.load_or_believe(credential, presented, known, moment).await
            }
            Some(_) | None => self.load(credential, presented, None, moment).await,
        }
    }

    /// Whether what [`Directory::identify`] told may still be taken for true.
    #[must_use]
    pub fn is_current(&self, known: &Known, moment: Moment) -> bool {
        moment.monotonic < self.aged_at(known.loaded_at).max(known.rests_until)
            && known.identity.is_alive(moment.now)
            && self.changes.are_fresh(&known.stamps)
    }

    /// Tokens whose signature was looked at.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    /// API keys that the source was asked about.
    #[must_use]
    pub fn looked_up(&self) -> u64 {
        self.looked_up.load(Ordering::Relaxed)
    }

    /// API keys that are remembered.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.count()
    }

    /// Is told which subjects changed in the store up to `at`, whoever changed them; `None`: more than were looked at.
    pub fn hear(&self, subjects: Option<&[String]>, at: Duration) {
        match subjects {
            Some(subjects) => subjects.iter().for_each(|subject| {
                self.hear_of_token(subject);
                self.changes.bump(subject);
            }),
            None => {
                self.revoked.is_missing_some();
                self.changes.bump_all();
            }
        }
        self.changes.heard(at);
        self.guesses.sweep(at);
        self.revoked.sweep(self.clock.now());
    }

    /// Forgets all that was verified: a signing key is no longer to be believed. To be called after the ring is without it.
    pub fn forget_all(&self) {
        self.changes.bump_all();
    }

    /// Forgets what is known of an app and all that its credentials proved.
    pub fn forget_app(&self, app: &AppId) {
        self.changes.bump(app.as_str());
    }

    /// Forgets an API key.
    pub fn forget_key(&self, key: &KeyId) {
        self.changes.bump(key.as_str());
    }

    /// Forgets the tokens of a grant.
    pub fn forget_grant(&self, grant: &GrantId) {
        self.changes.bump(grant.as_str());
    }

    /// Forgets the access tokens that came with a family of refresh tokens.
    pub fn forget_family(&self, family: &FamilyId) {
        self.changes.bump(family.as_str());
    }

    /// Forgets the tokens that act for a merchant.
    pub fn forget_merchant(&self, merchant: &MerchantId) {
        self.changes.bump(merchant.as_str());
    }

    fn judging(&self, moment: Moment) -> Judging<'_> {
        let (changes, ring, revoked) = (&self.changes, self.keys_in_force.ring(), &self.revoked);
        let issuers = &self.issuers;
        Judging { changes, ring, issuers, revoked, monotonic: moment.monotonic }
    }

    fn aged_at(&self, loaded_at: Duration) -> Duration {
        self.changes.aged_at(loaded_at, self.memory.time)
    }

    /// Whether nothing has happened since that would make it untrue.
    fn is_true(&self, known: &Remembered, now: Timestamp) -> bool {
        let alive = match &known.outcome {
            Ok(identity) => identity.is_alive(now),
            Err(_) => !known.is_outage(),
        };
        alive && self.changes.are_fresh(&known.stamps)
    }

    /// Whether it is true and need not be loaded again.
    fn is_fresh(&self, known: &Remembered, moment: Moment) -> bool {
        moment.monotonic < self.aged_at(known.loaded_at).max(known.rests_until)
            && self.is_true(known, moment.now)
    }

    /// Whether what has aged stands while the store says nothing.
    fn is_believed(&self, aged: &Remembered, moment: Moment) -> bool {
        let until = self.aged_at(aged.loaded_at).saturating_add(self.memory.grace);
        (aged.outcome.is_ok() || aged.is_no_apps())
            && moment.monotonic < until
            && self.is_true(aged, moment.now)
    }
}

/// What a token is remembered by.
fn hash_of(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests;
