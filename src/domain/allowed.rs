//! How much a plan version lets its apps use, as it is told to those who move to it.

use super::plan::{LimitKey, PlanVersion, Quantity, Rate};
use super::quota::Every;

/// The limits and quotas of a plan version. Whatever is not among them is not bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowed {
    /// How fast its apps may call.
    pub limits: Vec<AllowedRate>,
    /// How much they may use in a calendar window.
    pub quotas: Vec<AllowedUse>,
}

/// A limit, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedRate {
    /// What it counts.
    pub of: Quantity,
    /// What it counts together.
    pub per: LimitKey,
    /// How much it lets through.
    pub rate: Rate,
}

/// A quota, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedUse {
    /// What it counts.
    pub of: Quantity,
    /// In which windows.
    pub every: Every,
    /// How many in each.
    pub most: u64,
}

impl Allowed {
    /// What a plan version lets its apps use.
    #[must_use]
    pub fn by(version: &PlanVersion) -> Self {
        let limits =
            version.limits.iter().map(|limit| AllowedRate { of: limit.of, per: limit.per, rate: limit.rate });
        let quotas = version.quotas.iter().map(|quota| AllowedUse {
            of: quota.of,
            every: quota.every,
            most: quota.most,
        });
        Self { limits: limits.collect(), quotas: quotas.collect() }
    }

    /// Whether it lets nobody use less than what was told: each of its bounds is no closer than one that was.
    #[must_use]
    pub fn is_no_less_than(&self, told: &Self) -> bool {
        let is_told = |limit: &AllowedRate| told.limits.iter().any(|other| limit.is_no_less_than(other));
        let was_told = |quota: &AllowedUse| told.quotas.iter().any(|other| quota.is_no_less_than(other));
        self.limits.iter().all(is_told) && self.quotas.iter().all(was_told)
    }
}

impl AllowedRate {
    fn is_no_less_than(&self, told: &Self) -> bool {
        // By each route by itself is more than by all of them together.
        let is_counted_so = self.of == told.of && (self.per == told.per || told.per == LimitKey::App);
        is_counted_so
            && self.rate.burst >= told.rate.burst
            && pace(&self.rate, &told.rate) >= pace(&told.rate, &self.rate)
    }
}

/// So much passes in the window of both together.
fn pace(rate: &Rate, other: &Rate) -> u128 {
    u128::from(rate.requests.get()).saturating_mul(other.window.as_nanos())
}

impl AllowedUse {
    fn is_no_less_than(&self, told: &Self) -> bool {
        (self.of, self.every) == (told.of, told.every) && self.most >= told.most
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn limit(of: Quantity, per: LimitKey, (requests, seconds, burst): (u32, u64, u32)) -> Allowed {
        let [requests, burst] = [requests, burst].map(|number| NonZeroU32::new(number).unwrap());
        let rate = Rate { requests, window: Duration::from_secs(seconds), burst };
        Allowed { limits: vec![AllowedRate { of, per, rate }], quotas: Vec::new() }
    }

    fn quota(of: Quantity, every: Every, most: u64) -> Allowed {
        Allowed { limits: Vec::new(), quotas: vec![AllowedUse { of, every, most }] }
    }

    #[test]
    fn what_is_cut_is_less_than_what_was_told_and_what_is_raised_is_not() {
        let calls = |rate| limit(Quantity::Calls, LimitKey::App, rate);
        let monthly = |most| quota(Quantity::Calls, Every::Month, most);
        for (now, told, is_no_less) in [
            (calls((10, 1, 5)), calls((10, 1, 5)), true),
            (calls((600, 60, 5)), calls((10, 1, 5)), true),
            (calls((599, 60, 5)), calls((10, 1, 5)), false),
            (calls((10, 1, 4)), calls((20, 1, 5)), false),
            (calls((20, 1, 6)), calls((10, 1, 5)), true),
            (limit(Quantity::Units, LimitKey::App, (10, 1, 5)), calls((10, 1, 5)), false),
            (limit(Quantity::Calls, LimitKey::AppAndRoute, (10, 1, 5)), calls((10, 1, 5)), true),
            (calls((10, 1, 5)), limit(Quantity::Calls, LimitKey::AppAndRoute, (10, 1, 5)), false),
            (calls((10, 1, 5)), Allowed::default(), false),
            (Allowed::default(), calls((10, 1, 5)), true),
            (monthly(5), monthly(5), true),
            (monthly(4), monthly(5), false),
            (monthly(5), Allowed::default(), false),
            (quota(Quantity::Calls, Every::Day, 5), monthly(5), false),
        ] {
            assert_eq!(now.is_no_less_than(&told), is_no_less, "{now:?} after {told:?}");
        }
    }
}
