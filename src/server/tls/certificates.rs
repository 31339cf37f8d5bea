//! The certificates in force, read again when they change. One that is broken changes nothing and is loud: the one before it
//! stays, and so does all else.
//!
//! A core compares a version with its own and takes the lock only when there is another. What lets clients resume their
//! sessions, the keys of tickets and the sessions of those without, is one for all cores and outlives certificates.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use rustls::version::{TLS12, TLS13};

use super::any_certificate::AnyCertificate;
use super::certificate::{Certificate, CertificateError};
use super::client_certificates::ClientAuthorities;
use super::folder;
use super::set::CertificateSet;
use crate::config::settings::{MutualTlsSettings, TlsSettings};
use crate::domain::shown_certificate::{ShownCertificate, Vouching};
use crate::domain::time::{Clock, Timestamp};

/// What is spoken within TLS, as ALPN names it (RFC 7301), by preference.
const PROTOCOLS: [&[u8]; 3] = [b"h2", b"http/1.1", b"http/1.0"];
/// Sessions that are kept for clients of TLS 1.2 that take no tickets; beyond: the oldest is forgotten. None that began with a client's
/// certificates, which would be kept along.
const KEPT_SESSIONS: usize = 4096;

/// The certificates in force.
pub(in crate::server) struct Certificates {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    in_force: Mutex<InForce>,
    /// Who vouches for clients, if there is a door that asks for their certificates.
    clients: Option<Arc<ClientAuthorities>>,
    version: AtomicU64,
    failures: AtomicU64,
    /// Whether something was wrong when they were last read.
    is_broken: AtomicBool,
    /// One reload at a time.
    turn: Mutex<()>,
}

#[derive(Clone)]
struct InForce {
    set: Arc<CertificateSet>,
    config: Arc<ServerConfig>,
    /// At the door that asks for certificates of clients.
    mutual: Arc<ServerConfig>,
}

/// What a door asks of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Asks {
    /// Nothing: browsers come here.
    Nothing,
    /// A certificate, if it has one.
    Certificate,
}

/// Why there are no certificates to begin with.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// The folder cannot be read.
    #[error("the folder of certificates {} cannot be read: {reason}", folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// There is none.
    #[error("no certificate lies in {}: it takes NAME.crt and NAME.key, or NAME/fullchain.pem and NAME/privkey.pem", .0.display())]
    None(PathBuf),
    /// Some are broken; each is told.
    #[error("{}", told(.0))]
    Broken(Vec<CertificateError>),
    /// The authorities that vouch for clients, or their revocation lists, cannot be read.
    #[error("the authorities of clients: {0}")]
    Clients(CertificateError),
    /// TLS itself is not to be had.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

fn told(broken: &[CertificateError]) -> String {
    broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificates({}, version {})", self.folder.display(), self.version())
    }
}

impl Certificates {
    /// Reads the certificates for the first time.
    ///
    /// # Errors
    /// [`CertificatesError`]: there is none, or one is broken.
    pub(in crate::server) fn open(
        settings: &TlsSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CertificatesError> {
        let (folder, provider) = (settings.certificates.as_path(), Arc::new(default_provider()));
        let now = clock.now();
        let open = |mutual: &MutualTlsSettings| ClientAuthorities::open(mutual, provider.clone(), now);
        let clients = settings.mutual.as_ref().map(open).transpose().map_err(CertificatesError::Clients)?;
        let clients = clients.map(Arc::new);
        let (named, broken) = read(folder, &BTreeMap::new(), (&provider, now))?;
        if !broken.is_empty() {
            return Err(CertificatesError::Broken(broken));
        }
        let none = || CertificatesError::None(folder.to_owned());
        let set = Arc::new(CertificateSet::new(named, now).ok_or_else(none)?);
        let config = |asks| config(provider.clone(), set.clone(), asks).map(Arc::new);
        let (plain, mutual) = (config(Asks::Nothing)?, config(Asks::Certificate)?);
        Ok(Self {
            folder: folder.to_owned(),
            clock,
            provider: provider.clone(),
            in_force: Mutex::new(InForce { set, config: plain, mutual }),
            clients,
            version: AtomicU64::new(1),
            failures: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            turn: Mutex::new(()),
        })
    }

    /// The folder that they lie in.
    #[must_use]
    pub(in crate::server) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Rises with each change: one load tells a core whether what it has is still right.
    #[must_use]
    pub(in crate::server) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How handshakes are made at present at a door that asks so.
    #[must_use]
    pub(in crate::server) fn config(&self, asks: Asks) -> Arc<ServerConfig> {
        match asks {
            Asks::Nothing => self.in_force().config.clone(),
            Asks::Certificate => self.in_force().mutual.clone(),
        }
    }

    /// The chain of certificates that a client showed at `now`; `None` if it showed none, or one that cannot be read.
    pub(super) fn look_at_client(
        &self,
        shown: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Option<ShownCertificate> {
        let chain = shown.iter().map(|one| Box::from(&**one)).collect();
        ShownCertificate::new(chain, self.clients.clone()?, now)
    }

    /// Who vouches for clients, if there is a door that asks for their certificates.
    #[must_use]
    pub(in crate::server) fn clients(&self) -> Option<&ClientAuthorities> {
        self.clients.as_deref()
    }

    /// The same, for whoever asks nothing but that.
    #[must_use]
    pub(in crate::server) fn vouching(&self) -> Option<Arc<dyn Vouching>> {
        self.clients.clone().map(|clients| clients as Arc<dyn Vouching>)
    }

    /// Reads again who vouches for clients, and which certificates were taken back. Reads files: not for the data plane's threads.
    pub(super) fn reload_clients(&self) {
        self.clients().into_iter().for_each(|clients| clients.reload(self.clock.now()));
    }

    /// Looks whether a revocation list has ended.
    pub(super) fn turn_clients(&self) {
        self.clients().into_iter().for_each(|clients| clients.turn(self.clock.now()));
    }

    /// Times that certificates were read and some were broken.
    #[must_use]
    pub(in crate::server) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Until when the certificate of each host is valid.
    #[must_use]
    pub(in crate::server) fn ends(&self) -> BTreeMap<String, Timestamp> {
        let set = self.in_force().set.clone();
        set.ends()
    }

    /// Whether they should be read again though no file has changed: what was broken may be right by now, such as a certificate
    /// that is valid only from today on, and what was valid may have ended.
    #[must_use]
    pub(in crate::server) fn is_due(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed) || !self.in_force().set.is_as_of(self.clock.now())
    }

    /// Reads all again, those of clients' authorities too.
    pub(in crate::server) fn reload(&self) {
        self.reload_folder();
        self.reload_clients();
    }

    /// Reads the folder again and puts in force what is right; connections that there are stay as they are. What is wrong is in
    /// the log and counted. Reads files: not for the data plane's threads.
    pub(super) fn reload_folder(&self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force().clone();
        let now = self.clock.now();
        let outcome = read(&self.folder, before.set.named(), (&self.provider, now));
        let outcome = outcome.and_then(|(named, broken)| {
            let none = || CertificatesError::None(self.folder.clone());
            self.activate(&before, CertificateSet::new(named, now).ok_or_else(none)?);
            if broken.is_empty() { Ok(()) } else { Err(CertificatesError::Broken(broken)) }
        });
        self.is_broken.store(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome {
            tracing::error!("certificates are broken; those before them stay:\n{error}");
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts a set in force unless it is the one that is.
    fn activate(&self, before: &InForce, set: CertificateSet) {
        let (old, new) = (before.set.named(), set.named());
        let is_same =
            |(one, other): ((_, &Arc<_>), (_, &Arc<_>))| one.0 == other.0 && Arc::ptr_eq(one.1, other.1);
        let is_as_before = old.len() == new.len() && old.iter().zip(new).all(is_same);
        if is_as_before && before.set.is_as_of(self.clock.now()) {
            return;
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            tracing::info!(name, "a certificate is gone");
        }
        let set = Arc::new(set);
        let renewed = |config: &ServerConfig| {
            let mut config = config.clone();
            config.cert_resolver = set.clone();
            Arc::new(config)
        };
        let (config, mutual) = (renewed(&before.config), renewed(&before.mutual));
        *self.in_force() = InForce { set, config, mutual };
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Named = BTreeMap<String, Arc<Certificate>>;

/// The certificates in `folder`, and what is wrong with those of which the one `before` stays.
fn read(
    folder: &Path,
    before: &Named,
    (provider, now): (&CryptoProvider, Timestamp),
) -> Result<(Named, Vec<CertificateError>), CertificatesError> {
    let unreadable = |reason| CertificatesError::Unreadable { folder: folder.to_owned(), reason };
    let (mut named, mut broken) = (Named::new(), Vec::new());
    for files in folder::find(folder).map_err(unreadable)? {
        let known = before.get(&files.name);
        match Certificate::read(&files, provider).and_then(|new| timely(new, known, &files, now)) {
            Ok(certificate) => {
                // Each time that they are read, not only when it is new: it may have ended since.
                warn_if_untimely(&certificate, &files, now);
                named.insert(files.name, certificate);
            }
            // Such as that of an authority, which lies beside what it signed.
            Err(error @ CertificateError::Alone { .. }) if known.is_none() => tracing::warn!("{error}"),
            Err(error) => {
                broken.push(error);
                named.extend(known.map(|known| (files.name, known.clone())));
            }
        }
    }
    Ok((named, broken))
}

/// The certificate to put in force: the one before if nothing has changed.
fn timely(
    new: Certificate,
    before: Option<&Arc<Certificate>>,
    files: &folder::Files,
    now: Timestamp,
) -> Result<Arc<Certificate>, CertificateError> {
    if let Some(before) = before.filter(|before| before.key.cert == new.key.cert) {
        return Ok(before.clone());
    }
    let Certificate { not_before, not_after, .. } = new;
    if !new.is_timely(now) && before.is_some_and(|before| before.is_timely(now)) {
        let path = files.certificate.clone();
        return Err(CertificateError::Untimely { path, not_before, not_after });
    }
    tracing::info!(name = files.name, hosts = ?new.hosts, %not_after, "a certificate is in force");
    Ok(Arc::new(new))
}

/// Clients refuse such a certificate, which is in force for want of another.
fn warn_if_untimely(certificate: &Certificate, files: &folder::Files, now: Timestamp) {
    let (path, Certificate { not_before, not_after, .. }) = (files.certificate.display(), certificate);
    if now > *not_after {
        tracing::error!(certificate = %path, %not_after, "a certificate has expired: clients refuse it until it is renewed");
    } else if now < *not_before {
        tracing::error!(certificate = %path, %not_before, "a certificate is not valid yet: clients refuse it until then");
    }
}

fn config(
    provider: Arc<CryptoProvider>,
    set: Arc<CertificateSet>,
    asks: Asks,
) -> Result<ServerConfig, rustls::Error> {
    let verifier = Arc::new(AnyCertificate::new(&provider));
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match asks {
        Asks::Nothing => builder.with_no_client_auth(),
        Asks::Certificate => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(set);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.ticketer = Ticketer::new()?;
    config.session_storage = match asks {
        Asks::Nothing => ServerSessionMemoryCache::new(KEPT_SESSIONS),
        Asks::Certificate => Arc::new(NoServerSessionStorage {}),
    };
    // No early data: it could be replayed (RFC 8446, section 8).
    config.max_early_data_size = 0;
    Ok(config)
}
