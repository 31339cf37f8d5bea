//! How often somebody may try to log in: by account and by address, in bounded memory.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::domain::plan::Rate;
use crate::domain::refusal::whole_seconds;
use crate::limit::cell::Cell;
use crate::limit::gcra::{Verdict, admit};

/// Accounts and addresses that are remembered.
const CAPACITY: u64 = 100_000;
/// How long one is remembered after its last attempt; by then its limit is as if never used.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// Counts login attempts.
pub struct Throttle {
    cells: Cache<String, Arc<Cell>>,
    by_account: Rate,
    by_address: Rate,
}

impl Default for Throttle {
    fn default() -> Self {
        let rate = |requests, burst| Rate { requests, window: Duration::from_secs(600), burst };
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Self {
            cells: Cache::builder().max_capacity(CAPACITY).time_to_idle(REMEMBERED_FOR).build(),
            by_account: rate(number(20), number(10)),
            by_address: rate(number(200), number(50)),
        }
    }
}

impl Throttle {
    /// Counts an attempt at `now`, a monotonic time.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn attempt(&self, account: &str, address: &str, now: Duration) -> Result<(), u64> {
        // Long names are cut: nobody has one, and memory stays bounded.
        let account: String = account.chars().take(100).collect();
        for (key, rate) in [
            (format!("account {account}"), &self.by_account),
            (format!("address {address}"), &self.by_address),
        ] {
            let cell = self.cells.get_with(key, Arc::default);
            if let Verdict::Refused { retry_after } = admit(&cell, rate, now) {
                return Err(whole_seconds(retry_after).max(1));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_by_account_and_by_address() {
        let throttle = Throttle::default();
        let now = Duration::from_secs(1);
        for number in 0..10 {
            assert!(throttle.attempt("shop", &format!("10.0.0.{number}"), now).is_ok());
        }
        assert!(throttle.attempt("shop", "10.0.1.1", now).is_err());
        assert!(throttle.attempt("other", "10.0.1.1", now).is_ok());
        let tries =
            (0..100).filter(|number| throttle.attempt(&format!("shop{number}"), "10.0.2.2", now).is_ok());
        assert_eq!(tries.count(), 50);
        assert!(throttle.attempt("shop", "10.0.1.1", now + Duration::from_secs(31)).is_ok());
    }
}
