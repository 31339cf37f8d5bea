//! Plans of one app whose limits have the same name, asked in any order.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::domain::location::Location;
use crate::domain::money::Rounding;
use crate::domain::plan::{Existing, PlanRef, Quantity};
use crate::domain::recurring::Recurring;
use crate::domain::tariff::Tariff;
use crate::domain::time::Timestamp;
use crate::limit::cell::Cells;

fn rate(requests: u32, seconds: u64, burst: u32) -> Rate {
    Rate {
        requests: NonZeroU32::new(requests).unwrap(),
        window: Duration::from_secs(seconds),
        burst: NonZeroU32::new(burst).unwrap(),
    }
}

/// A version of a plan with one limit, named as in every shipped plan.
fn version(plan: &str, version: u32, rate: Rate, per: LimitKey) -> PlanVersion {
    let source = Location { file: "plans/plan.yaml".into(), line: 1, column: 1 };
    let limit = LimitName::new("calls").unwrap();
    PlanVersion {
        reference: PlanRef { name: PlanName::new(plan).unwrap(), version },
        effective_from: Timestamp::default(),
        existing: Existing::Stay,
        limits: vec![Limit {
            announced: rate.announced(&limit, Quantity::Calls),
            name: limit,
            rate,
            of: Quantity::Calls,
            per,
            source: source.clone(),
        }],
        quotas: Vec::new(),
        tariff: Tariff {
            currency: "CNY".parse().unwrap(),
            rounding: Rounding::HalfUp,
            fees: Vec::new(),
            share: None,
            recurring: Recurring::default(),
        },
        merchant_fee: None,
        source,
    }
}

fn cells() -> LocalCells {
    LocalCells::new(Arc::new(Cells::new(1_000)), 1_000)
}

fn passes(cells: &mut LocalCells, version: &PlanVersion, route: &str, now: Duration) -> bool {
    let (app, route) = (AppId::new("app_1").unwrap(), RouteName::new(route).unwrap());
    under_plan(cells, version, (&app, &route), (|| 1, now), &mut None).is_ok()
}

/// How many may pass between two times that passed, both counted.
fn allowed(rate: &Rate, from: Duration, to: Duration) -> u128 {
    let refill = (to - from).as_nanos() * u128::from(rate.requests.get()) / rate.window.as_nanos();
    u128::from(rate.burst.get()) + refill + 1
}

fn any_rate() -> impl Strategy<Value = Rate> {
    (1_u32..200, 1_u64..20, 1_u32..600).prop_map(|(requests, seconds, burst)| rate(requests, seconds, burst))
}

proptest! {
    /// Neither more than it allows, nor less: as if there were no other plan.
    #[test]
    fn a_plan_lets_through_what_it_would_by_itself_whatever_else_the_app_calls(
        rates in prop::array::uniform3(any_rate()),
        is_by_route in prop::array::uniform3(any::<bool>()),
        calls in prop::collection::vec((0_usize..3, 1_usize..40, 0_u64..1_500), 1..60),
    ) {
        let per = |by_route| if by_route { LimitKey::AppAndRoute } else { LimitKey::App };
        let plans: Vec<PlanVersion> =
            (0..3).map(|plan| version(&format!("plan{plan}"), 1, rates[plan], per(is_by_route[plan]))).collect();
        let (mut together, mut alone) = (cells(), [cells(), cells(), cells()]);
        let mut passed = [const { Vec::new() }; 3];
        let mut now = Duration::from_secs(100);
        for (plan, times, gap) in calls {
            now += Duration::from_millis(gap);
            for _ in 0..times {
                let passes_here = passes(&mut together, &plans[plan], "route", now);
                prop_assert_eq!(passes_here, passes(&mut alone[plan], &plans[plan], "route", now));
                if passes_here {
                    passed[plan].push(now);
                }
            }
        }
        for (rate, passed) in rates.iter().zip(&passed) {
            for (first, from) in passed.iter().enumerate() {
                for (last, to) in passed.iter().enumerate().skip(first) {
                    prop_assert!((last - first + 1) as u128 <= allowed(rate, *from, *to));
                }
            }
        }
    }
}

#[test]
fn a_call_that_is_refused_behind_its_limits_has_used_up_nothing_of_them() {
    let (app, route) = (AppId::new("app_1").unwrap(), RouteName::new("route").unwrap());
    for per in [LimitKey::App, LimitKey::AppAndRoute] {
        let (mut cells, now) = (cells(), Duration::from_secs(100));
        let plan = version("starter", 1, rate(1, 10, 3), per);
        for _ in 0..10 {
            assert!(passes(&mut cells, &plan, "route", now));
            let left = give_back(&mut cells, &plan, (&app, &route), now).unwrap();
            assert_eq!(left.state, "\"calls\";r=3;t=0", "it is told so");
        }
        assert_eq!((0..10).filter(|_| passes(&mut cells, &plan, "route", now)).count(), 3);
    }
}

#[test]
fn a_new_version_of_a_plan_goes_on_with_the_count_of_the_last() {
    for per in [LimitKey::App, LimitKey::AppAndRoute] {
        let (mut cells, now) = (cells(), Duration::from_secs(100));
        let (first, second) =
            (version("starter", 1, rate(100, 10, 20), per), version("starter", 2, rate(200, 10, 40), per));
        assert_eq!((0..100).filter(|_| passes(&mut cells, &first, "route", now)).count(), 20);
        let more = (0..100).filter(|_| passes(&mut cells, &second, "route", now)).count();
        assert_eq!(more, 0, "20 calls at once are 2 seconds ahead, as many as the new burst is");
        let later = now + Duration::from_millis(500);
        assert_eq!((0..100).filter(|_| passes(&mut cells, &second, "route", later)).count(), 10);
    }
}
