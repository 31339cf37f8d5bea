//! A certificate as a connection showed it. A connection may be open for long: what is known of the certificate is looked at anew
//! when other authorities vouch, when one has taken certificates back, and once it no longer holds.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client_certificate::ClientCertificate;
use super::time::Timestamp;

/// Knows which authorities vouch for certificates, and which they took back.
pub trait Vouching: Send + Sync + fmt::Debug {
    /// Rises with each change of what it knows.
    fn version(&self) -> u64;

    /// What is known at `now` of who showed that chain of certificates, in DER; `None` if the first cannot be read.
    fn look_at(&self, chain: &[Box<[u8]>], now: Timestamp) -> Option<ClientCertificate>;
}

/// A certificate that a connection showed, with those that lead to its authority.
#[derive(Debug)]
pub struct ShownCertificate {
    chain: Box<[Box<[u8]>]>,
    vouching: Arc<dyn Vouching>,
    looked: Mutex<Looked>,
}

/// What was known, and by which version.
#[derive(Debug, Clone)]
struct Looked {
    certificate: Arc<ClientCertificate>,
    version: u64,
}

impl ShownCertificate {
    /// A chain that was shown at `now`; `None` if its first certificate cannot be read.
    #[must_use]
    pub fn new(chain: Box<[Box<[u8]>]>, vouching: Arc<dyn Vouching>, now: Timestamp) -> Option<Self> {
        // Before it is looked at: what changes meanwhile is looked at again.
        let version = vouching.version();
        let certificate = Arc::new(vouching.look_at(&chain, now)?);
        Some(Self { chain, vouching, looked: Mutex::new(Looked { certificate, version }) })
    }

    /// Rises with each change of what may be known of it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.vouching.version()
    }

    /// What is known of it by now. Looking takes its time, and nobody waits for who looks.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Arc<ClientCertificate> {
        let version = self.vouching.version();
        let known = self.looked().clone();
        if known.version == version && known.certificate.holds.contains(&now) {
            return known.certificate;
        }
        let Some(certificate) = self.vouching.look_at(&self.chain, now).map(Arc::new) else {
            return known.certificate;
        };
        let mut looked = self.looked();
        if looked.version <= version {
            *looked = Looked { certificate: certificate.clone(), version };
        }
        certificate
    }

    /// What is known by now of what it was worth at a time: what only ended since counts, and what was taken back does not.
    #[must_use]
    pub fn as_of(&self, at: Timestamp) -> Option<ClientCertificate> {
        self.vouching.look_at(&self.chain, at)
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::domain::confirmation::Thumbprint;

    #[derive(Debug, Default)]
    struct Authority {
        version: AtomicU64,
        has_revoked: AtomicBool,
        looks: AtomicU64,
        /// Has the next look wait for a word.
        waits_for: Mutex<Option<Receiver<()>>>,
    }

    impl Vouching for Authority {
        fn version(&self) -> u64 {
            self.version.load(Ordering::SeqCst)
        }

        fn look_at(&self, chain: &[Box<[u8]>], now: Timestamp) -> Option<ClientCertificate> {
            self.looks.fetch_add(1, Ordering::SeqCst);
            let waits_for = self.waits_for.lock().unwrap().take();
            waits_for.into_iter().for_each(|word| word.recv_timeout(Duration::from_secs(30)).unwrap());
            let half = Timestamp::from_seconds(now.as_seconds() / 50 * 50);
            let first = *chain.first()?.first()?;
            Some(ClientCertificate {
                thumbprint: Thumbprint([first; 32]),
                not_before: Timestamp::from_seconds(0),
                not_after: Timestamp::from_seconds(100),
                is_revoked: self.has_revoked.load(Ordering::SeqCst),
                vouched: None,
                holds: half..=half.plus(Duration::from_secs(49)),
            })
        }
    }

    fn shown(authority: &Arc<Authority>, now: Timestamp) -> ShownCertificate {
        ShownCertificate::new(Box::new([Box::new([7])]), authority.clone(), now).unwrap()
    }

    #[test]
    fn a_certificate_is_looked_at_once_for_each_change_of_what_is_known() {
        let (authority, now) = (Arc::new(Authority::default()), Timestamp::from_seconds(50));
        let none: Box<[Box<[u8]>]> = Box::default();
        assert!(ShownCertificate::new(none, authority.clone(), now).is_none());
        let shown = shown(&authority, now);
        let before = authority.looks.load(Ordering::SeqCst);
        for _ in 0..3 {
            assert!(shown.at(now).is_good(now));
        }
        assert_eq!(authority.looks.load(Ordering::SeqCst), before);
        authority.has_revoked.store(true, Ordering::SeqCst);
        authority.version.fetch_add(1, Ordering::SeqCst);
        for _ in 0..3 {
            assert!(!shown.at(now).is_good(now) && shown.version() == 1);
        }
        assert_eq!(authority.looks.load(Ordering::SeqCst), before + 1);
    }

    #[test]
    fn it_is_looked_at_anew_once_what_was_known_no_longer_holds() {
        let (authority, at) = (Arc::new(Authority::default()), Timestamp::from_seconds);
        let shown = shown(&authority, at(10));
        for (now, looks) in [(0, 1), (49, 1), (50, 2), (99, 2), (10, 3)] {
            assert!(shown.at(at(now)).holds.contains(&at(now)));
            assert_eq!(authority.looks.load(Ordering::SeqCst), looks, "{now}");
        }
    }

    #[test]
    fn nobody_waits_for_who_looks() {
        let (authority, now) = (Arc::new(Authority::default()), Timestamp::from_seconds(50));
        let (shown, (word, waits_for)) = (shown(&authority, now), channel());
        *authority.waits_for.lock().unwrap() = Some(waits_for);
        authority.version.fetch_add(1, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| shown.at(now));
            while authority.looks.load(Ordering::SeqCst) < 2 {
                std::thread::yield_now();
            }
            assert!(shown.at(now).is_good(now));
            word.send(()).unwrap();
            assert!(looking.join().unwrap().is_good(now));
        });
    }
}
