//! Whose certificates are believed when other servers are called: the authorities that browsers believe, as compiled in, and
//! those of a file that the administrator names, such as a company's own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Longest file of authorities, in bytes: all that a system has take a quarter of it.
const MAX_FILE: u64 = 1 << 20;

/// Why there are no authorities.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The file cannot be read.
    #[error("the file of authorities {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// What is in it is wrong.
    #[error("the file of authorities {} is wrong: {what}; it takes certificates as PEM", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What.
        what: String,
    },
}

/// The authorities that are believed, with those of `more`.
///
/// # Errors
/// [`AuthoritiesError`].
pub(super) fn believed(more: Option<&Path>) -> Result<RootCertStore, AuthoritiesError> {
    let mut believed = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(path) = more else { return Ok(believed) };
    let wrong = |what: String| AuthoritiesError::Wrong { path: path.to_owned(), what };
    let bytes = read(path)?;
    let mut count = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        believed.add(certificate).map_err(|error| wrong(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(believed)
}

fn read(path: &Path) -> Result<Vec<u8>, AuthoritiesError> {
    let unreadable = |reason| AuthoritiesError::Unreadable { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        let what = format!("it is longer than {MAX_FILE} bytes");
        return Err(AuthoritiesError::Wrong { path: path.to_owned(), what });
    }
    Ok(bytes)
}
