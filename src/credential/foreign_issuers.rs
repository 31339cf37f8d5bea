//! Other issuers whose access tokens are taken, and the keys by which they sign, as they are in force.
//!
//! They are swapped as a whole, when the policies or an issuer's keys are others. A thread that verifies compares a number with
//! the one it saw last and takes the lock only then. Invariant: a key goes by a name that is made of the key and of all that the
//! policies say of its issuer. Whatever changes of either takes that name along, and with it what was believed by it.

mod error;
mod keeper;
mod look;
mod mapping;
mod readings;
#[cfg(test)]
pub(super) mod tests;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(super) use self::error::ForeignError;
pub use self::keeper::IssuerKeys;
pub(super) use self::look::Looked;
pub(super) use self::readings::Readings;
pub use self::readings::Standing;
use super::jwk::PublicKey;
use super::key_set::KeySet;
use crate::policy::issuer::ForeignIssuer;

/// The other issuers whose tokens are taken.
pub(super) struct ForeignIssuers {
    in_force: Mutex<Arc<InForce>>,
    /// That of those in force: no others ever have the same.
    number: AtomicU64,
    /// Whether the keys of each of the first issuers have been read, or could not be.
    is_begun: AtomicBool,
}

/// Other issuers, as a whole.
#[derive(Default)]
pub(super) struct InForce {
    number: u64,
    issuers: HashMap<Arc<str>, Issuer>,
    /// The names of all their keys.
    names: HashSet<Arc<str>>,
}

/// An issuer, and its keys.
#[derive(Clone)]
struct Issuer {
    terms: Arc<ForeignIssuer>,
    readings: Arc<Readings>,
    /// `None` while none are known, or those that are have become too old.
    keys: Option<Arc<KeySet>>,
    /// The number of the reading that they are of.
    reading: u64,
    /// The names of the keys, each at the place that the key has in the set.
    names: Vec<Arc<str>>,
}

/// The number of the next issuers in force.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What this thread saw last.
    static SEEN: RefCell<Option<Arc<InForce>>> = const { RefCell::new(None) };
}

impl Default for ForeignIssuers {
    fn default() -> Self {
        let none = InForce { number: NEXT.fetch_add(1, Ordering::Relaxed), ..InForce::default() };
        let number = AtomicU64::new(none.number);
        Self { in_force: Mutex::new(Arc::new(none)), number, is_begun: AtomicBool::new(false) }
    }
}

impl ForeignIssuers {
    /// Those in force.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        let number = self.number.load(Ordering::Acquire);
        SEEN.with_borrow_mut(|seen| match seen {
            Some(in_force) if in_force.number == number => in_force.clone(),
            Some(_) | None => {
                let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone();
                *seen = Some(in_force.clone());
                in_force
            }
        })
    }

    /// Whether what the key of that name signed is believed.
    pub(super) fn trusts(&self, name: &str) -> bool {
        self.in_force().names.contains(name)
    }

    /// Puts these in force, each with the place where its readings are told; those whose place is the same keep their keys. Gives
    /// the issuers of which something is believed no more.
    pub(super) fn follow(&self, listed: Vec<(Arc<ForeignIssuer>, Arc<Readings>)>) -> Vec<Arc<str>> {
        self.swap(|before| {
            let issuer = |(terms, readings): (Arc<ForeignIssuer>, Arc<Readings>)| {
                let name: Arc<str> = terms.issuer.as_str().into();
                let known = before.get(&name).filter(|known| Arc::ptr_eq(&known.readings, &readings));
                let keys = known.and_then(|known| known.keys.clone());
                let reading = known.map_or(0, |known| known.reading);
                (name, Issuer { terms, readings, keys, reading, names: Vec::new() }.named())
            };
            listed.into_iter().map(issuer).collect()
        })
    }

    /// Has an issuer have these keys, or none any more, by the reading that is about to be over. Which one it is tells the place where its readings are told: if it is no
    /// longer in force, nothing happens. Gives it if something of it is believed no more.
    pub(super) fn hold(&self, readings: &Arc<Readings>, set: Option<KeySet>) -> Vec<Arc<str>> {
        self.swap(|before| {
            let mut issuers = before.clone();
            let held = issuers.values_mut().find(|issuer| Arc::ptr_eq(&issuer.readings, readings));
            if let Some(issuer) = held {
                let keys = set.map(Arc::new);
                let reading = readings.over() + 1;
                *issuer = Issuer { keys, reading, ..issuer.clone() }.named();
            }
            issuers
        })
    }

    /// Whether some issuer's keys are being read for the first time. Once that is over, those of issuers that come later do not count: a
    /// node does not stop serving for them.
    pub(super) fn await_first_readings(&self) -> bool {
        if self.is_begun.load(Ordering::Relaxed) {
            return false;
        }
        let is_awaited = self.in_force().issuers.values().any(|issuer| issuer.readings.over() == 0);
        self.is_begun.store(!is_awaited, Ordering::Relaxed);
        is_awaited
    }

    /// How the keys of each stand at `now`, a monotonic time, by name.
    pub(super) fn standings(&self, now: Duration) -> Vec<Standing> {
        let in_force = self.in_force();
        let of =
            |(name, issuer): (&Arc<str>, &Issuer)| issuer.readings.standing(name, issuer.names.len(), now);
        let mut standings: Vec<_> = in_force.issuers.iter().map(of).collect();
        standings.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        standings
    }

    fn swap(
        &self,
        change: impl FnOnce(&HashMap<Arc<str>, Issuer>) -> HashMap<Arc<str>, Issuer>,
    ) -> Vec<Arc<str>> {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let issuers = change(&in_force.issuers);
        let names: HashSet<_> = issuers.values().flat_map(|issuer| issuer.names.iter().cloned()).collect();
        let has_lost = |issuer: &Issuer| issuer.names.iter().any(|name| !names.contains(name));
        let lost = in_force.issuers.iter().filter(|(_, issuer)| has_lost(issuer));
        let lost = lost.map(|(name, _)| name.clone()).collect();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Both under the lock: the number is that of what is in force, whoever else swaps.
        self.number.store(number, Ordering::Release);
        *in_force = Arc::new(InForce { number, issuers, names });
        lost
    }
}

impl Issuer {
    /// The same, with the names that its keys have by now.
    fn named(self) -> Self {
        let terms = self.terms.terms();
        let name = |key: &PublicKey| -> Arc<str> {
            let name = digest(&SHA256, &[terms.as_bytes(), &key.thumbprint().0].concat());
            URL_SAFE_NO_PAD.encode(name).into()
        };
        let keys = self.keys.as_ref().map_or(&[][..], |keys| keys.keys());
        Self { names: keys.iter().map(|(_, key)| name(key)).collect(), ..self }
    }
}
