//! Client certificates, by all that one may be known by which was shown. That one is no app's is remembered as well, until one is
//! registered: many are shown that no app has registered, as by those who have tokens bound to them.

use std::net::IpAddr;
use std::sync::Arc;

use super::loading::Owned;
use super::{Credential, Directory, Known, Remembered};
use crate::credential::refused::Refused;
use crate::domain::app_certificate::{KnownBy, ShownNames};
use crate::domain::principal::CredentialKind;
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;

impl Directory {
    /// Whose certificate that is which a connection from `address` showed; `None` if it is no app's.
    ///
    /// # Errors
    /// [`Refusal::CertificateInvalid`] for one that was an app's, [`Refusal::Suspended`]; [`Refusal::LimitReached`] for a network
    /// that shows ever new ones, and [`Refusal::Unavailable`] without the store.
    pub async fn identify_certificate(
        self: &Arc<Self>,
        names: &ShownNames,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Option<Known>, Refused> {
        match self.find_certificate(names, address, moment).await {
            Ok(known) => Ok(Some(known)),
            Err(Refused { refusal: Refusal::CertificateInvalid(_), app: None }) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    async fn find_certificate(
        self: &Arc<Self>,
        names: &ShownNames,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        let credential = (CredentialKind::ClientCertificate, names.hash());
        let owned = Owned::Certificate(names.clone());
        match self.remembered.get(&credential).await {
            Some(known) if self.is_fresh(&known, moment) => known.told(),
            Some(known) => {
                let known = Some(known).filter(|known| self.is_true(known, moment.now));
                self.fresh_or_loaded(credential, owned, known, moment).await
            }
            None => {
                let trying = self.clone().try_certificate(credential, owned.clone(), address, moment);
                let tried = self.remembered.try_get_with(credential, trying).await;
                let known = tried.map_err(Arc::unwrap_or_clone)?;
                self.fresh_or_loaded(credential, owned, Some(known), moment).await
            }
        }
    }

    /// Looks for one that nobody has shown before, once for all who wait. What is no app's is paid for, and then remembered.
    async fn try_certificate(
        self: Arc<Self>,
        credential: Credential,
        owned: Owned,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Remembered, Refused> {
        let paid = self.guesses.pay(address, moment.monotonic)?;
        let loading = self.control.spawn(self.clone().load_once(credential, owned, None));
        let cut_off = |_| Refused::from(Refusal::Unavailable("The look-up of a credential was cut off"));
        let loaded = loading.await.map_err(cut_off);
        let outcome = loaded.as_ref().map(|remembered| &remembered.outcome);
        if !matches!(outcome, Ok(Err(Refused { refusal: Refusal::CertificateInvalid(_), .. }))) {
            paid.give_back();
        }
        loaded
    }

    /// Forgets whose the certificates are that are known by this.
    pub fn forget_certificate(&self, known_by: &KnownBy) {
        self.changes.bump(known_by.key().as_str());
    }
}
