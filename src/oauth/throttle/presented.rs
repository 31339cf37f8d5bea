//! API keys that somebody presents to have them revoked, many at once: those that there are not may be guesses.

use std::net::IpAddr;
use std::time::Duration;

use super::{Attempt, Guessed, Throttle};

impl Throttle {
    /// Counts so many guesses at keys from `address` at `now`, a monotonic time; or none, if they were too many.
    ///
    /// # Errors
    /// The seconds to wait then until so many are not.
    pub fn presented_keys(
        &self,
        count: usize,
        address: IpAddr,
        now: Duration,
    ) -> Result<Vec<Attempt<'_>>, u64> {
        let mut counted = Vec::with_capacity(count);
        while counted.len() < count {
            match self.guess(Guessed::ApiKey, address, now) {
                Ok(attempt) => counted.push(attempt),
                Err(wait) => {
                    let more = count - counted.len() - 1;
                    counted.into_iter().for_each(Attempt::give_back);
                    return Err(wait.saturating_add(self.time_for(more)));
                }
            }
        }
        Ok(counted)
    }

    /// In how many seconds a network may guess so often more.
    fn time_for(&self, guesses: usize) -> u64 {
        let (window, requests) =
            (self.by_network.window.as_secs(), u64::from(self.by_network.requests.get()));
        u64::try_from(guesses).unwrap_or(u64::MAX).saturating_mul(window).div_ceil(requests)
    }
}
