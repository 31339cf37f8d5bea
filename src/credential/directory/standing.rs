//! Whether an identity that was found before still holds, for calls that are under way. A core asks only once something has changed
//! that the identity rests on; then it is loaded as for a new call, on the control plane, but for its own end: a credential that
//! expires takes no call along.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::loading::Owned;
use super::signature_keys::as_told;
use super::{Credential, Directory, Identity};
use crate::credential::refused::Refused;
use crate::domain::app_certificate::ShownNames;
use crate::domain::ended::Ended;
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;
use crate::domain::shown_certificate::ShownCertificate;
use crate::domain::time::Timestamp;

/// Identities that are asked for again at once: what many have in common is loaded by the first.
pub(super) const AT_ONCE: usize = 32;
/// How long a call goes on of whose credential nobody can say whether it still holds. That others have their turn first is no such
/// time, as long as the store answers those.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon the store is asked again that gave no answer.
const AGAIN: Duration = Duration::from_millis(100);
/// How often it is asked, if it answers others.
const TRIES: u32 = 100;

/// What is refused that comes by a certificate that was taken back.
pub const TAKEN_BACK: Refusal = Refusal::CertificateInvalid(
    "The client certificate of this connection, or one that leads to its authority, was revoked. Connect with another.",
);
/// What is refused that comes by a token without the certificate that it is bound to.
pub const NO_CERTIFICATE: Refusal = Refusal::CredentialInvalid(
    "The access token is bound to a client certificate: connect with it while it is valid, where the platform asks for certificates.",
);
const NOT_BELIEVED: Refusal =
    Refusal::CredentialInvalid("What the platform takes of the access token's issuer has changed since.");

/// What those share that are asked for again while their calls are under way.
pub(super) struct Asking {
    pub(super) places: Semaphore,
    /// When the store last said of one whether it still holds, in nanoseconds of monotonic time.
    answered_at: AtomicU64,
}

impl Default for Asking {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), answered_at: AtomicU64::new(0) }
    }
}

impl Asking {
    fn answered_at(&self) -> Duration {
        Duration::from_nanos(self.answered_at.load(Ordering::Relaxed))
    }

    pub(super) fn note_answer(&self, now: Duration) {
        self.answered_at.fetch_max(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Directory {
    /// Rises with each change to something that credentials rest on.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.known()
    }

    /// Whether nothing has changed that an identity rests on since it was loaded.
    #[must_use]
    pub fn is_untouched(&self, identity: &Identity) -> bool {
        identity.provenance.as_ref().is_none_or(|provenance| self.changes.are_fresh(&provenance.stamps))
    }

    /// Finds out whether an identity still holds; gives it as it is now. `shown` is the certificate that it rests on, if it does, and
    /// when it was let through by that.
    pub fn ask_again(
        self: &Arc<Self>,
        identity: Arc<Identity>,
        shown: Option<(Arc<ShownCertificate>, Timestamp)>,
    ) -> JoinHandle<Result<Arc<Identity>, Ended>> {
        self.control.spawn(self.clone().find_again(identity, shown))
    }

    async fn find_again(
        self: Arc<Self>,
        identity: Arc<Identity>,
        shown: Option<(Arc<ShownCertificate>, Timestamp)>,
    ) -> Result<Arc<Identity>, Ended> {
        let Some(provenance) = &identity.provenance else { return Ok(identity) };
        let (mut credential, mut presented) = provenance.presented(&identity);
        if let Some((shown, at)) = shown {
            let by_itself = matches!(presented, Owned::Certificate(_));
            let refusal = || Ended::revoked(if by_itself { TAKEN_BACK } else { NO_CERTIFICATE });
            let certificate = shown.as_of(at).filter(|certificate| !certificate.is_revoked);
            let certificate = certificate.ok_or_else(refusal)?;
            if let Owned::Certificate(names) = &mut presented {
                *names = ShownNames::of(&certificate, at);
                credential = (CredentialKind::ClientCertificate, names.hash());
            }
        }
        if let Owned::AccessToken(token) = &presented
            && token.issuer.is_some()
            && !self.issuers.trusts(&token.key)
        {
            return Err(Ended::revoked(NOT_BELIEVED));
        }
        let begun = self.clock.monotonic();
        let mut loading = pin!(self.load_again(credential, presented));
        loop {
            if let Ok(found) = tokio::time::timeout(AGAIN, &mut loading).await {
                return found;
            }
            let heard_at = begun.max(self.asking.answered_at());
            if self.clock.monotonic().saturating_sub(heard_at) >= PATIENCE {
                return Err(Ended::Unclear);
            }
        }
    }

    /// Loads until the store answers.
    async fn load_again(
        self: &Arc<Self>,
        credential: Credential,
        presented: Owned,
    ) -> Result<Arc<Identity>, Ended> {
        for _ in 0..TRIES {
            let place = self.asking.places.acquire().await;
            let loaded = self.loaded(credential, presented.clone(), None, self.clock.moment()).await;
            drop(place);
            let said = match loaded.told_again() {
                Ok(identity) => Ok(identity),
                Err(Refused { refusal: Refusal::Suspended(who), .. }) => Err(Ended::Suspended(who)),
                Err(Refused {
                    refusal: refusal @ (Refusal::CredentialInvalid(_) | Refusal::CertificateInvalid(_)),
                    ..
                }) => Err(Ended::revoked(as_told(credential.0, refusal))),
                Err(_) => {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            self.asking.note_answer(self.clock.monotonic());
            return said;
        }
        Err(Ended::Unclear)
    }
}
