//! By which door a connection came in.

use std::sync::Arc;

use super::client_certificate::ClientCertificate;
use super::time::Timestamp;

/// By which door a connection came in. Each has an address of its own, by which its callers know it.
#[derive(Debug, Clone, Default)]
pub enum Door {
    /// The one for all.
    #[default]
    Front,
    /// The one for machines that show certificates of their own, with the one that this machine showed, if it did.
    Machines(Option<Arc<ClientCertificate>>),
}

impl Door {
    /// The certificate that was shown when the connection began.
    #[must_use]
    pub fn shown(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Front => None,
            Self::Machines(shown) => shown.as_deref(),
        }
    }

    /// The same, if it is valid at `now`: a connection may outlive it.
    #[must_use]
    pub fn certificate(&self, now: Timestamp) -> Option<&ClientCertificate> {
        self.shown().filter(|certificate| certificate.is_timely(now))
    }
}
