//! The keys by which apps sign requests, by the ids that requests name. What is remembered of one is what a call needs to verify
//! its signature; an id that nobody has named before is paid for, as any credential that may be a guess.

use std::net::IpAddr;
use std::sync::Arc;

use super::loading::Owned;
use super::{Directory, Known, hash_of};
use crate::credential::refused::Refused;
use crate::domain::id::SignatureKeyId;
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;
use crate::domain::signature_key::SIGNATURE_KEY_PREFIX;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::KeyUnknown;
use crate::domain::time::Moment;

impl Directory {
    /// Whose key that id is of, which a call from `address` names.
    ///
    /// # Errors
    /// [`Refusal::SignatureInvalid`], [`Refusal::Suspended`], [`Refusal::LimitReached`] for a network that guesses, or
    /// [`Refusal::Unavailable`] without the store.
    pub async fn identify_signature_key(
        self: &Arc<Self>,
        id: &str,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        let named = SignatureKeyId::new(id).ok().filter(|_| id.starts_with(SIGNATURE_KEY_PREFIX));
        let Some(id) = named else {
            return Err(unknown("The id of a signature key begins with sgk_.").into());
        };
        let found = self.find_signature_key(id, address, moment).await;
        let told = |refusal| as_told(CredentialKind::SignedRequest, refusal);
        found.map_err(|Refused { refusal, app }| Refused { refusal: told(refusal), app })
    }

    async fn find_signature_key(
        self: &Arc<Self>,
        id: SignatureKeyId,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        let credential = (CredentialKind::SignedRequest, hash_of(id.as_str()));
        let known = match self.remembered.get(&credential).await {
            Some(known) if self.is_fresh(&known, moment) => return known.told(),
            Some(known) => Some(known).filter(|known| self.is_true(known, moment.now)),
            None => Some(self.try_new(credential, Owned::SignatureKey(id.clone()), address, moment).await?),
        };
        self.fresh_or_loaded(credential, Owned::SignatureKey(id), known, moment).await
    }

    /// Forgets a key by which an app signs requests.
    pub fn forget_signature_key(&self, key: &SignatureKeyId) {
        self.changes.bump(key.as_str());
    }
}

/// The refusal of a credential of that kind as its caller is told: of a signature key, that the signature proves nothing.
pub(super) fn as_told(kind: CredentialKind, refusal: Refusal) -> Refusal {
    match (kind, refusal) {
        (CredentialKind::SignedRequest, Refusal::CredentialInvalid(why)) => unknown(why),
        (_, refusal) => refusal,
    }
}

fn unknown(why: &str) -> Refusal {
    SignatureError::new(KeyUnknown, why.strip_suffix('.').unwrap_or(why)).into()
}
