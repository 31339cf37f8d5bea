//! A bundle of authorities, from one file, and what it vouches for: anything, or the SPIFFE ids of one trust domain.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::certificate::{CertificateError, chain};
use super::revocation_list::List;
use crate::domain::spiffe_id::{SpiffeId, TrustDomain};

/// The authorities in a file.
#[derive(Debug)]
pub(super) struct Roots {
    /// Their file.
    pub(super) path: PathBuf,
    ders: Vec<CertificateDer<'static>>,
    store: Arc<RootCertStore>,
}

/// Authorities, with the revocation lists that there are.
pub(super) struct Bundle {
    domain: Option<TrustDomain>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Roots {
    /// Reads a file; what was `before` if nothing has changed.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn read(path: &Path, before: Option<&Arc<Self>>) -> Result<Arc<Self>, CertificateError> {
        let wrong = |reason: String| CertificateError::NoCertificate { path: path.to_owned(), reason };
        let ders = chain(path)?;
        if let Some(before) = before.filter(|before| before.ders == ders) {
            return Ok(before.clone());
        }
        let mut store = RootCertStore::empty();
        for authority in &ders {
            store.add(authority.clone()).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Arc::new(Self { path: path.to_owned(), ders, store: Arc::new(store) }))
    }
}

impl Bundle {
    /// These authorities, of a trust domain if that is all that they vouch for, before revocation lists of which any may be about
    /// what they issued. A list that has ended says nothing any more: what it is about is then not vouched for. Who vouches for
    /// anything vouches, once there are lists, for nothing that no list is about; a trust domain, whose certificates are
    /// short-lived, may have none.
    ///
    /// # Errors
    /// Why a list cannot be gone by, such as one of changes alone.
    pub(super) fn new(
        domain: Option<TrustDomain>,
        roots: &Roots,
        lists: &[Arc<List>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut lists: Vec<&Arc<List>> = lists.iter().collect();
        // The first that is about a certificate is the one that is gone by.
        lists.sort_by_key(|list| std::cmp::Reverse(list.made_at));
        let ders: Vec<CertificateRevocationListDer<'static>> =
            lists.into_iter().map(|list| list.der.clone()).collect();
        let builder = WebPkiClientVerifier::builder_with_provider(roots.store.clone(), provider.clone());
        let builder = builder.with_crls(ders).enforce_revocation_expiration();
        let builder = match domain {
            Some(_) => builder.allow_unknown_revocation_status(),
            None => builder,
        };
        let verifier = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { domain, verifier })
    }

    /// The trust domain whose ids are all that it vouches for.
    pub(super) fn domain(&self) -> Option<&TrustDomain> {
        self.domain.as_ref()
    }

    /// Whether that id is of its trust domain.
    pub(super) fn is_of(&self, id: &SpiffeId) -> bool {
        self.domain.as_ref().is_some_and(|domain| id.is_of(domain))
    }

    /// Whether it vouches at `at` for a certificate, with those that lead to an authority.
    pub(super) fn vouches(
        &self,
        first: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> bool {
        let verified = self.verifier.verify_client_cert(first, rest, at);
        if let Err(error) = &verified {
            tracing::debug!(%error, "a client's certificate is not vouched for");
        }
        verified.is_ok()
    }
}
