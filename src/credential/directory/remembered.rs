//! What is remembered of a credential, and for how long.

use std::sync::Arc;
use std::time::Duration;

use super::loading::Owned;
use super::provenance::Provenance;
use super::{Credential, Identity, Known, REFUSED_TIME};
use crate::credential::freshness::Stamps;
use crate::credential::keys::Found;
use crate::credential::loader::ended;
use crate::credential::refused::Refused;
use crate::domain::api_key::KeyHash;
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;

/// What is remembered of a credential.
#[derive(Clone)]
pub(super) struct Remembered {
    pub(super) outcome: Result<Arc<Identity>, Refused>,
    /// What it proved until it ended by itself, which goes on for the calls that are under way.
    pub(super) outlived: Option<Arc<Identity>>,
    pub(super) stamps: Stamps,
    /// When it was loaded.
    pub(super) loaded_at: Duration,
    /// Until when it rests, though it has aged: the store did not answer.
    pub(super) rests_until: Duration,
}

impl Remembered {
    /// What came of a credential that was loaded.
    pub(super) fn of(
        (credential, presented): (Credential, &Owned),
        outcome: Result<Identity, Refused>,
        stamps: Stamps,
        loaded_at: Duration,
    ) -> Self {
        let provenance = |identity| {
            let provenance = Some(Provenance::new(credential, presented, stamps));
            Arc::new(Identity { provenance, ..identity })
        };
        let (outcome, rests_until) = (outcome.map(provenance), Duration::ZERO);
        Self { outcome, outlived: None, stamps, loaded_at, rests_until }
    }

    /// The same: refused if it has ended by itself at `now`.
    pub(super) fn unless_ended(mut self, kind: CredentialKind, now: Timestamp) -> Self {
        if let Ok(identity) = &self.outcome
            && !identity.is_alive(now)
        {
            let refused = Refused::of(&identity.caller.app.id, ended(kind));
            self.outlived = std::mem::replace(&mut self.outcome, Err(refused)).ok();
        }
        self
    }

    /// An API key that was known.
    pub(super) fn found(credential: Credential, found: Found) -> Self {
        let Found { identity, stamps, loaded_at } = found;
        let (_, hash) = credential;
        Self::of((credential, &Owned::ApiKey(KeyHash(hash))), Ok(identity), stamps, loaded_at)
    }

    pub(super) fn told(self) -> Result<Known, Refused> {
        let Self { outcome, stamps, loaded_at, rests_until, .. } = self;
        outcome.map(|identity| Known { identity, stamps, loaded_at, rests_until })
    }

    /// The same for a call that it let through before: that it has ended by itself since is no matter.
    pub(super) fn told_again(self) -> Result<Arc<Identity>, Refused> {
        self.outlived.map_or(self.outcome, Ok)
    }

    /// Whether nothing could be loaded: that is never believed, and the next caller asks again.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self.outcome, Err(Refused { refusal: Refusal::Unavailable(_), .. }))
    }

    /// Whether it is a certificate that no app has registered.
    pub(super) fn is_no_apps(&self) -> bool {
        matches!(self.outcome, Err(Refused { refusal: Refusal::CertificateInvalid(_), app: None }))
    }
}

/// How long each is kept.
pub(super) struct Lifetimes {
    pub(super) known: Duration,
}

impl moka::Expiry<Credential, Remembered> for Lifetimes {
    fn expire_after_create(
        &self,
        key: &Credential,
        value: &Remembered,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(self.of(key, value))
    }

    fn expire_after_update(
        &self,
        key: &Credential,
        value: &Remembered,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.of(key, value))
    }
}

impl Lifetimes {
    /// API keys have a memory of their own.
    fn of(&self, (kind, _): &Credential, value: &Remembered) -> Duration {
        match (kind, &value.outcome) {
            (
                CredentialKind::AccessToken
                | CredentialKind::SignedRequest
                | CredentialKind::ClientCertificate,
                Ok(_),
            ) => self.known,
            // That it proves nothing was paid for, and nothing but a change makes it untrue.
            (
                CredentialKind::ClientCertificate,
                Err(Refused { refusal: Refusal::CertificateInvalid(_), .. }),
            ) => self.known,
            (CredentialKind::ApiKey, _) | (_, Err(_)) => REFUSED_TIME,
        }
    }
}
