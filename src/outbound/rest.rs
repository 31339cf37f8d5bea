//! How long another server is left in peace after a failure: ever longer, up to a bound, and not by all nodes alike.

use std::time::Duration;

use crate::domain::random::Random;

/// Rest after the first failure; it doubles with each further one, up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(1);
/// Longest rest between two failures.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// How long to rest after so many failures in a row.
#[must_use]
pub fn rest_after(failures: u32, random: &dyn Random) -> Duration {
    rest(failures, chance(random))
}

/// A number from 0 to 255, evenly.
#[must_use]
pub fn chance(random: &dyn Random) -> u8 {
    let mut chance = [128];
    match random.fill(&mut chance) {
        Ok(()) => chance[0],
        Err(_) => 128,
    }
}

fn rest(failures: u32, chance: u8) -> Duration {
    let doubled = FIRST_REST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_REST);
    doubled / 1024 * (768 + u32::from(chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_followed_by_ever_longer_rests_up_to_a_bound() {
        let rests: Vec<u64> =
            [1, 2, 3, 7, 30, u32::MAX].map(|failures| rest(failures, 255).as_millis() as u64).into();
        assert!(rests.is_sorted() && rests[0] < 1000 && rests[5] < 60_000, "{rests:?}");
        assert!(rest(7, 0) >= Duration::from_secs(45));
    }
}
