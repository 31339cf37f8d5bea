//! Which keys were shown from which networks, by numbers that nobody outside can tell: who showed one before is not kept out by
//! what others send.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::confirmation::Thumbprint;
use crate::limit::cell::network;

/// Keys and networks that are known; beyond, the one in the same place is forgotten.
const PLACES: usize = 65_536;

/// Which keys were shown from which networks.
pub(super) struct ProvenFrom {
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for ProvenFrom {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl std::fmt::Debug for ProvenFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProvenFrom")
    }
}

impl ProvenFrom {
    /// The number of a key and a network.
    pub(super) fn number(&self, key: Thumbprint, address: IpAddr) -> u64 {
        self.hasher.hash_one((key, network(address))).max(1)
    }

    /// Whether the key was shown from the network.
    pub(super) fn has(&self, number: u64) -> bool {
        self.place(number).is_some_and(|place| place.load(Ordering::Relaxed) == number)
    }

    /// The key was shown from the network.
    pub(super) fn add(&self, number: u64) {
        self.place(number).into_iter().for_each(|place| place.store(number, Ordering::Relaxed));
    }

    fn place(&self, number: u64) -> Option<&AtomicU64> {
        self.places.get(usize::try_from(number % PLACES as u64).unwrap_or(0))
    }
}
