//! What each core counts. A core writes its own counters only, so that counting shares nothing; they are summed
//! when somebody asks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::id::RouteName;

/// Upper bounds of the latency histogram, in microseconds.
pub const LATENCY_BOUNDS: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// A counter that one core writes and any core reads.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `value`. Only the core that owns the counter may.
    pub fn add(&self, value: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
    }

    /// Takes `value` off. Only the core that owns the counter may.
    pub fn subtract(&self, value: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(value), Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a core counts of one route. What quick calls touch is in the first two cache lines, which processors fetch as a pair:
/// with many routes, each call meets cold ones.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct RouteCounters {
    /// Sum of latencies in microseconds.
    pub latency_sum: Count,
    /// Answers by the first digit of their status, 1 to 5.
    pub by_class: [Count; 6],
    /// Answers within each bound of [`LATENCY_BOUNDS`], not cumulated; the last is beyond.
    pub latency: [Count; LATENCY_BOUNDS.len() + 1],
    /// Answers of which all, or the rest, was not let through, for it could not be masked.
    pub withheld: Count,
}

impl RouteCounters {
    /// Counts an answer.
    pub fn answered(&self, status: u16, latency: Duration) {
        if let Some(count) = self.by_class.get(usize::from(status / 100)) {
            count.add(1);
        }
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(LATENCY_BOUNDS.len());
        self.latency[bucket].add(1);
        self.latency_sum.add(micros);
    }
}

/// What a core counts.
#[derive(Debug, Default)]
pub struct CoreCounters {
    routes: Mutex<HashMap<RouteName, Arc<RouteCounters>>>,
    refusals: Mutex<HashMap<&'static str, Arc<Count>>>,
    /// Requests that met no route.
    pub unrouted: RouteCounters,
    /// Connections open now.
    pub connections: Count,
    /// Open connections that are parked: they wait for a request with their buffers freed.
    pub parked: Count,
    /// Connections accepted.
    pub accepted: Count,
    /// TLS handshakes done.
    pub tls_handshakes: Count,
    /// Of those, the ones that resumed an earlier session.
    pub tls_resumed: Count,
    /// TLS handshakes that failed or took too long.
    pub tls_failed: Count,
    /// Usage records written.
    pub usage_records: Count,
    /// Refused calls that are counted together, of which each record stands for many.
    pub calls_together: Count,
    /// Usage records that are exceptions.
    pub exceptions: Count,
    /// Usage records that the journal did not take.
    pub lost_records: Count,
}

impl CoreCounters {
    /// The counters of a route, for a view to keep; so the lock is taken once for each route and snapshot.
    #[must_use]
    pub fn route(&self, route: &RouteName) -> Arc<RouteCounters> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).entry(route.clone()).or_default().clone()
    }

    /// Counts a refusal by its code. Not shared with other cores, and only the scrape contends for it.
    pub fn refused(&self, code: &'static str) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default().add(1);
    }

    /// How many routes it has counters of.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets routes that are no more.
    pub fn forget_routes(&self, exists: impl Fn(&RouteName) -> bool) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| exists(name));
    }

    /// Calls `visit` with each route's counters.
    pub fn each_route(&self, mut visit: impl FnMut(&RouteName, &RouteCounters)) {
        for (route, counters) in self.routes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            visit(route, counters);
        }
    }

    /// Calls `visit` with each refusal code and its count.
    pub fn each_refusal(&self, mut visit: impl FnMut(&'static str, u64)) {
        for (code, count) in self.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            visit(code, count.get());
        }
    }
}
