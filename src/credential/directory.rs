//! Credential → [`Identity`], from bounded memory; what is not remembered is loaded once, for all who wait for it,
//! on the control plane's runtime.
//!
//! A memory that has aged is loaded again; while the store is away it is believed for a while longer, so that an outage of
//! the store is none of the callers that are known.
//!
//! Invariant: no change to an app, key, grant or merchant is outlived by what is remembered of it: see
//! [`super::freshness`]. The key of a memory is the SHA-256 of the credential and its kind, so no credential is kept, and one
//! kind is never taken for another.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderValue;
use moka::future::Cache;

use super::access_token::TokenVerifier;
use super::freshness::{Changes, Stamp};
use super::loader::{Failure, Loader};
use super::presented::Presented;
use super::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::{ApiKey, KeyHash};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId};
use crate::domain::principal::Caller;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Clock, Moment, Timestamp};

/// How long a credential that proves nothing is remembered as such, and how soon a store that is away is asked again:
/// guessing costs the guesser, not the store.
const REFUSED_TIME: Duration = Duration::from_secs(5);

/// How long a caller that is known waits for a store that is slow.
const PATIENCE: Duration = Duration::from_millis(200);

/// A credential that was verified, with the fields that tell the upstream about it.
#[derive(Debug)]
pub struct Identity {
    /// Who it is.
    pub caller: Arc<Caller>,
    /// What the upstream is told.
    pub fields: IdentityFields,
    expires_at: Option<Timestamp>,
}

/// The caller as header values for the upstream.
#[derive(Debug)]
pub struct IdentityFields {
    /// For `X-Tollgate-App`.
    pub app: HeaderValue,
    /// For `X-Tollgate-Merchant`.
    pub merchant: Option<HeaderValue>,
    /// For `X-Tollgate-Scopes`.
    pub scopes: HeaderValue,
}

#[derive(Clone)]
struct Remembered {
    outcome: Result<Arc<Identity>, Refusal>,
    stamps: Arc<[Stamp]>,
    /// From when on it is loaded again.
    aged_at: Duration,
    /// Until when it is believed if it cannot be.
    believed_until: Duration,
}

impl Remembered {
    fn told(self) -> Result<Known, Refusal> {
        let Self { outcome, stamps, aged_at, .. } = self;
        outcome.map(|identity| Known { identity, stamps, aged_at })
    }
}

/// An identity as it was found, for those who remember it themselves.
#[derive(Debug, Clone)]
pub struct Known {
    /// The identity.
    pub identity: Arc<Identity>,
    stamps: Arc<[Stamp]>,
    aged_at: Duration,
}

/// How long what was loaded of a credential is believed.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Credentials that are remembered; beyond: the least used is loaded again.
    pub capacity: u64,
    /// After this time a credential is loaded again.
    pub time: Duration,
    /// For this long beyond it is believed while the store is away.
    pub grace: Duration,
}

/// Remembers verified credentials.
pub struct Directory {
    remembered: Cache<[u8; 32], Remembered>,
    changes: Changes,
    loader: Arc<Loader>,
    control: tokio::runtime::Handle,
    memory: Memory,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Directory({} remembered)", self.remembered.entry_count())
    }
}

impl Directory {
    /// A directory that loads on `control` and remembers within `memory`.
    #[must_use]
    pub fn new(
        source: Arc<dyn IdentitySource>,
        verifier: Arc<TokenVerifier>,
        clock: Arc<dyn Clock>,
        control: tokio::runtime::Handle,
        memory: Memory,
    ) -> Self {
        let lifetimes = Lifetimes { known: memory.time.saturating_add(memory.grace) };
        let remembered = Cache::builder().max_capacity(memory.capacity).expire_after(lifetimes).build();
        let loader = Arc::new(Loader::new(source, verifier, clock));
        Self { remembered, changes: Changes::default(), loader, control, memory }
    }

    /// Who a presented credential is at `now`; `None` if nothing was presented.
    ///
    /// # Errors
    /// [`Refusal::CredentialInvalid`], [`Refusal::Suspended`], or [`Refusal::Unavailable`] without the store.
    pub async fn identify(
        self: &Arc<Self>,
        presented: Presented<'_>,
        moment: Moment,
    ) -> Result<Option<Known>, Refusal> {
        let hash = match presented {
            Presented::Nothing => return Ok(None),
            Presented::ApiKey(text) => sha256(b"k", text),
            Presented::AccessToken(text) => sha256(b"t", text),
        };
        let known = self.remembered.get(&hash).await.filter(|known| self.is_true(known, moment.now));
        match known {
            Some(known) if moment.monotonic < known.aged_at => known.told().map(Some),
            Some(known) if self.is_believed(&known, moment) => {
                self.load_or_believe(hash, Owned::of(presented)?, known, moment).await.map(Some)
            }
            _ => self.load(hash, Owned::of(presented)?, None, moment).await.map(Some),
        }
    }

    /// Whether what [`Directory::identify`] told may still be taken for true.
    #[must_use]
    pub fn is_current(&self, known: &Known, moment: Moment) -> bool {
        moment.monotonic < known.aged_at
            && known.identity.expires_at.is_none_or(|expiry| moment.now < expiry)
            && known.stamps.iter().all(|stamp| self.changes.is_fresh(stamp))
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

    /// Whether nothing has happened since that would make it untrue.
    fn is_true(&self, known: &Remembered, now: Timestamp) -> bool {
        let alive = match &known.outcome {
            Ok(identity) => identity.expires_at.is_none_or(|expiry| now < expiry),
            // An outage is never remembered: the next caller asks again.
            Err(refusal) => !matches!(refusal, Refusal::Unavailable(_)),
        };
        alive && known.stamps.iter().all(|stamp| self.changes.is_fresh(stamp))
    }

    /// Whether what has aged stands while the store says nothing.
    fn is_believed(&self, aged: &Remembered, moment: Moment) -> bool {
        aged.outcome.is_ok() && moment.monotonic < aged.believed_until && self.is_true(aged, moment.now)
    }

    /// Loads what has aged, but does not wait for a store that is slow: then what is remembered stands, and the load goes on.
    async fn load_or_believe(
        self: &Arc<Self>,
        hash: [u8; 32],
        presented: Owned,
        aged: Remembered,
        moment: Moment,
    ) -> Result<Known, Refusal> {
        let (loading, before) = (self.clone(), aged.clone());
        let load = async move { loading.load(hash, presented, Some(before), moment).await };
        match tokio::time::timeout(PATIENCE, self.control.spawn(load)).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) | Err(_) => {
                let aged_at = moment.monotonic.saturating_add(REFUSED_TIME);
                let believed = Remembered { aged_at, ..aged };
                self.remembered.insert(hash, believed.clone()).await;
                believed.told()
            }
        }
    }

    /// Loads what is not remembered, aged, or no longer true, once for all who wait for it. `aged` is what stands if the
    /// store is away.
    async fn load(
        self: &Arc<Self>,
        hash: [u8; 32],
        presented: Owned,
        aged: Option<Remembered>,
        moment: Moment,
    ) -> Result<Known, Refusal> {
        let (remembering, loading) = (self.clone(), self.clone());
        let entry = self
            .remembered
            .entry(hash)
            .or_insert_with_if(
                async move {
                    let task = loading.control.spawn(loading.clone().load_once(presented, aged));
                    task.await.unwrap_or_else(|_| {
                        out_of_reach(&SourceUnavailable("loading was cut off".to_owned()), moment)
                    })
                },
                move |known| !remembering.is_true(known, moment.now) || known.aged_at <= moment.monotonic,
            )
            .await;
        entry.into_value().told()
    }

    async fn load_once(self: Arc<Self>, presented: Owned, aged: Option<Remembered>) -> Remembered {
        let moment = self.loader.moment();
        let mut stamps = Vec::with_capacity(4);
        let outcome = match &presented {
            Owned::ApiKey(hash) => self.loader.load_key(hash, (moment.now, &self.changes), &mut stamps).await,
            Owned::AccessToken(token) => {
                self.loader.load_token(token, (moment.now, &self.changes), &mut stamps).await
            }
        };
        let outcome = match outcome {
            Ok(identity) => Ok(Arc::new(identity)),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(failure @ (Failure::Source(_) | Failure::Busy)) => {
                let nobody = match failure {
                    Failure::Source(unavailable) => out_of_reach(&unavailable, moment),
                    Failure::Busy | Failure::Refused(_) => busy(moment),
                };
                let believed = aged.filter(|aged| self.is_believed(aged, moment));
                let aged_at = moment.monotonic.saturating_add(REFUSED_TIME);
                return believed.map_or(nobody, |aged| Remembered { aged_at, ..aged });
            }
        };
        let aged_at = moment.monotonic.saturating_add(self.memory.time);
        Remembered {
            outcome,
            stamps: stamps.into(),
            aged_at,
            believed_until: aged_at.saturating_add(self.memory.grace),
        }
    }
}

impl Identity {
    /// A caller who has proved itself, until `expires_at` if its credential ends then.
    pub(super) fn new(caller: Caller, expires_at: Option<Timestamp>) -> Self {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        let fields = IdentityFields {
            app: value(caller.app.id.as_str()),
            merchant: caller.merchant.as_ref().map(|merchant| value(merchant.as_str())),
            scopes: value(&caller.scopes.to_string()),
        };
        Self { caller: Arc::new(caller), fields, expires_at }
    }
}

/// A presented credential that can be taken to another thread.
enum Owned {
    ApiKey(KeyHash),
    AccessToken(String),
}

impl Owned {
    fn of(presented: Presented<'_>) -> Result<Self, Refusal> {
        match presented {
            Presented::Nothing => Err(Refusal::CredentialMissing),
            Presented::ApiKey(text) => match ApiKey::check(text) {
                Ok((_, hash)) => Ok(Self::ApiKey(hash)),
                Err(_) => {
                    Err(Refusal::CredentialInvalid("This is not an API key: its shape or checksum is wrong."))
                }
            },
            Presented::AccessToken(text) => Ok(Self::AccessToken(text.to_owned())),
        }
    }
}

fn out_of_reach(unavailable: &SourceUnavailable, moment: Moment) -> Remembered {
    tracing::error!(%unavailable, "a credential could not be looked up");
    let outcome = Err(Refusal::Unavailable("The store of identities is out of reach"));
    Remembered { outcome, stamps: Arc::from([]), aged_at: moment.monotonic, believed_until: moment.monotonic }
}

/// Not in the log: a flood would fill it.
fn busy(moment: Moment) -> Remembered {
    let outcome = Err(Refusal::Unavailable("Too many credentials are being looked up"));
    Remembered { outcome, stamps: Arc::from([]), aged_at: moment.monotonic, believed_until: moment.monotonic }
}

fn sha256(kind: &[u8; 1], text: &str) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    digest.update(kind);
    digest.update(text.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.finish().as_ref());
    hash
}

struct Lifetimes {
    known: Duration,
}

impl moka::Expiry<[u8; 32], Remembered> for Lifetimes {
    fn expire_after_create(
        &self,
        _: &[u8; 32],
        value: &Remembered,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(self.of(value))
    }

    fn expire_after_update(
        &self,
        _: &[u8; 32],
        value: &Remembered,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.of(value))
    }
}

impl Lifetimes {
    fn of(&self, value: &Remembered) -> Duration {
        if value.outcome.is_ok() { self.known } else { REFUSED_TIME }
    }
}

#[cfg(test)]
mod tests;
