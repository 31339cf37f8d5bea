//! How many lines of the log calls that were refused may have: whoever proves nothing fills no disk. All are counted by the
//! metrics, whatever the log has.
//!
//! A network has so many lines, and its next one tells how many were left out. What all networks have together is bounded as
//! well, twice: the first few lines of each site, which is an IPv4 address or an IPv6 /48, are counted by themselves. So a few
//! dozen networks that call without end hide nobody else's first calls; it takes thousands of sites. What is left out is told once a
//! minute, by how many lines of how many networks.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::REMEMBERED_FOR;
use crate::domain::plan::Rate;
use crate::limit::cell::{Cell, site};
use crate::limit::gcra::{Verdict, admit, give_back};

/// Networks that are remembered, and sites.
const REMEMBERED: u64 = 100_000;
/// The window of all rates.
const WINDOW: Duration = Duration::from_secs(600);

/// Lines that were written of late.
pub(super) struct Lines {
    networks: Cache<IpAddr, Arc<OfNetwork>>,
    sites: Cache<IpAddr, Arc<OfSite>>,
    first: Arc<Cell>,
    more: Arc<Cell>,
    untold: Untold,
    by_network: Rate,
    first_by_site: Rate,
    first_by_all: Rate,
    more_by_site: Rate,
    more_by_all: Rate,
}

#[derive(Default)]
struct OfNetwork {
    cell: Arc<Cell>,
    left_out: AtomicU64,
    /// The [`Untold::round`] in which it was counted among the networks.
    counted_in: AtomicU64,
}

#[derive(Default)]
struct OfSite {
    first: Arc<Cell>,
    more: Arc<Cell>,
}

impl Default for Lines {
    fn default() -> Self {
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        let rate =
            |requests, burst| Rate { requests: number(requests), window: WINDOW, burst: number(burst) };
        Self {
            networks: Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR).build(),
            sites: Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR).build(),
            first: Arc::default(),
            more: Arc::default(),
            untold: Untold::default(),
            by_network: rate(100, 50),
            first_by_site: rate(5, 5),
            first_by_all: rate(12_000, 20_000),
            // A tenth of what all have.
            more_by_site: rate(600, 200),
            more_by_all: rate(6_000, 2_000),
        }
    }
}

impl Lines {
    /// Whether there may be one more of `network` at `now`; if so, how many of it were left out since the last one.
    pub(super) fn next(&self, network: IpAddr, now: Duration) -> Option<u64> {
        let of = self.networks.get_with(network, Arc::default);
        let site = self.sites.get_with(site(network), Arc::default);
        let own = (&of.cell, &self.by_network);
        let first = [own, (&site.first, &self.first_by_site), (&self.first, &self.first_by_all)];
        let more = [own, (&site.more, &self.more_by_site), (&self.more, &self.more_by_all)];
        if are_admitted(first, now) || are_admitted(more, now) {
            return Some(of.left_out.swap(0, Ordering::Relaxed));
        }
        of.left_out.fetch_add(1, Ordering::Relaxed);
        self.untold.count(&of);
        None
    }

    /// How many were left out since it was last told, if it is to be told at `now`.
    pub(super) fn left_out(&self, now: Duration) -> Option<LeftOut> {
        self.untold.take(now)
    }
}

/// Whether each of these admits one more; if one does not, it uses up nothing of the others.
fn are_admitted<const N: usize>(cells: [(&Arc<Cell>, &Rate); N], now: Duration) -> bool {
    let admits =
        |(cell, rate): &(&Arc<Cell>, &Rate)| matches!(admit(cell, rate, now), Verdict::Admitted { .. });
    let Some(refusing) = cells.iter().position(|cell| !admits(cell)) else { return true };
    for (cell, rate) in cells.into_iter().take(refusing) {
        give_back(cell, rate);
    }
    false
}

/// What the log does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// How many lines.
    pub lines: u64,
    /// Of how many networks. One that was forgotten meanwhile may be counted again.
    pub networks: u64,
}

/// What was left out, and is to be told.
#[derive(Default)]
struct Untold {
    lines: AtomicU64,
    networks: AtomicU64,
    /// The minute in which it was last told.
    told_in: AtomicU64,
}

impl Untold {
    /// What tells those counted since it was last told from those before; never 0.
    fn round(&self) -> u64 {
        self.told_in.load(Ordering::Relaxed).saturating_add(1)
    }

    fn count(&self, of: &OfNetwork) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        let round = self.round();
        if of.counted_in.swap(round, Ordering::Relaxed) != round {
            self.networks.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self, now: Duration) -> Option<LeftOut> {
        let (minute, told_in) = (now.as_secs() / 60, self.told_in.load(Ordering::Relaxed));
        if minute <= told_in || self.lines.load(Ordering::Relaxed) == 0 {
            return None;
        }
        // Of many calls at once, one tells it.
        self.told_in.compare_exchange(told_in, minute, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        let lines = self.lines.swap(0, Ordering::Relaxed);
        Some(LeftOut { lines, networks: self.networks.swap(0, Ordering::Relaxed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn network(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_network_has_so_many_lines_and_its_next_one_says_how_many_were_left_out() {
        let lines = Lines::default();
        let (one, other) = (network(1), network(2));
        assert_eq!((0..1_000).filter_map(|_| lines.next(one, NOW)).collect::<Vec<_>>(), [0; 50]);
        assert_eq!(lines.next(other, NOW), Some(0));
        let later = NOW + Duration::from_secs(6);
        assert_eq!((lines.next(one, later), lines.next(one, later)), (Some(950), None));
    }

    #[test]
    fn dozens_of_networks_hide_nobody_elses_first_calls_and_thousands_fill_no_disk() {
        let lines = Lines::default();
        let of =
            |number, times: u32| (0..times).filter(|_| lines.next(network(number), NOW).is_some()).count();
        let dozens: usize = (1..=60).map(|number| of(number, 100)).sum();
        assert_eq!(dozens, 60 * 5 + 2_000);
        assert_eq!(of(1_000, 100), 5);
        let all: usize = (2_000..12_000).map(|number| of(number, 10)).sum();
        assert_eq!(all, 20_000 - 61 * 5);
        let later = NOW + Duration::from_secs(1);
        assert_eq!(lines.next(network(20_000), later), Some(0));
    }

    #[test]
    fn a_site_has_no_more_of_what_all_have_than_its_share_however_many_networks_it_is() {
        let lines = Lines::default();
        let of = |address: u128| lines.next(IpAddr::from(address.to_be_bytes()), NOW).is_some();
        let site = 0x2001_0db8_0001_u128 << 80;
        assert_eq!((0..5_000).filter(|number| of(site | number << 64)).count(), 205);
        let other = 0x2001_0db8_0002_u128 << 80;
        assert_eq!((0..100).filter(|_| of(other)).count(), 50);
    }

    #[test]
    fn what_is_left_out_is_told_once_a_minute() {
        let lines = Lines::default();
        let minute = |number| Duration::from_secs(60 * number);
        for round in [1, 2] {
            for of in [1, 2, 3] {
                let told = (0..150).filter(|_| lines.next(network(round * 10 + of), NOW).is_some());
                assert_eq!(told.count(), 50);
            }
            let expected = LeftOut { lines: 300, networks: 3 };
            let at = minute(u64::from(round));
            assert_eq!((lines.left_out(at), lines.left_out(at)), (Some(expected), None));
        }
        assert_eq!(lines.left_out(minute(3)), None, "nothing was left out");
        assert_eq!(lines.next(network(11), NOW), None);
        assert_eq!(
            lines.left_out(minute(3)),
            Some(LeftOut { lines: 1, networks: 1 }),
            "it counts in each round"
        );
    }
}
