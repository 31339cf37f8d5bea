//! Places for calls to the gateway's own endpoints that are under way, so that what they buffer has a bound. No site has
//! more than a part of them: one that lets its bodies trickle in keeps nobody else out.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;

use crate::limit::cell::site;

/// Counters of sites. Two sites may share one, then they share its part, too.
const COUNTERS: usize = 1024;
/// One site may have one of so many parts of all places.
const PARTS: usize = 4;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    taken: AtomicUsize,
    taken_by_site: Vec<AtomicUsize>,
    hasher: RandomState,
    count: usize,
}

/// A place that is taken; it comes back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    counter: usize,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        let taken_by_site = (0..COUNTERS).map(|_| AtomicUsize::new(0)).collect();
        Self { taken: AtomicUsize::new(0), taken_by_site, hasher: RandomState::new(), count }
    }

    /// A place for a call from `address`, if there is one.
    pub(super) fn take(places: &Arc<Self>, address: &HeaderValue) -> Option<Place> {
        let address = address.to_str().ok().and_then(|address| address.parse::<IpAddr>().ok());
        let hash = places.hasher.hash_one(address.map(site));
        let counter = usize::try_from(hash % COUNTERS as u64).unwrap_or(0);
        let part = places.count.div_ceil(PARTS);
        if !add_one(&places.taken_by_site[counter], part) {
            return None;
        }
        if !add_one(&places.taken, places.count) {
            places.taken_by_site[counter].fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Place { places: places.clone(), counter })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::AcqRel);
        self.places.taken_by_site[self.counter].fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts one more unless there are `most`.
fn add_one(counter: &AtomicUsize, most: usize) -> bool {
    let more = |count: usize| (count < most).then_some(count + 1);
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn take(places: &Arc<Places>, address: &str) -> Option<Place> {
        Places::take(places, &HeaderValue::from_str(address).unwrap())
    }

    #[test]
    fn no_site_takes_the_places_of_all() {
        let places = Arc::new(Places::new(8));
        let greedy: Vec<_> = (0..20).filter_map(|n| take(&places, &format!("2001:db8:0:{n:x}::1"))).collect();
        assert_eq!(greedy.len(), 2);
        let others: Vec<_> = (0..200).filter_map(|n| take(&places, &format!("10.0.{n}.1"))).collect();
        assert_eq!(others.len(), 6);
        drop(greedy);
        let again: Vec<_> = (0..200).filter_map(|n| take(&places, &format!("10.1.{n}.1"))).collect();
        assert_eq!(again.len(), 2);
        drop((others, again));
        assert!(places.taken_by_site.iter().all(|taken| taken.load(Ordering::Relaxed) == 0));
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
    }
}
