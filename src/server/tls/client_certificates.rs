//! Certificates of clients (RFC 8705): asked for at the door for partners' machines, and never insisted on. Whoever shows one has
//! its private key; who vouches for it, and whether that was taken back, is another question, which is asked once the handshake is
//! done, and again when the answer may be another.
//!
//! So a certificate that no authority issued is let in too: an app may have registered it as its own, or have its tokens bound to it.
//! Nobody is let through by a certificate here. A file that is broken changes nothing: what was read of it before stays.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use moka::sync::Cache;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::bundle::{Bundle, Roots};
use super::certificate::CertificateError;
use super::client_names::{names, spiffe_id, validity};
use super::revocation_list::{List, ListFile, newest};
use crate::config::settings::MutualTlsSettings;
use crate::credential::client_keys::thumbprint_of;
use crate::domain::client_certificate::{CertificateName, ClientCertificate, Vouched};
use crate::domain::shown_certificate::Vouching;
use crate::domain::spiffe_id::{SpiffeId, TrustDomain};
use crate::domain::time::Timestamp;

/// Chains that are remembered for which somebody vouches; beyond, the least used is looked at again.
const MOST_VOUCHED: u64 = 20_000;
/// Others that are remembered: they take no place of those.
const MOST_OTHERS: u64 = 2_000;
/// Most bytes of revocation lists, each counted for each bundle, which has its own copy of all.
const MOST_LISTS: usize = 64 << 20;

/// The authorities that vouch for clients, and the files that they come from; there may be none.
pub(in crate::server) struct ClientAuthorities {
    bundles: Vec<(Option<TrustDomain>, PathBuf)>,
    lists: Vec<PathBuf>,
    provider: Arc<CryptoProvider>,
    in_force: Mutex<Arc<InForce>>,
    version: AtomicU64,
    failures: AtomicU64,
    /// Chains that are vouched for, by their hash, with the version by which they are: whoever connects again, or has several
    /// connections, is looked at once.
    vouched: Looks,
    /// The same of others.
    others: Looks,
    /// One reload at a time.
    turn: Mutex<()>,
}

type Looks = Cache<[u8; 32], (u64, Arc<ClientCertificate>)>;

struct InForce {
    roots: Vec<Arc<Roots>>,
    files: Vec<Arc<ListFile>>,
    /// The newest in them.
    lists: Vec<Arc<List>>,
    bundles: Vec<Bundle>,
    /// When the next list ends.
    ends_at: Option<Timestamp>,
}

impl std::fmt::Debug for ClientAuthorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientAuthorities({} bundles, {} lists)", self.bundles.len(), self.lists.len())
    }
}

impl ClientAuthorities {
    /// Reads the authorities of the settings, and their revocation lists, for the first time.
    ///
    /// # Errors
    /// [`CertificateError`]: a file is broken.
    pub(super) fn open(
        settings: &MutualTlsSettings,
        provider: Arc<CryptoProvider>,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let general = settings.client_ca.iter().map(|file| (None, file.clone()));
        let own = settings.trust_domains.iter().map(|(domain, file)| (Some(domain.clone()), file.clone()));
        let bundles: Vec<_> = general.chain(own).collect();
        let roots: Vec<_> =
            bundles.iter().map(|(_, file)| Roots::read(file, None)).collect::<Result<_, _>>()?;
        let read = |file: &PathBuf| checked(ListFile::read(file, None)?, &roots, &provider);
        let files = settings.revocation_lists.iter().map(read).collect::<Result<_, _>>()?;
        let in_force = InForce::of(&bundles, (roots, files), &provider, now)?;
        Ok(Self {
            bundles,
            lists: settings.revocation_lists.clone(),
            provider,
            in_force: Mutex::new(Arc::new(in_force)),
            version: AtomicU64::new(1),
            failures: AtomicU64::new(0),
            vouched: Cache::new(MOST_VOUCHED),
            others: Cache::new(MOST_OTHERS),
            turn: Mutex::new(()),
        })
    }

    /// The files that they come from.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.bundles.iter().map(|(_, file)| file).chain(&self.lists)
    }

    /// Times that the files were read and some were broken.
    pub(in crate::server) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// When the first list ends, or ended: no certificate that it is about is vouched for from then on.
    pub(in crate::server) fn lists_until(&self) -> Option<Timestamp> {
        self.in_force().lists.iter().map(|list| list.next_at).min()
    }

    /// Reads all files again, and puts in force what is right. What is wrong is in the log and counted.
    pub(super) fn reload(&self, now: Timestamp) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force();
        let mut broken = Vec::new();
        let mut kept = |error: CertificateError| broken.push(error);
        let roots: Vec<_> = (self.bundles.iter().zip(&before.roots))
            .map(|((_, file), old)| {
                Roots::read(file, Some(old)).map_err(&mut kept).unwrap_or_else(|()| old.clone())
            })
            .collect();
        let files: Vec<_> = (self.lists.iter().zip(&before.files))
            .map(|(file, old)| {
                let right = ListFile::read(file, Some(old)).and_then(|read| match Arc::ptr_eq(old, &read) {
                    true => Ok(read),
                    false => checked(read, &before.roots, &self.provider),
                });
                right.map_err(&mut kept).unwrap_or_else(|()| old.clone())
            })
            .collect();
        if !is_same(&roots, &before.roots) || !is_same(&files, &before.files) {
            match InForce::of(&self.bundles, (roots, files), &self.provider, now) {
                Ok(new) => {
                    self.put(new);
                    tracing::info!("authorities of clients, or their revocation lists, have changed");
                }
                Err(error) => broken.push(error),
            }
        }
        for error in &broken {
            tracing::error!(
                "a file of clients' authorities is broken; what was read of it before stays: {error}"
            );
        }
        self.failures.fetch_add(u64::from(!broken.is_empty()), Ordering::Relaxed);
    }

    /// Has what rests on a list that has ended be looked at again, and says that it has. To be called now and then.
    pub(super) fn turn(&self, now: Timestamp) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force();
        if before.ends_at.is_none_or(|ends_at| now <= ends_at) {
            return;
        }
        match InForce::of(&self.bundles, (before.roots.clone(), before.files.clone()), &self.provider, now) {
            Ok(new) => self.put(new),
            Err(error) => tracing::error!("authorities of clients cannot be looked at again: {error}"),
        }
    }

    fn put(&self, new: InForce) {
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    fn in_force(&self) -> Arc<InForce> {
        let in_force: MutexGuard<'_, Arc<InForce>> =
            self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        in_force.clone()
    }
}

impl Vouching for ClientAuthorities {
    fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn look_at(&self, chain: &[Box<[u8]>], now: Timestamp) -> Option<ClientCertificate> {
        // Before what is in force is taken: what changes meanwhile makes it of no use.
        let (version, hash) = (self.version(), hash_of(chain));
        let mut known = [&self.vouched, &self.others].into_iter().filter_map(|looks| looks.get(&hash));
        if let Some((_, known)) = known.find(|(of, known)| *of == version && known.holds.contains(&now)) {
            return Some((*known).clone());
        }
        let looked = self.look(chain, now)?;
        let looks = if looked.vouched.is_some() { &self.vouched } else { &self.others };
        looks.insert(hash, (version, Arc::new(looked.clone())));
        Some(looked)
    }
}

impl ClientAuthorities {
    fn look(&self, chain: &[Box<[u8]>], now: Timestamp) -> Option<ClientCertificate> {
        let (first, rest) = chain.split_first()?;
        let (_, own) = X509Certificate::from_der(first).ok()?;
        let others = rest.iter().filter_map(|one| Some(X509Certificate::from_der(one).ok()?.1));
        let (in_force, others) = (self.in_force(), others.collect::<Vec<_>>());
        let all = || std::iter::once(&own).chain(&others);
        // Whoever vouches: a verifier passes over a list that is of another part of what its authority issues, by its own word.
        let is_revoked = all().any(|one| in_force.lists.iter().any(|list| list.has(one)));
        let vouched = if is_revoked { None } else { in_force.vouched((&own, chain), now) };
        let (not_before, end) = validity(&own);
        let validities = all().map(validity).flat_map(|(from, end)| [from, end]);
        let changes = validities.chain(in_force.lists.iter().map(|list| list.next_at));
        Some(ClientCertificate {
            thumbprint: thumbprint_of(first),
            not_before,
            not_after: just_before(end),
            is_revoked,
            vouched,
            holds: between(changes, now),
        })
    }
}

impl InForce {
    fn of(
        of: &[(Option<TrustDomain>, PathBuf)],
        (roots, files): (Vec<Arc<Roots>>, Vec<Arc<ListFile>>),
        provider: &Arc<CryptoProvider>,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let newest = newest(&files);
        let lists: Vec<Arc<List>> = newest.iter().map(|(_, list)| (*list).clone()).collect();
        let (bytes, authorities) = (lists.iter().map(|list| list.der.len()).sum(), roots.len());
        if authorities.saturating_mul(bytes) > MOST_LISTS {
            return Err(CertificateError::TooManyLists { bytes, authorities, most: MOST_LISTS });
        }
        let bundle = |(domain, roots): (&Option<TrustDomain>, &Arc<Roots>)| {
            let wrong = |reason| CertificateError::NoCertificate { path: roots.path.clone(), reason };
            Bundle::new(domain.clone(), roots, &lists, provider).map_err(wrong)
        };
        let bundles = of.iter().map(|(domain, _)| domain).zip(&roots).map(bundle);
        let bundles = bundles.collect::<Result<_, _>>()?;
        for (file, list) in newest.iter().filter(|(_, list)| list.next_at < now) {
            let (file, ended) = (file.path().display(), list.next_at);
            tracing::error!(%file, %ended, "a revocation list has ended: no certificate that it is about is vouched for until there is a newer one");
        }
        let ends_at = lists.iter().map(|list| list.next_at).filter(|next| *next >= now).min();
        Ok(Self { roots, files, lists, bundles, ends_at })
    }

    /// What an authority vouches for at `now` of the first certificate of a chain: that of a trust domain for ids of that domain,
    /// and no other authority for those.
    fn vouched(
        &self,
        (certificate, chain): (&X509Certificate<'_>, &[Box<[u8]>]),
        now: Timestamp,
    ) -> Option<Vouched> {
        let id = spiffe_id(certificate);
        let own = self.bundles.iter().find(|bundle| id.as_ref().is_some_and(|id| bundle.is_of(id)));
        let general = self.bundles.iter().find(|bundle| bundle.domain().is_none());
        let ders: Vec<CertificateDer<'_>> = chain.iter().map(|one| CertificateDer::from(&**one)).collect();
        let (first, rest) = ders.split_first()?;
        let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let [by_own, by_general] =
            [own, general].map(|bundle| bundle.is_some_and(|bundle| bundle.vouches(first, rest, at)));
        let mut found = if by_general { names(certificate) } else { Vec::new() };
        found.retain(|name| !self.is_of_own_domain(name));
        found.extend(id.iter().filter(|_| by_own).map(|id| CertificateName::Uri(id.to_string())));
        let is_vouched = if own.is_some() { by_own } else { by_general };
        let vouched = || Vouched { names: found, spiffe_id: id.filter(|_| is_vouched) };
        (by_own || by_general).then(vouched)
    }

    /// Whether a name is an id of a trust domain that has authorities of its own.
    fn is_of_own_domain(&self, name: &CertificateName) -> bool {
        let CertificateName::Uri(uri) = name else { return false };
        let Ok(id) = uri.parse::<SpiffeId>() else { return false };
        self.bundles.iter().any(|bundle| bundle.is_of(&id))
    }
}

/// A file of lists, if they are such as can be gone by.
fn checked(
    file: Arc<ListFile>,
    roots: &[Arc<Roots>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ListFile>, CertificateError> {
    if let Some(roots) = roots.first() {
        let wrong = |reason| CertificateError::NoList { path: file.path().to_owned(), reason };
        Bundle::new(None, roots, file.lists(), provider).map_err(wrong)?;
    }
    Ok(file)
}

/// The span around `now` in which none of the changes falls: from the last before it to the next after it.
fn between(changes: impl Iterator<Item = Timestamp>, now: Timestamp) -> RangeInclusive<Timestamp> {
    let [mut from, mut until] = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
    for change in changes {
        if change <= now {
            from = from.max(change);
        } else {
            until = until.min(just_before(change));
        }
    }
    from..=until
}

fn just_before(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_sub(1))
}

/// What a chain is remembered by.
fn hash_of(chain: &[Box<[u8]>]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for one in chain {
        context.update(&one.len().to_le_bytes());
        context.update(one);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn is_same<T>(one: &[Arc<T>], other: &[Arc<T>]) -> bool {
    one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other))
}

#[cfg(test)]
mod tests;
