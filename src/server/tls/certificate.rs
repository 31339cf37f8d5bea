//! One certificate: its chain and its key, as two PEM files hold them, and what of it is of interest here.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::folder::Files;
use crate::domain::time::Timestamp;

/// Longest file: a chain of many certificates.
const MAX_FILE: u64 = 256 << 10;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Certificate {
    /// Chain and key.
    pub(super) key: Arc<CertifiedKey>,
    /// Its hosts, in small letters; `*.example.com` stands for each host one label below `example.com`.
    pub(super) hosts: Vec<String>,
    /// The first second in which it is valid.
    pub(super) not_before: Timestamp,
    /// The last one.
    pub(super) not_after: Timestamp,
}

/// Why two files are no certificate with its key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// No key lies beside the certificate.
    #[error("{} has no {} beside it", certificate.display(), key.display())]
    Alone {
        /// The certificate.
        certificate: PathBuf,
        /// The key that is missed.
        key: PathBuf,
    },
    /// The certificate is none.
    #[error("{} is no certificate in PEM: {reason}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The key is none.
    #[error("{} is no private key in PEM, or one that is encrypted: {reason}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The revocation list is none that can be gone by.
    #[error("{} is no revocation list in PEM or DER that can be gone by: {reason}", path.display())]
    NoList {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is more of the revocation lists than is kept.
    #[error(
        "the revocation lists have {bytes} bytes and are kept for each of {authorities} files of authorities; that may be {most} in \
         all: give fewer of either"
    )]
    TooManyLists {
        /// How long the lists are.
        bytes: usize,
        /// For how many files of authorities they are kept.
        authorities: usize,
        /// Most bytes of all.
        most: usize,
    },
    /// They do not go together.
    #[error("the key in {} does not go with the certificate in {}: {reason}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        reason: rustls::Error,
    },
    /// It is right, but not now, and the one before it is.
    #[error("the certificate in {} is valid from {not_before} to {not_after}; the one before it is valid now", path.display())]
    Untimely {
        /// The certificate.
        path: PathBuf,
        /// The first second in which it is valid.
        not_before: Timestamp,
        /// The last one.
        not_after: Timestamp,
    },
}

impl Certificate {
    /// Reads a certificate and its key, and warns of a key that anybody may read.
    ///
    /// # Errors
    /// [`CertificateError`]: they are not, or do not go together.
    pub(super) fn read(files: &Files, provider: &CryptoProvider) -> Result<Self, CertificateError> {
        if !files.key.exists() {
            return Err(CertificateError::Alone {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            });
        }
        let chain = chain(&files.certificate)?;
        let wrong =
            |reason: String| CertificateError::NoCertificate { path: files.certificate.clone(), reason };
        let (_, first) = X509Certificate::from_der(&chain[0]).map_err(|error| wrong(error.to_string()))?;
        let hosts = hosts(&first).map_err(wrong)?;
        if first.subject_alternative_name().is_ok_and(|names| names.is_none()) {
            let certificate = files.certificate.display();
            tracing::warn!(%certificate, "a certificate names no host as subject alternative name: clients refuse it");
        }
        let validity = first.validity();
        let not_before = Timestamp::from_seconds(validity.not_before.timestamp());
        let not_after = Timestamp::from_seconds(validity.not_after.timestamp());
        let key = CertifiedKey::from_der(chain, key(&files.key)?, provider).map_err(|reason| {
            let (certificate, key) = (files.certificate.clone(), files.key.clone());
            CertificateError::Mismatch { certificate, key, reason }
        })?;
        Ok(Self { key: Arc::new(key), hosts, not_before, not_after })
    }

    /// Whether it is valid at `now`.
    pub(super) fn is_timely(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether its key is of the kind that takes by far the most time to sign with.
    pub(super) fn is_rsa(&self) -> bool {
        self.key.key.algorithm() == SignatureAlgorithm::RSA
    }
}

pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let wrong = |reason: String| CertificateError::NoCertificate { path: path.to_owned(), reason };
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| wrong(words(&error).to_owned()))?;
    if chain.is_empty() {
        return Err(wrong("it holds none".to_owned()));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = read(path)?;
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode());
    if mode & 0o004 != 0 {
        tracing::warn!(key = %path.display(), "anybody on this machine may read a private key: chmod o= it");
    }
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| CertificateError::NoKey { path: path.to_owned(), reason: words(&error).to_owned() })
}

/// What is wrong with a PEM file, in words of our own: the library's repeat the line, in which there may be a key.
fn words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no line that ends it",
        pem::Error::IllegalSectionStart { .. } => {
            "a section's first line is malformed; are the line breaks real ones?"
        }
        pem::Error::Base64Decode(_) => "a section is not well coded",
        pem::Error::NoItemsFound => "it holds none",
        _ => "it is not a PEM file",
    }
}

/// A file's bytes, wiped after use.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let unreadable = |reason| CertificateError::Unreadable { path: path.to_owned(), reason };
    // Not even opened unless it is a file: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(unreadable(io::ErrorKind::InvalidData.into()));
    }
    // One byte of room beyond: a buffer that grows leaves copies of a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
    File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

/// The hosts that a certificate is for (RFC 9525): its subject, which names one too, has not counted for long.
fn hosts(certificate: &X509Certificate<'_>) -> Result<Vec<String>, String> {
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.into_iter().flat_map(|extension| &extension.value.general_names);
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(host) if is_host(host) => Some(host.to_ascii_lowercase()),
        _ => None,
    };
    Ok(names.filter_map(host).collect())
}

fn is_host(text: &str) -> bool {
    DnsName::try_from(text.strip_prefix("*.").unwrap_or(text)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_read_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name.key");
        for text in [
            r"-----BEGIN PRIVATE KEY-----\nMIGHsecret\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----MIGHsecret-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIGHsecret\n",
            "-----BEGIN PRIVATE KEY-----\nMIGHsecret!\n-----END PRIVATE KEY-----\n",
            "MIGHsecret",
        ] {
            fs::write(&path, text).unwrap();
            let told = format!("{0} {0:?}", key(&path).unwrap_err());
            let as_numbers = "77, 73, 71, 72";
            assert!(!told.contains("MIGH") && !told.contains(as_numbers), "{told}");
        }
    }
}
