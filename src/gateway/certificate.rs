//! Whom the certificate of a connection proves, for calls that bring no other credential. One that binds a token, or that is shown
//! out of habit, is not looked at otherwise.
//!
//! What it proves is remembered with the connection, and compared with two versions: that of the authorities, who may have taken it
//! back, and what the directory knows to have changed. So a connection that is open outlives neither.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use crate::credential::directory::{Directory, Identity, Known, TAKEN_BACK};
use crate::credential::refused::Refused;
use crate::domain::app_certificate::ShownNames;
use crate::domain::refusal::Refusal;
use crate::domain::shown_certificate::ShownCertificate;
use crate::domain::time::{Moment, Timestamp};

const UNTIMELY: Refusal = Refusal::CertificateInvalid(
    "The client certificate of this connection is not valid at this time. Connect with one that is.",
);
const UNKNOWN: Refusal = Refusal::CertificateInvalid(
    "No app has registered the client certificate of this connection by its fingerprint, nor by a SPIFFE id or subject that an \
     authority vouches for.",
);

/// The certificate of a connection, and whom it proved last.
#[derive(Debug)]
pub(super) struct ConnectionCertificate {
    shown: Arc<ShownCertificate>,
    looked: RefCell<Option<Looked>>,
}

/// What is remembered of it.
#[derive(Debug)]
struct Looked {
    names: ShownNames,
    /// By which version of the authorities.
    version: u64,
    /// The last moment in which it is known by these names.
    until: Timestamp,
    found: Found,
}

#[derive(Debug, Clone)]
enum Found {
    App(Known),
    /// Nobody in particular, and why.
    Nobody(Refusal),
}

impl ConnectionCertificate {
    pub(super) fn new(shown: Arc<ShownCertificate>) -> Self {
        Self { shown, looked: RefCell::default() }
    }

    /// Whom it proves, if that is remembered and nothing has happened since.
    pub(super) fn known(&self, directory: &Directory, moment: Moment) -> Option<Arc<Identity>> {
        let looked = self.looked.borrow();
        let Looked { version, until, found: Found::App(known), .. } = looked.as_ref()? else { return None };
        let is_current =
            *version == self.shown.version() && moment.now <= *until && directory.is_current(known, moment);
        is_current.then(|| known.identity.clone())
    }

    /// Whom it proves, as the directory knows or learns; `None` if nobody in particular.
    ///
    /// # Errors
    /// [`Refusal::CertificateInvalid`] for one that was taken back, or was an app's; [`Refusal::Suspended`].
    pub(super) async fn look_up(
        &self,
        directory: &Arc<Directory>,
        address: IpAddr,
        moment: Moment,
    ) -> Result<Option<Arc<Identity>>, Refused> {
        let Some((names, version, until)) = self.names(moment.now)? else { return Ok(None) };
        let outcome = directory.identify_certificate(&names, Some(address), moment).await;
        let found = match &outcome {
            Ok(Some(known)) => Found::App(known.clone()),
            Ok(None) => Found::Nobody(UNKNOWN),
            Err(refused) => Found::Nobody(refused.refusal.clone()),
        };
        self.looked.replace(Some(Looked { names, version, until, found }));
        match outcome {
            Ok(known) => Ok(known.map(|known| known.identity)),
            // Whoever needs no credential is served: he did not ask to be looked up.
            Err(Refused { refusal: Refusal::LimitReached { .. } | Refusal::Unavailable(_), .. }) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Why it proved nobody when it was looked up last.
    pub(super) fn why_nobody(&self) -> Option<Refusal> {
        match &self.looked.borrow().as_ref()?.found {
            Found::Nobody(why) => Some(why.clone()),
            Found::App(_) => None,
        }
    }

    /// All that it is known by, by which version, and until when; `None` while it is not valid.
    fn names(&self, now: Timestamp) -> Result<Option<(ShownNames, u64, Timestamp)>, Refusal> {
        let version = self.shown.version();
        if let Some(looked) = &*self.looked.borrow()
            && looked.version == version
            && now <= looked.until
        {
            return Ok(Some((looked.names.clone(), version, looked.until)));
        }
        let certificate = self.shown.at(now);
        if certificate.is_revoked {
            return Err(TAKEN_BACK);
        }
        if !certificate.is_timely(now) {
            // Before any time, so that it is looked at again.
            let (names, until) = (ShownNames::new([]), Timestamp::from_micros(i64::MIN));
            self.looked.replace(Some(Looked { names, version, until, found: Found::Nobody(UNTIMELY) }));
            return Ok(None);
        }
        Ok(Some((ShownNames::of(&certificate, now), version, *certificate.holds.end())))
    }
}
