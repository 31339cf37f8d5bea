//! One admission by governor's generic cell rate algorithm, with state and time passed in.
//!
//! A governor limiter is cheap to make but normally owns its state and clock. Here the state is a [`Cell`] that
//! outlives any policy, so a reload never hands out a fresh burst, and the time is a parameter.

use std::cell::Cell as StdCell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use super::cell::Cell;
use crate::domain::plan::Rate;

/// What a limit said to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Admitted {
        /// How many more may pass at once.
        remaining: u32,
    },
    /// It may not.
    Refused {
        /// After how long one request would pass.
        retry_after: Duration,
    },
}

/// Asks `cell` for one request under `rate` at `now`, a monotonic time.
#[must_use]
pub fn admit(cell: &Arc<Cell>, rate: &Rate, now: Duration) -> Verdict {
    let Some(quota) = quota(rate) else {
        return Verdict::Refused { retry_after: rate.window };
    };
    forget_slower_rates(cell, rate, now);
    let clock = PassedClock::default();
    let limiter: RateLimiter<_, _, _, StateInformationMiddleware> =
        RateLimiter::new(quota, CellState, &clock);
    clock.0.set(Nanos::from(now));
    match limiter.check_key(cell) {
        Ok(state) => Verdict::Admitted { remaining: state.remaining_burst_capacity() },
        Err(refused) => Verdict::Refused { retry_after: refused.wait_time_from(Nanos::from(now)) },
    }
}

/// A cell that is fuller than `rate` can make it was filled under a slower one: it is full then, and no more. So a limit that
/// is raised lets its callers in again, yet hands out no burst.
fn forget_slower_rates(cell: &Cell, rate: &Rate, now: Duration) {
    let burst =
        rate.window.checked_div(rate.requests.get()).and_then(|each| each.checked_mul(rate.burst.get()));
    let full = burst.map(|burst| now.saturating_add(burst).as_nanos());
    let Some(full) = full.and_then(|full| u64::try_from(full).ok()) else { return };
    if cell.arrival() > full.saturating_add(CLOCK_SLACK) {
        let _: Result<(), std::convert::Infallible> = cell.replace(|arrival| Ok(((), arrival.min(full))));
    }
}

/// How far behind another core's a time may be, in nanoseconds.
const CLOCK_SLACK: u64 = 1_000_000_000;

/// Takes back one request that `cell` admitted under `rate`: it was refused elsewhere.
pub fn give_back(cell: &Cell, rate: &Rate) {
    let per_request = rate.window.checked_div(rate.requests.get()).unwrap_or_default();
    let nanos = u64::try_from(per_request.as_nanos()).unwrap_or(u64::MAX);
    // 0 means unused; an arrival that was below one request is long past, which is the same.
    let _: Result<(), std::convert::Infallible> =
        cell.replace(|arrival| Ok(((), arrival.saturating_sub(nanos))));
}

/// How long until the limit is as if never used.
#[must_use]
pub fn reset_after(cell: &Cell, now: Duration) -> Duration {
    Duration::from_nanos(cell.arrival()).saturating_sub(now)
}

/// The governor quota of a rate. `None` for a rate faster than one request per nanosecond.
fn quota(rate: &Rate) -> Option<Quota> {
    let per_request = rate.window.checked_div(rate.requests.get())?;
    Some(Quota::with_period(per_request)?.allow_burst(rate.burst))
}

/// Whether `rate` can be enforced: at most one request per nanosecond.
#[must_use]
pub fn is_enforceable(rate: &Rate) -> bool {
    quota(rate).is_some()
}

/// The rate `requests` per `window`, with a burst of its own.
#[must_use]
pub fn rate(requests: NonZeroU32, window: Duration, burst: NonZeroU32) -> Rate {
    Rate { requests, window, burst }
}

/// Keeps no state of its own: the key is the state.
struct CellState;

impl StateStore for CellState {
    type Key = Arc<Cell>;

    fn measure_and_replace<T, F, E>(&self, key: &Arc<Cell>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        key.replace(|arrival| {
            let before = (arrival != 0).then(|| Nanos::from(arrival));
            decide(before).map(|(outcome, after)| (outcome, after.as_u64()))
        })
    }
}

/// Shows zero while a limiter is made, so that all of them count from the same origin, then the passed time.
#[derive(Debug, Default)]
struct PassedClock(StdCell<Nanos>);

impl GovernorClock for &PassedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate_of(requests: u32, seconds: u64, burst: u32) -> Rate {
        rate(
            NonZeroU32::new(requests).unwrap(),
            Duration::from_secs(seconds),
            NonZeroU32::new(burst).unwrap(),
        )
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_interval() {
        let cell = Arc::new(Cell::default());
        let rate = rate_of(100, 10, 20);
        let start = Duration::from_secs(1000);
        for left in (0..20).rev() {
            assert_eq!(admit(&cell, &rate, start), Verdict::Admitted { remaining: left });
        }
        let Verdict::Refused { retry_after } = admit(&cell, &rate, start) else {
            panic!("the 21st of a burst of 20 passed");
        };
        assert_eq!(retry_after, Duration::from_millis(100));
        assert!(matches!(admit(&cell, &rate, start + retry_after), Verdict::Admitted { remaining: 0 }));
        assert_eq!(reset_after(&cell, start + retry_after), Duration::from_secs(2));
    }

    #[test]
    fn a_limit_that_is_raised_lets_in_again_at_its_own_pace() {
        let cell = Arc::new(Cell::default());
        let now = Duration::from_secs(1000);
        let (slow, fast) = (rate_of(1, 30 * 86_400, 2), rate_of(1000, 1, 10));
        while matches!(admit(&cell, &slow, now), Verdict::Admitted { .. }) {}
        let each = Duration::from_millis(1);
        assert_eq!(admit(&cell, &fast, now), Verdict::Refused { retry_after: each });
        assert_eq!(admit(&cell, &fast, now + each), Verdict::Admitted { remaining: 0 });
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let cell = Arc::new(Cell::default());
        let rate = rate_of(100, 10, 20);
        let now = Duration::from_secs(1000);
        for _ in 0..3 {
            assert_eq!(admit(&cell, &rate, now), Verdict::Admitted { remaining: 19 });
            give_back(&cell, &rate);
        }
        assert_eq!(reset_after(&cell, now), Duration::ZERO);
    }

    #[test]
    fn a_new_rate_goes_on_from_what_was_used() {
        let cell = Arc::new(Cell::default());
        let now = Duration::from_secs(5);
        while matches!(admit(&cell, &rate_of(10, 10, 5), now), Verdict::Admitted { .. }) {}
        assert!(matches!(admit(&cell, &rate_of(10, 10, 3), now), Verdict::Refused { .. }));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_lets_through_more_than_the_rate_says(
            requests in 1_u32..50, seconds in 1_u64..20, burst in 1_u32..30,
            gaps in prop::collection::vec(0_u64..2_000, 1..300),
        ) {
            let rate = rate_of(requests, seconds, burst);
            let cell = Arc::new(Cell::default());
            let mut now = Duration::from_secs(100);
            let mut passed: Vec<Duration> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if matches!(admit(&cell, &rate, now), Verdict::Admitted { .. }) {
                    passed.push(now);
                }
            }
            for (first, from) in passed.iter().enumerate() {
                for (last, to) in passed.iter().enumerate().skip(first) {
                    let stretch = (*to - *from).as_nanos();
                    let refill = stretch * u128::from(requests) / Duration::from_secs(seconds).as_nanos();
                    let count = (last - first + 1) as u128;
                    prop_assert!(count <= u128::from(burst) + refill + 1);
                }
            }
        }
    }
}
