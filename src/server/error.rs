//! Why a node cannot start or go on.

use std::path::PathBuf;

use super::tls::certificates::CertificatesError;
use crate::billing::error::BillingError;
use crate::journal::error::JournalError;
use crate::outbound::client::ClientError;
use crate::policy::load::LoadError;
use crate::store::StoreError;

/// Why a node cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file or folder cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no TLS without certificates.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// Other servers cannot be called.
    #[error(transparent)]
    Outbound(#[from] ClientError),
    /// The data folder belongs to another process.
    #[error("another process uses the data folder {}: stop it, or name another folder by --data", .0.display())]
    DataFolderInUse(PathBuf),
    /// The policies are wrong.
    #[error("the policies cannot be loaded")]
    Policies(#[from] LoadError),
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The journal could not be written for so many seconds, and the policies let the node stop then.
    #[error(
        "the journal could not be written for {0} s, and the policies say to stop then (journal.unwritable in platform.yaml): \
         make room on its disk, or mend it, and start again"
    )]
    Unwritable(u64),
    /// The usage in the journal cannot be recorded.
    #[error("the node's usage cannot be recorded")]
    Billing(#[from] BillingError),
    /// The journal cannot be used.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
    /// The signing key, or a password, cannot be made or read.
    #[error("{0}")]
    Secrets(String),
    /// Threads or runtimes cannot be had.
    #[error("the system gives no threads")]
    Threads(#[source] std::io::Error),
}
