//! One admission by governor's generic cell rate algorithm, with state and time passed in.
//!
//! A governor limiter is cheap to make but normally owns its state and clock. Here the state is a [`Cell`] that
//! outlives any policy, so a reload never hands out a fresh burst, and the time is a parameter.

use std::cell::Cell as StdCell;
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

/// Asks `cell` for one request under `rate`, an [`enforceable`] one, at `now`, a monotonic time.
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

/// How many requests `cell` would let pass at once under `rate` at `now`, and how long until that is the whole burst. Asking uses
/// up nothing; what a slower rate filled is forgotten, as by who calls.
#[must_use]
pub fn left(cell: &Cell, rate: &Rate, now: Duration) -> (u32, Duration) {
    forget_slower_rates(cell, rate, now);
    let each = rate.window.checked_div(rate.requests.get()).unwrap_or_default().as_nanos();
    let until_whole = u128::from(cell.arrival()).saturating_sub(now.as_nanos());
    let used = if each == 0 { u128::MAX } else { until_whole.div_ceil(each) };
    let remaining = rate.burst.get().saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
    (remaining, reset_after(cell, now))
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

/// Time in which the longest burst comes back. Governor counts in nanoseconds from the node's start and in 64 bits, which
/// are over after 584 years; its arithmetic wraps beyond.
const LONGEST_BURST: Duration = Duration::from_secs(100 * 365 * 86_400);
/// A rate is kept in whole nanoseconds for each request: this part of it at most may get lost, which is 1 %.
const INEXACT_PART: u128 = 100;

/// Why a rate cannot be enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unenforceable {
    /// Whole nanoseconds are too coarse for it.
    #[error("so many requests in so short a window are not told apart within 1 %")]
    TooFast,
    /// Its burst comes back after longer than can be counted.
    #[error("a burst must come back within 100 years: burst × window ÷ requests is longer")]
    TooLong {
        /// The most that the burst could be.
        most: u32,
    },
}

/// Whether [`admit`] lets through as many as `rate` says; only such rates may be asked for.
///
/// # Errors
/// [`Unenforceable`].
pub fn enforceable(rate: &Rate) -> Result<(), Unenforceable> {
    let each = rate.window.checked_div(rate.requests.get()).unwrap_or_default();
    let kept = each.as_nanos() * u128::from(rate.requests.get());
    if each.is_zero() || (rate.window.as_nanos() - kept) * INEXACT_PART > kept {
        return Err(Unenforceable::TooFast);
    }
    let most = LONGEST_BURST.as_nanos() / each.as_nanos();
    if u128::from(rate.burst.get()) > most {
        return Err(Unenforceable::TooLong { most: u32::try_from(most).unwrap_or(u32::MAX) });
    }
    Ok(())
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
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn rate_of(requests: u32, seconds: u64, burst: u32) -> Rate {
        let (requests, burst) = (NonZeroU32::new(requests).unwrap(), NonZeroU32::new(burst).unwrap());
        Rate { requests, window: Duration::from_secs(seconds), burst }
    }

    #[test]
    fn what_cannot_be_kept_to_is_not_enforceable() {
        for (rate, expected) in [
            (rate_of(1, 1, 1), Ok(())),
            (rate_of(u32::MAX, 400 * 86_400, u32::MAX), Ok(())),
            (rate_of(1_000_000_000, 1, 1), Ok(())),
            (rate_of(600_000_000, 1, 1), Err(Unenforceable::TooFast)),
            (rate_of(2_000_000_000, 1, 1), Err(Unenforceable::TooFast)),
            (rate_of(1, 30 * 86_400, 1_216), Ok(())),
            (rate_of(1, 30 * 86_400, 10_000), Err(Unenforceable::TooLong { most: 1_216 })),
        ] {
            assert_eq!(enforceable(&rate), expected, "{rate:?}");
        }
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
    fn what_is_left_of_a_limit_that_is_raised_is_told_by_its_own_pace() {
        let cell = Arc::new(Cell::default());
        let now = Duration::from_secs(1000);
        let (slow, fast) = (rate_of(1, 30 * 86_400, 2), rate_of(1000, 1, 10));
        while matches!(admit(&cell, &slow, now), Verdict::Admitted { .. }) {}
        let each = Duration::from_millis(1);
        assert_eq!(left(&cell, &fast, now), (0, 10 * each));
        assert_eq!(left(&cell, &fast, now + each), (1, 9 * each));
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
        fn the_longest_burst_of_an_enforceable_rate_passes_and_no_more(
            requests in 1_u32..=u32::MAX, seconds in 1_u64..=400 * 86_400, burst in 1_u32..=u32::MAX,
            now in 0_u64..100 * 365 * 86_400,
        ) {
            let rate = rate_of(requests, seconds, burst);
            prop_assume!(enforceable(&rate).is_ok());
            let (cell, now) = (Arc::new(Cell::default()), Duration::from_secs(now));
            let Verdict::Admitted { remaining } = admit(&cell, &rate, now) else {
                return Err(TestCaseError::fail("the first of a burst was refused"));
            };
            prop_assert_eq!(remaining, burst - 1);
            let each = rate.window / requests;
            prop_assert_eq!(reset_after(&cell, now), each);
            // As full as it gets: one more is refused, until one has come back.
            let full = now + each * burst;
            cell.replace(|_| Ok::<_, ()>(((), u64::try_from(full.as_nanos()).unwrap()))).unwrap();
            prop_assert_eq!(admit(&cell, &rate, now), Verdict::Refused { retry_after: each });
            prop_assert_eq!(admit(&cell, &rate, now + each), Verdict::Admitted { remaining: 0 });
        }

        #[test]
        fn what_is_told_to_remain_passes_and_no_more(
            requests in 1_u32..50, seconds in 1_u64..20, burst in 1_u32..30,
            gaps in prop::collection::vec(0_u64..2_000, 1..100),
        ) {
            let rate = rate_of(requests, seconds, burst);
            let cell = Arc::new(Cell::default());
            let mut now = Duration::from_secs(100);
            for gap in gaps {
                now += Duration::from_millis(gap);
                let (told, _) = left(&cell, &rate, now);
                let passes = match admit(&cell, &rate, now) {
                    Verdict::Admitted { remaining } => remaining + 1,
                    Verdict::Refused { .. } => 0,
                };
                prop_assert_eq!(told, passes);
            }
        }

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
