//! Days of subscriptions and versions, and parts of months.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;
use crate::domain::id::SubscriptionId;
use crate::domain::time::{Period, Zone};

/// A version with its date, and whether subscriptions move to it.
struct Version(u32, &'static str, bool);

impl Dated for Version {
    fn number(&self) -> u32 {
        self.0
    }

    fn effective_from(&self) -> Timestamp {
        self.1.parse().unwrap()
    }

    fn is_moved_to(&self) -> bool {
        self.2
    }
}

const ALWAYS: &str = "2020-01-01T00:00:00Z";

fn tenure(own: Option<u32>, from: &str, until: Option<&str>, moves: &[(&str, Option<u32>)]) -> Tenure {
    let subscription = Subscription {
        id: SubscriptionId::new("sub_1").unwrap(),
        app: "app_1".parse().unwrap(),
        product: "storefront".parse().unwrap(),
        plan: "standard".parse().unwrap(),
        version: own,
        from: from.parse().unwrap(),
        until: until.map(|until| until.parse().unwrap()),
    };
    let moved = |(at, before): &(&str, Option<u32>)| Moved { at: at.parse().unwrap(), before: *before };
    let partner = "partner_1".parse().unwrap();
    Tenure { subscription, partner, moves: moves.iter().map(moved).collect() }
}

fn days_in(tenure: &Tenure, month: &str, zone: &str, versions: &[Version]) -> Vec<(u32, u32)> {
    let (month, zone) = (month.parse::<Period>().unwrap(), Zone::named(zone).unwrap());
    tenure.days_by_version(versions, &month.ends_of_days(&zone)).into_iter().collect()
}

#[test]
fn a_subscription_counts_the_days_that_end_while_it_is_in_force() {
    let versions = [Version(1, ALWAYS, false)];
    for (month, zone, from, until, days) in [
        ("2026-11", "Asia/Shanghai", ALWAYS, None, 30),
        ("2028-02", "Asia/Shanghai", ALWAYS, None, 29),
        ("2027-02", "Asia/Shanghai", ALWAYS, None, 28),
        // 2026-11-10 in Shanghai begins at 16:00 of the day before.
        ("2026-11", "Asia/Shanghai", "2026-11-09T16:00:00Z", None, 21),
        ("2026-11", "Asia/Shanghai", "2026-11-10T15:59:59.999999Z", None, 21),
        ("2026-11", "Asia/Shanghai", "2026-11-10T16:00:00Z", None, 20),
        ("2026-11", "Asia/Shanghai", ALWAYS, Some("2026-11-10T02:00:00Z"), 9),
        ("2026-11", "Asia/Shanghai", ALWAYS, Some("2026-11-10T16:00:00Z"), 10),
        ("2026-11", "Asia/Shanghai", ALWAYS, Some("2026-12-24T00:00:00Z"), 30),
        // On the day on which it began, at the end of which it was over.
        ("2026-11", "Asia/Shanghai", "2026-11-10T02:00:00Z", Some("2026-11-10T03:00:00Z"), 0),
        // Days of 23 and of 25 hours are days.
        ("2026-03", "Europe/Berlin", ALWAYS, None, 31),
        ("2026-10", "Europe/Berlin", ALWAYS, None, 31),
        ("2026-03", "Europe/Berlin", "2026-03-28T23:30:00Z", None, 3),
        ("2026-10", "Europe/Berlin", ALWAYS, Some("2026-10-25T22:59:00Z"), 24),
        ("2026-10", "Europe/Berlin", ALWAYS, Some("2026-10-25T23:00:00Z"), 25),
    ] {
        let counted = days_in(&tenure(Some(1), from, until, &[]), month, zone, &versions);
        let expected: Vec<(u32, u32)> = Some((1, days)).filter(|(_, days)| *days > 0).into_iter().collect();
        assert_eq!(counted, expected, "{month} {from} {until:?}");
    }
}

#[test]
fn days_are_of_the_version_at_which_the_subscription_stood() {
    let next = "2026-11-20T16:00:00Z";
    let (stays, moves) = (
        [Version(1, ALWAYS, false), Version(2, next, false)],
        [Version(1, ALWAYS, false), Version(2, next, true)],
    );
    let november = |own, moved: &[(&str, Option<u32>)], versions| {
        days_in(&tenure(own, ALWAYS, None, moved), "2026-11", "Asia/Shanghai", versions)
    };
    assert_eq!(november(Some(1), &[], &stays), [(1, 30)]);
    assert_eq!(november(None, &[], &stays), [(1, 20), (2, 10)]);
    assert_eq!(november(Some(1), &[], &moves), [(1, 20), (2, 10)]);
    // Moved by hand on the 25th, and back on the 28th.
    let by_hand = [("2026-11-25T02:00:00Z", Some(1)), ("2026-11-28T02:00:00Z", Some(2))];
    assert_eq!(november(Some(2), &by_hand[..1], &stays), [(1, 24), (2, 6)]);
    assert_eq!(november(Some(1), &by_hand, &stays), [(1, 27), (2, 3)]);
    assert!(november(Some(7), &[], &stays).is_empty(), "there is no such version");
}

#[test]
fn a_part_of_a_month_is_rounded_once_as_the_plan_says() {
    let currency: Currency = "CNY".parse().unwrap();
    let source = Location { file: "plans/a.yaml".into(), line: 1, column: 1 };
    let part = |minor, days, rounding| {
        let monthly = Monthly { minor, source: source.clone() };
        monthly.for_days(days, currency, rounding).map(|amount| amount.minor)
    };
    assert_eq!(part(9_900, (30, 30), Rounding::HalfUp), Ok(9_900));
    assert_eq!(part(9_900, (13, 31), Rounding::HalfUp), Ok(4_152));
    assert_eq!(part(5, (15, 30), Rounding::HalfUp), Ok(3));
    assert_eq!(part(5, (15, 30), Rounding::HalfEven), Ok(2));
    assert_eq!(part(9_900, (0, 28), Rounding::HalfUp), Ok(0));
    assert_eq!(part(9_900, (29, 28), Rounding::HalfUp), Err(MoneyError::Overflow));
}

proptest! {
    /// Wherever a month is cut, by one subscription that follows another or by moves, its days are what they are together.
    #[test]
    fn days_add_up_to_the_month(
        month in prop::sample::select(vec!["2026-03", "2026-10", "2026-11", "2027-02", "2028-02"]),
        zone in prop::sample::select(vec!["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York"]),
        mut cuts in prop::collection::vec(0..31_i64 * 86_400, 0..5),
    ) {
        let versions = [Version(1, ALWAYS, false), Version(2, ALWAYS, false)];
        let zone = Zone::named(zone).unwrap();
        let days = month.parse::<Period>().unwrap().ends_of_days(&zone);
        let start = month.parse::<Period>().unwrap().start(&zone).as_seconds();
        let sum = |tenure: &Tenure| tenure.days_by_version(&versions, &days).into_values().sum::<u32>();
        cuts.sort_unstable();
        let at = |cut: i64| Timestamp::from_seconds(start + cut).to_string();
        let ends: Vec<String> = cuts.iter().copied().map(at).collect();
        let begins = std::iter::once(ALWAYS).chain(ends.iter().map(String::as_str));
        let untils = ends.iter().map(|end| Some(end.as_str())).chain([None]);
        let parts = begins.zip(untils).map(|(from, until)| sum(&tenure(Some(1), from, until, &[])));
        prop_assert_eq!(parts.sum::<u32>() as usize, days.len());
        let moves: Vec<(&str, Option<u32>)> = ends.iter().map(|end| (end.as_str(), Some(2))).collect();
        prop_assert_eq!(sum(&tenure(Some(1), ALWAYS, None, &moves)) as usize, days.len());
    }
}
