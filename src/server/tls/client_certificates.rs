//! Certificates of clients (RFC 8705): asked for at the door for partners' machines, and never insisted on. Whoever shows one has
//! its private key; who vouches for it is another question, which is asked once the handshake is done.
//!
//! So a certificate that no authority issued is let in too: an app may have registered it as its own (`self_signed_tls_client_auth`),
//! or have its tokens bound to it. Nobody is let through by a certificate here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName as Hint, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use super::certificate::{CertificateError, chain};
use crate::credential::client_keys::thumbprint_of;
use crate::domain::client_certificate::{CertificateName, ClientCertificate, Vouched};
use crate::domain::distinguished_name::{Attribute, DistinguishedName};
use crate::domain::time::Timestamp;

/// The authorities that vouch for clients, and the file that they come from; there may be none.
#[derive(Debug)]
pub(in crate::server) struct ClientAuthorities {
    file: Option<PathBuf>,
    provider: Arc<CryptoProvider>,
    verifier: Mutex<Option<Arc<dyn ClientCertVerifier>>>,
}

impl ClientAuthorities {
    /// Reads the authorities in `file` for the first time.
    ///
    /// # Errors
    /// [`CertificateError`]: it holds none.
    pub(super) fn open(file: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Self, CertificateError> {
        let verifier = file.map(|file| verifier(file, &provider)).transpose()?;
        Ok(Self { file: file.map(Path::to_owned), provider, verifier: Mutex::new(verifier) })
    }

    /// Reads them again; those before stay if the file is broken.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn reload(&self) -> Result<(), CertificateError> {
        if let Some(file) = &self.file {
            let read = verifier(file, &self.provider)?;
            *self.verifier.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        }
        Ok(())
    }

    /// What is known at `now` of who showed that chain of certificates; `None` if it showed none, or one that cannot be read.
    pub(super) fn look_at(&self, shown: &[CertificateDer<'_>], now: Timestamp) -> Option<ClientCertificate> {
        let (first, rest) = shown.split_first()?;
        let verifier = self.verifier.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let is_vouched = verifier.is_some_and(|it| it.verify_client_cert(first, rest, at).is_ok());
        let (_, certificate) = X509Certificate::from_der(first).ok()?;
        let (not_before, not_after) = validity(&certificate);
        let vouched = is_vouched
            .then(|| Vouched { names: names(&certificate), until: vouched_until(rest, now).min(not_after) });
        Some(ClientCertificate { thumbprint: thumbprint_of(first), not_before, not_after, vouched })
    }
}

/// The first second in which a certificate is valid, and the last one.
fn validity(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let validity = certificate.validity();
    let [from, to] = [validity.not_before, validity.not_after].map(|time| time.timestamp());
    (Timestamp::from_seconds(from), Timestamp::from_seconds(to))
}

/// Until when all of `chain` is valid that is at `now`. What is not has no part in who vouches.
fn vouched_until(chain: &[CertificateDer<'_>], now: Timestamp) -> Timestamp {
    let ends = chain.iter().filter_map(|one| {
        let (_, certificate) = X509Certificate::from_der(one).ok()?;
        let (not_before, not_after) = validity(&certificate);
        (not_before..=not_after).contains(&now).then_some(not_after)
    });
    ends.min().unwrap_or(Timestamp::from_micros(i64::MAX))
}

fn verifier(
    file: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let wrong = |reason: String| CertificateError::NoCertificate { path: file.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for authority in chain(file)? {
        roots.add(authority).map_err(|error| wrong(error.to_string()))?;
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    built.map_err(|error| wrong(error.to_string()))
}

/// The subject of a certificate and its alternative names.
fn names(certificate: &X509Certificate<'_>) -> Vec<CertificateName> {
    let subject = subject(certificate.subject()).map(CertificateName::Subject);
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
    subject.into_iter().chain(alternative.filter_map(alternative_name)).collect()
}

fn alternative_name(name: &GeneralName<'_>) -> Option<CertificateName> {
    match name {
        GeneralName::DNSName(host) => Some(CertificateName::Host(host.to_ascii_lowercase())),
        GeneralName::URI(uri) => Some(CertificateName::Uri((*uri).to_owned())),
        GeneralName::RFC822Name(mail) => Some(CertificateName::Mail((*mail).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from));
            address.ok().map(CertificateName::Address)
        }
        _ => None,
    }
}

/// A subject, turned round as RFC 4514 has it; `None` if part of it is no text.
fn subject(name: &X509Name<'_>) -> Option<DistinguishedName> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let attributes: Option<Vec<Attribute>> = part
            .iter()
            .map(|attribute| {
                Some((attribute.attr_type().to_id_string(), attribute.as_str().ok()?.to_owned()))
            })
            .collect();
        parts.push(attributes?);
    }
    parts.reverse();
    Some(DistinguishedName::new(parts)).filter(|subject| !subject.is_empty())
}

/// Takes any certificate whose private key the client has.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyCertificate {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        Self { algorithms: provider.signature_verification_algorithms }
    }
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a client would only show a certificate that one of them issued.
    fn root_hint_subjects(&self) -> &[Hint] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
