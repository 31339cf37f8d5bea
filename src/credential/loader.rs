//! A credential that is not remembered: verified, and what it rests on looked up. Only so many at once.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::access_token::{TokenVerifier, VerifiedToken};
use super::directory::Identity;
use super::freshness::{Changes, Stamp};
use super::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::id::AppId;
use crate::domain::identity::{App, Standing};
use crate::domain::principal::{AppFacts, Caller, CredentialKind};
use crate::domain::refusal::{Refusal, Subject};
use crate::domain::scope::ScopeSet;
use crate::domain::time::{Clock, Moment, Timestamp};

/// Credentials that are loaded at once; beyond: who is not known yet is refused for the moment, at no cost to the store.
pub(super) const MAX_LOADS: usize = 256;

/// Loads identities.
pub(super) struct Loader {
    source: Arc<dyn IdentitySource>,
    verifier: Arc<TokenVerifier>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
}

/// Why no identity came of a credential.
pub(super) enum Failure {
    Refused(Refusal),
    Source(SourceUnavailable),
    /// As many as may be are being loaded.
    Busy,
}

impl From<SourceUnavailable> for Failure {
    fn from(unavailable: SourceUnavailable) -> Self {
        Self::Source(unavailable)
    }
}

impl Loader {
    pub(super) fn new(
        source: Arc<dyn IdentitySource>,
        verifier: Arc<TokenVerifier>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { source, verifier, clock, places: Semaphore::new(MAX_LOADS) }
    }

    pub(super) fn moment(&self) -> Moment {
        self.clock.moment()
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.places.try_acquire().map_err(|_| Failure::Busy)
    }

    /// Whom an API key proves, if it is good at `now`. What it rests on is stamped before it is loaded.
    pub(super) async fn load_key(
        &self,
        hash: &KeyHash,
        (now, changes): (Timestamp, &Changes),
        stamps: &mut Vec<Stamp>,
    ) -> Result<Identity, Failure> {
        let _place = self.place()?;
        let unknown =
            Failure::Refused(Refusal::CredentialInvalid("The API key is unknown or no longer valid."));
        let Some(mut key) = self.source.key(hash).await? else { return Err(unknown) };
        // Stamped, then read again: a revocation between the two is seen either way.
        stamps.push(changes.stamp(key.id.as_str()));
        stamps.push(changes.stamp(key.app.as_str()));
        match self.source.key(hash).await? {
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

    /// Whom an access token proves, if it is good at `now`. What it rests on is stamped before it is loaded.
    pub(super) async fn load_token(
        &self,
        token: &str,
        (now, changes): (Timestamp, &Changes),
        stamps: &mut Vec<Stamp>,
    ) -> Result<Identity, Failure> {
        let token = self
            .verifier
            .verify(token, now)
            .map_err(|error| Failure::Refused(Refusal::CredentialInvalid(error.explanation())))?;
        // Only now: tokens that prove nothing take no place from those that do.
        let _place = self.place()?;
        stamps.push(changes.stamp(token.app.as_str()));
        stamps.extend(token.merchant.as_ref().map(|merchant| changes.stamp(merchant.as_str())));
        stamps.extend(token.grant.as_ref().map(|grant| changes.stamp(grant.as_str())));
        stamps.extend(token.family.as_ref().map(|family| changes.stamp(family.as_str())));
        if let Some(family) = &token.family
            && self.source.is_family_revoked(family).await?
        {
            let revoked = "The access token was revoked.";
            return Err(Failure::Refused(Refusal::CredentialInvalid(revoked)));
        }
        let app = self.active_app(&token.app).await?;
        self.check_ended(&token).await?;
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

    /// Whether a token that an app got for itself was ended before its time. One that acts for a merchant has the grant and the
    /// family of refresh tokens to be ended by.
    async fn check_ended(&self, token: &VerifiedToken) -> Result<(), Failure> {
        if token.grant.is_some() {
            return Ok(());
        }
        let ended = "The access token was ended with the app's older client secrets, or its suspension.";
        match self.source.tokens_valid_from(&token.app).await? {
            Some(from) if token.made_at < from => Err(Failure::Refused(Refusal::CredentialInvalid(ended))),
            Some(_) | None => Ok(()),
        }
    }

    /// The scopes of the grant behind a token; `None` if it acts for no merchant.
    async fn granted_scopes(&self, token: &VerifiedToken) -> Result<Option<ScopeSet>, Failure> {
        let Some(grant) = &token.grant else { return Ok(None) };
        let revoked = Refusal::CredentialInvalid("The merchant's grant was revoked.");
        let grant = self
            .source
            .grant(grant)
            .await?
            .filter(|grant| grant.revoked_at.is_none() && grant.app == token.app)
            .ok_or(Failure::Refused(revoked))?;
        let merchant = self.source.merchant(&grant.merchant).await?;
        match merchant {
            Some(merchant) if merchant.standing == Standing::Active => Ok(Some(grant.scopes)),
            _ => Err(Failure::Refused(Refusal::Suspended(Subject::Merchant))),
        }
    }

    async fn active_app(&self, id: &AppId) -> Result<App, Failure> {
        let gone = Failure::Refused(Refusal::CredentialInvalid("The app is no longer registered."));
        let Some(app) = self.source.app(id).await? else { return Err(gone) };
        let Some(partner) = self.source.partner(&app.partner).await? else { return Err(gone) };
        match (partner.standing, app.standing) {
            (Standing::Active, Standing::Active) => Ok(app),
            (Standing::Suspended, _) => Err(Failure::Refused(Refusal::Suspended(Subject::Partner))),
            (Standing::Active, Standing::Suspended) => {
                Err(Failure::Refused(Refusal::Suspended(Subject::App)))
            }
        }
    }

    async fn facts(&self, app: &App) -> Result<Arc<AppFacts>, Failure> {
        Ok(Arc::new(AppFacts {
            id: app.id.clone(),
            partner: app.partner.clone(),
            environment: app.environment,
            scopes: app.scopes.clone(),
            subscriptions: self.source.subscriptions(&app.id).await?,
        }))
    }
}
