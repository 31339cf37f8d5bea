//! How many lines of the log calls that were refused may have: whoever proves nothing fills no disk, and hides nobody else's calls
//! among his own. All are counted by the metrics, whatever the log has.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::REMEMBERED_FOR;
use crate::domain::plan::Rate;
use crate::limit::cell::Cell;
use crate::limit::gcra::{Verdict, admit, give_back};

/// Networks that are remembered.
const NETWORKS: u64 = 100_000;
/// The window of both rates.
const WINDOW: Duration = Duration::from_secs(600);

/// Lines that were written of late.
pub(super) struct Lines {
    networks: Cache<IpAddr, Arc<OfNetwork>>,
    all: Arc<Cell>,
    by_network: Rate,
    by_all: Rate,
}

#[derive(Default)]
struct OfNetwork {
    cell: Arc<Cell>,
    left_out: AtomicU64,
}

impl Default for Lines {
    fn default() -> Self {
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        let rate =
            |requests, burst| Rate { requests: number(requests), window: WINDOW, burst: number(burst) };
        Self {
            networks: Cache::builder().max_capacity(NETWORKS).time_to_idle(REMEMBERED_FOR).build(),
            all: Arc::default(),
            by_network: rate(100, 50),
            by_all: rate(6_000, 2_000),
        }
    }
}

impl Lines {
    /// Whether there may be one more of `network` at `now`; if so, how many of it were left out since the last one.
    pub(super) fn next(&self, network: IpAddr, now: Duration) -> Option<u64> {
        let of = self.networks.get_with(network, Arc::default);
        let is_admitted = |cell: &Arc<Cell>, rate| matches!(admit(cell, rate, now), Verdict::Admitted { .. });
        if is_admitted(&of.cell, &self.by_network) {
            if is_admitted(&self.all, &self.by_all) {
                return Some(of.left_out.swap(0, Ordering::Relaxed));
            }
            give_back(&of.cell, &self.by_network);
        }
        of.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_so_many_lines_and_its_next_one_says_how_many_were_left_out() {
        let (lines, now) = (Lines::default(), Duration::from_secs(1));
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!((0..1_000).filter_map(|_| lines.next(one, now)).collect::<Vec<_>>(), [0; 50]);
        assert_eq!(lines.next(other, now), Some(0));
        let later = now + Duration::from_secs(6);
        assert_eq!((lines.next(one, later), lines.next(one, later)), (Some(950), None));
    }

    #[test]
    fn all_networks_have_so_many_lines_together() {
        let (lines, now) = (Lines::default(), Duration::from_secs(1));
        let lines_of = |number: u32| lines.next(IpAddr::from(number.to_be_bytes()), now);
        assert_eq!((0..10_000).filter_map(lines_of).count(), 2_000);
        assert_eq!(lines.next(IpAddr::from(9_999_u32.to_be_bytes()), now + Duration::from_secs(1)), Some(1));
    }
}
