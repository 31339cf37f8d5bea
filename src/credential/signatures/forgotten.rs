//! Which signatures of messages may be forgotten though they are good: those that were made before the policies let them be as old as
//! they do now. They stay as little good as they were.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::time::Timestamp;

/// Which signatures may be forgotten. Times are in microseconds.
#[derive(Debug)]
pub(super) struct Forgotten {
    /// How old the one could be that came last.
    window: AtomicU64,
    /// When the last of them was made.
    until: AtomicI64,
}

impl Default for Forgotten {
    fn default() -> Self {
        Self { window: AtomicU64::new(u64::MAX), until: AtomicI64::new(i64::MIN) }
    }
}

impl Forgotten {
    /// Up to when they were made, now that one comes at `now` that may be `window` old.
    pub(super) fn until(&self, window: Duration, now: Timestamp) -> Timestamp {
        let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let before = self.window.load(Ordering::Acquire);
        if before < window {
            let until = now.minus(Duration::from_micros(before));
            self.until.fetch_max(until.as_micros(), Ordering::AcqRel);
        }
        if before != window {
            self.window.store(window, Ordering::Release);
        }
        Timestamp::from_micros(self.until.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_old_before_the_window_grew_stays_so() {
        let at = |second: i64| Timestamp::from_seconds(1_790_000_000 + second);
        let forgotten = Forgotten::default();
        let until = |window, second| forgotten.until(Duration::from_secs(window), at(second));
        let never = Timestamp::from_micros(i64::MIN);
        for (window, second, expected) in [
            (300, 0, never),
            (60, 10, never),
            (300, 20, at(-40)),
            (300, 30, at(-40)),
            (900, 40, at(-40)),
            (10, 50, at(-40)),
            (900, 60, at(50)),
        ] {
            assert_eq!(until(window, second), expected, "{window} at {second}");
        }
    }
}
