//! Files of revocation lists (CRLs; RFC 5280, section 5): which certificates their authorities took back.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_ISSUER_DISTRIBUTION_POINT,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::CertificateError;
use crate::domain::time::Timestamp;

/// Longest file: a hundred thousand revoked certificates. It is gone through when a certificate is new that it is about, to see that
/// its authority signed it.
const MAX_FILE: u64 = 4 << 20;
/// How PEM begins.
const PEM: &[u8] = b"-----BEGIN";

/// A file of revocation lists.
#[derive(Debug)]
pub(super) struct ListFile {
    path: PathBuf,
    lists: Vec<Arc<List>>,
}

/// A revocation list.
#[derive(Debug)]
pub(super) struct List {
    /// As it is.
    pub(super) der: CertificateRevocationListDer<'static>,
    /// When it was made.
    pub(super) made_at: Timestamp,
    /// The last second in which it says anything.
    pub(super) next_at: Timestamp,
    of: Of,
    serials: HashSet<Box<[u8]>>,
}

/// Whose list it is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Of {
    /// The authority's name.
    issuer: Box<[u8]>,
    /// By which of its keys the list is signed: one that has another by now has a list of each.
    key: Box<[u8]>,
    /// Of which part of its certificates (its issuing distribution point); of all, if that is empty.
    part: Box<[u8]>,
}

/// Those of the lists of which there is no newer one by the same key of the same authority for the same part.
pub(super) fn newest(files: &[Arc<ListFile>]) -> Vec<(&ListFile, &Arc<List>)> {
    let mut all: Vec<_> =
        files.iter().flat_map(|file| file.lists.iter().map(move |list| (&**file, list))).collect();
    let mut newest: HashMap<&Of, Timestamp> = HashMap::new();
    for (_, list) in &all {
        let made_at = newest.entry(&list.of).or_insert(list.made_at);
        *made_at = list.made_at.max(*made_at);
    }
    all.retain(|(_, list)| newest.get(&list.of) == Some(&list.made_at));
    all
}

impl ListFile {
    /// Reads a file, in PEM or DER; the one `before` if nothing has changed.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn read(path: &Path, before: Option<&Arc<Self>>) -> Result<Arc<Self>, CertificateError> {
        let wrong = |reason: String| CertificateError::NoList { path: path.to_owned(), reason };
        let bytes = read(path)?;
        let ders: Vec<CertificateRevocationListDer<'static>> = match is_pem(&bytes) {
            true => CertificateRevocationListDer::pem_slice_iter(&bytes)
                .collect::<Result<_, _>>()
                .map_err(|error| wrong(error.to_string()))?,
            false => vec![bytes.into()],
        };
        if let Some(before) = before.filter(|before| before.ders().eq(&ders)) {
            return Ok(before.clone());
        }
        let lists = ders.into_iter().map(|der| List::read(der).map(Arc::new));
        let lists: Vec<_> = lists.collect::<Result<_, _>>().map_err(wrong)?;
        if lists.is_empty() {
            return Err(wrong("it holds none".to_owned()));
        }
        Ok(Arc::new(Self { path: path.to_owned(), lists }))
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its lists.
    pub(super) fn lists(&self) -> &[Arc<List>] {
        &self.lists
    }

    /// Its lists, as they are.
    pub(super) fn ders(&self) -> impl Iterator<Item = &CertificateRevocationListDer<'static>> {
        self.lists.iter().map(|list| &list.der)
    }
}

impl List {
    fn read(der: CertificateRevocationListDer<'static>) -> Result<Self, String> {
        let (rest, list) = CertificateRevocationList::from_der(&der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("something follows it".to_owned());
        }
        let next_at = list.next_update().ok_or("it does not say when the next one comes")?.timestamp();
        let made_at = list.last_update().timestamp();
        let extension = |oid| list.extensions().iter().find(|one| one.oid == oid).map(|one| one.value.into());
        let of = Of {
            issuer: list.issuer().as_raw().into(),
            key: extension(OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER).unwrap_or_default(),
            part: extension(OID_X509_EXT_ISSUER_DISTRIBUTION_POINT).unwrap_or_default(),
        };
        let serials = list.iter_revoked_certificates().map(|revoked| revoked.raw_serial().into()).collect();
        let [made_at, next_at] = [made_at, next_at].map(Timestamp::from_seconds);
        Ok(Self { der, made_at, next_at, of, serials })
    }

    /// Whether it has that certificate.
    pub(super) fn has(&self, certificate: &X509Certificate<'_>) -> bool {
        *self.of.issuer == *certificate.issuer().as_raw() && self.serials.contains(certificate.raw_serial())
    }
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(PEM.len()).take(4096).any(|window| window == PEM)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |reason| CertificateError::Unreadable { path: path.to_owned(), reason };
    // Not even opened unless it is a file: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(unreadable(io::ErrorKind::InvalidData.into()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_lies_there_is_a_list_or_is_told_to_be_none(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            is_pem in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clients.crl");
            let head = if is_pem { &b"-----BEGIN X509 CRL-----\n"[..] } else { b"" };
            fs::write(&path, [head, &bytes].concat()).unwrap();
            prop_assert!(ListFile::read(&path, None).is_err());
        }
    }
}
