//! Leases of times to come: what is used as a day or a month ends is leased of the next one before that begins. Else all calls of the first
//! moments would wait for the store at once.

use std::sync::Arc;
use std::time::Duration;

use super::pace::Paces;
use crate::domain::time::{Timestamp, Zone};
use crate::limit::purse::Purse;
use crate::limit::purses::{Leasable, Purses};

/// How long before: all that a node leases of is leased in less.
const SOON: Duration = Duration::from_secs(20);

/// The purse of the time that follows, if units are used whose time ends soon by `now`, and nothing is leased of the next yet.
pub(super) fn coming<Of: Leasable>(
    purses: &Purses<Of>,
    paces: &mut Paces<Of::Key>,
    purse: &Purse<Of>,
    (now, zone): (Timestamp, &Zone),
) -> Option<Arc<Purse<Of>>> {
    let (from, until) = purse.of().span();
    let is_last = from <= now && now < until && until.since(now) <= SOON;
    if !is_last || !paces.is_busy(purse.of().key()) {
        return None;
    }
    let next = purses.find(purse.of().following(zone)).ok()?;
    if next.leased() > 0 {
        return None;
    }
    paces.pass_on(purse.of().key(), next.of().key());
    Some(next)
}

/// Whether a purse is for calls of a time that comes soon: what is in it stays until then.
pub(super) fn is_to_come<Of: Leasable>(purse: &Purse<Of>, now: Timestamp) -> bool {
    let (from, _) = purse.of().span();
    now < from && from.since(now) <= SOON
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::Quantity;
    use crate::domain::quota::QuotaWindow;
    use crate::limit::quota_purse::QuotaPurses;

    #[test]
    fn what_is_used_as_a_day_ends_is_leased_of_the_next_one_before_it_begins() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (purses, mut paces) = (QuotaPurses::default(), Paces::default());
        let zone = Zone::named("Asia/Shanghai").unwrap();
        let window = QuotaWindow {
            app: "app_1".parse().unwrap(),
            plan: "standard".parse().unwrap(),
            quota: "daily".parse().unwrap(),
            of: Quantity::Calls,
            most: 100,
            from: at("2026-11-23T16:00:00Z"),
            until: at("2026-11-24T16:00:00Z"),
        };
        let purse = purses.find(window).unwrap();
        let mut next = |now: &str| coming(&purses, &mut paces, &purse, (at(now), &zone));
        assert!(next("2026-11-24T15:59:39Z").is_none() && next("2026-11-24T16:00:00Z").is_none());
        let tomorrow = next("2026-11-24T15:59:40Z").unwrap();
        assert_eq!(tomorrow.window().from, at("2026-11-24T16:00:00Z"));
        assert_eq!(tomorrow.window().until, at("2026-11-25T16:00:00Z"));
        assert!(is_to_come(&tomorrow, at("2026-11-24T15:59:40Z")));
        assert!(!is_to_come(&tomorrow, at("2026-11-24T15:59:39Z")), "the clock was set back");
        assert!(!is_to_come(&tomorrow, at("2026-11-24T16:00:00Z")));
        tomorrow.put(16);
        assert!(next("2026-11-24T15:59:41Z").is_none(), "it is leased");
        assert_eq!(tomorrow.leave(0), 16);
        (0..2).for_each(|look| _ = paces.look(purse.window(), &purse, look));
        assert!(
            coming(&purses, &mut paces, &purse, (at("2026-11-24T15:59:42Z"), &zone)).is_none(),
            "nobody calls"
        );
    }
}
