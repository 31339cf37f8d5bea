//! By which door a connection came in.

use std::sync::Arc;

use super::client_certificate::ClientCertificate;
use super::shown_certificate::ShownCertificate;
use super::time::Timestamp;

/// By which door a connection came in. Each has an address of its own, by which its callers know it.
#[derive(Debug, Clone, Default)]
pub enum Door {
    /// The one for all.
    #[default]
    Front,
    /// The one for machines that show certificates of their own, with the one that this machine showed, if it did.
    Machines(Option<Arc<ShownCertificate>>),
}

impl Door {
    /// What is known at `now` of the certificate that was shown when the connection began.
    #[must_use]
    pub fn shown(&self, now: Timestamp) -> Option<Arc<ClientCertificate>> {
        match self {
            Self::Front => None,
            Self::Machines(shown) => shown.as_ref().map(|shown| shown.at(now)),
        }
    }

    /// The same, if it is good at `now`: a connection may outlive it.
    #[must_use]
    pub fn certificate(&self, now: Timestamp) -> Option<Arc<ClientCertificate>> {
        self.shown(now).filter(|certificate| certificate.is_good(now))
    }
}
