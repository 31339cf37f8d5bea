//! Credential → [`Identity`], from bounded memory; what is not remembered is loaded once, for all who wait for it,
//! on the control plane's runtime.
//!
//! A memory that has aged is loaded again; while the store is away it is believed for a while longer, so that an outage of
//! the store is none of the callers that are known.
//!
//! Invariant: no change to an app, key, grant or merchant is outlived by what is remembered of it: see
//! [`super::freshness`]. The key of a memory is the SHA-256 of the credential, so no credential is kept.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderValue;
use moka::future::Cache;

use super::access_token::{TokenVerifier, VerifiedToken};
use super::freshness::{Changes, Stamp};
use super::presented::Presented;
use super::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::{ApiKey, KeyHash};
use crate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId};
use crate::domain::identity::{App, Standing};
use crate::domain::principal::{AppFacts, Caller, CredentialKind};
use crate::domain::refusal::Refusal;
use crate::domain::scope::ScopeSet;
use crate::domain::time::{Clock, Timestamp};

/// How long a credential that proves nothing is remembered as such, and how soon a store that is away is asked again:
/// guessing costs the guesser, not the store.
const REFUSED_TIME: Duration = Duration::from_secs(5);

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
    aged_at: Timestamp,
    /// Until when it is believed if it cannot be.
    believed_until: Timestamp,
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

struct Loader {
    source: Arc<dyn IdentitySource>,
    verifier: Arc<TokenVerifier>,
    clock: Arc<dyn Clock>,
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
        let loader = Arc::new(Loader { source, verifier, clock });
        Self { remembered, changes: Changes::default(), loader, control, memory }
    }

    /// Who a presented credential is at `now`; `None` if nothing was presented.
    ///
    /// # Errors
    /// [`Refusal::CredentialInvalid`], [`Refusal::Suspended`], or [`Refusal::Unavailable`] without the store.
    pub async fn identify(
        self: &Arc<Self>,
        presented: Presented<'_>,
        now: Timestamp,
    ) -> Result<Option<Arc<Identity>>, Refusal> {
        let text = match presented {
            Presented::Nothing => return Ok(None),
            Presented::ApiKey(text) | Presented::AccessToken(text) => text,
        };
        let hash = sha256(text);
        let known = self.remembered.get(&hash).await.filter(|known| self.is_true(known, now));
        match known {
            Some(known) if now < known.aged_at => known.outcome.map(Some),
            known => self.load(hash, Owned::of(presented)?, known, now).await.map(Some),
        }
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

    /// Loads what is not remembered, aged, or no longer true, once for all who wait for it. `aged` is what stands if the
    /// store is away.
    async fn load(
        self: &Arc<Self>,
        hash: [u8; 32],
        presented: Owned,
        aged: Option<Remembered>,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Refusal> {
        let (remembering, loading) = (self.clone(), self.clone());
        let entry = self
            .remembered
            .entry(hash)
            .or_insert_with_if(
                async move {
                    let task = loading.control.spawn(loading.clone().load_once(presented, aged));
                    task.await.unwrap_or_else(|_| {
                        out_of_reach(&SourceUnavailable("loading was cut off".to_owned()), now)
                    })
                },
                move |known| !remembering.is_true(known, now) || known.aged_at <= now,
            )
            .await;
        entry.into_value().outcome
    }

    async fn load_once(self: Arc<Self>, presented: Owned, aged: Option<Remembered>) -> Remembered {
        let now = self.loader.clock.now();
        let mut stamps = Vec::with_capacity(4);
        let outcome = match &presented {
            Owned::ApiKey(hash) => self.load_key(hash, now, &mut stamps).await,
            Owned::AccessToken(token) => self.load_token(token, now, &mut stamps).await,
        };
        let outcome = match outcome {
            Ok(identity) => Ok(Arc::new(identity)),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Source(unavailable)) => {
                let nobody = out_of_reach(&unavailable, now);
                let believed = aged.filter(|aged| {
                    aged.outcome.is_ok() && now < aged.believed_until && self.is_true(aged, now)
                });
                return believed
                    .map_or(nobody, |aged| Remembered { aged_at: now.plus(REFUSED_TIME), ..aged });
            }
        };
        let aged_at = now.plus(self.memory.time);
        Remembered {
            outcome,
            stamps: stamps.into(),
            aged_at,
            believed_until: aged_at.plus(self.memory.grace),
        }
    }

    async fn load_key(
        &self,
        hash: &KeyHash,
        now: Timestamp,
        stamps: &mut Vec<Stamp>,
    ) -> Result<Identity, Failure> {
        let unknown =
            Failure::Refused(Refusal::CredentialInvalid("The API key is unknown or no longer valid."));
        let Some(mut key) = self.loader.source.key(hash).await? else { return Err(unknown) };
        // Stamped, then read again: a revocation between the two is seen either way.
        stamps.push(self.changes.stamp(key.id.as_str()));
        stamps.push(self.changes.stamp(key.app.as_str()));
        match self.loader.source.key(hash).await? {
            Some(again) if again.is_valid(now) => key = again,
            _ => return Err(unknown),
        }
        let app = self.active_app(&key.app).await?;
        let facts = self.facts(&app).await?;
        let scopes = key.scopes.map_or_else(|| app.scopes.clone(), |narrow| narrow.intersection(&app.scopes));
        Ok(Identity::new(
            Caller {
                app: facts,
                credential: CredentialKind::ApiKey,
                credential_id: key.id.as_str().into(),
                merchant: None,
                grant: None,
                scopes,
            },
            key.expires_at,
        ))
    }

    async fn load_token(
        &self,
        token: &str,
        now: Timestamp,
        stamps: &mut Vec<Stamp>,
    ) -> Result<Identity, Failure> {
        let token = self
            .loader
            .verifier
            .verify(token, now)
            .map_err(|error| Failure::Refused(Refusal::CredentialInvalid(error.explanation())))?;
        stamps.push(self.changes.stamp(token.app.as_str()));
        stamps.extend(token.merchant.as_ref().map(|merchant| self.changes.stamp(merchant.as_str())));
        stamps.extend(token.grant.as_ref().map(|grant| self.changes.stamp(grant.as_str())));
        stamps.extend(token.family.as_ref().map(|family| self.changes.stamp(family.as_str())));
        if let Some(family) = &token.family
            && self.loader.source.is_family_revoked(family).await?
        {
            let revoked = "The access token was revoked.";
            return Err(Failure::Refused(Refusal::CredentialInvalid(revoked)));
        }
        let app = self.active_app(&token.app).await?;
        let granted = self.granted_scopes(&token).await?;
        let facts = self.facts(&app).await?;
        let scopes =
            granted.map_or_else(|| token.scopes.clone(), |granted| token.scopes.intersection(&granted));
        Ok(Identity::new(
            Caller {
                app: facts,
                credential: CredentialKind::AccessToken,
                credential_id: token.id.as_str().into(),
                merchant: token.merchant,
                grant: token.grant,
                scopes: scopes.intersection(&app.scopes),
            },
            Some(token.expires_at),
        ))
    }

    /// The scopes of the grant behind a token; `None` if it acts for no merchant.
    async fn granted_scopes(&self, token: &VerifiedToken) -> Result<Option<ScopeSet>, Failure> {
        let Some(grant) = &token.grant else { return Ok(None) };
        let revoked = Refusal::CredentialInvalid("The merchant's grant was revoked.");
        let grant = self
            .loader
            .source
            .grant(grant)
            .await?
            .filter(|grant| grant.revoked_at.is_none() && grant.app == token.app)
            .ok_or(Failure::Refused(revoked))?;
        let merchant = self.loader.source.merchant(&grant.merchant).await?;
        match merchant {
            Some(merchant) if merchant.standing == Standing::Active => Ok(Some(grant.scopes)),
            _ => Err(Failure::Refused(Refusal::Suspended)),
        }
    }

    async fn active_app(&self, id: &AppId) -> Result<App, Failure> {
        let gone = Failure::Refused(Refusal::CredentialInvalid("The app is no longer registered."));
        let Some(app) = self.loader.source.app(id).await? else { return Err(gone) };
        let Some(partner) = self.loader.source.partner(&app.partner).await? else { return Err(gone) };
        if app.standing == Standing::Active && partner.standing == Standing::Active {
            Ok(app)
        } else {
            Err(Failure::Refused(Refusal::Suspended))
        }
    }

    async fn facts(&self, app: &App) -> Result<Arc<AppFacts>, Failure> {
        Ok(Arc::new(AppFacts {
            id: app.id.clone(),
            partner: app.partner.clone(),
            environment: app.environment,
            scopes: app.scopes.clone(),
            subscriptions: self.loader.source.subscriptions(&app.id).await?,
        }))
    }
}

impl Identity {
    fn new(caller: Caller, expires_at: Option<Timestamp>) -> Self {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        let fields = IdentityFields {
            app: value(caller.app.id.as_str()),
            merchant: caller.merchant.as_ref().map(|merchant| value(merchant.as_str())),
            scopes: value(&caller.scopes.to_string()),
        };
        Self { caller: Arc::new(caller), fields, expires_at }
    }
}

/// Why no identity came of a credential.
enum Failure {
    Refused(Refusal),
    Source(SourceUnavailable),
}

impl From<SourceUnavailable> for Failure {
    fn from(unavailable: SourceUnavailable) -> Self {
        Self::Source(unavailable)
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

fn out_of_reach(unavailable: &SourceUnavailable, now: Timestamp) -> Remembered {
    tracing::error!(%unavailable, "a credential could not be looked up");
    let outcome = Err(Refusal::Unavailable("The store of identities is out of reach"));
    Remembered { outcome, stamps: Arc::from([]), aged_at: now, believed_until: now }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
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
