//! Plans: the limits, fees and revenue share under which an app uses API products.
//!
//! A plan has versions with effective dates. A usage record is rated by the version in force at its own time,
//! so a price change never touches what has already been used.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderValue;

use super::id::{LimitName, PlanName, ProductName};
use super::location::Location;
use super::refusal::whole_seconds;
use super::tariff::Tariff;
use super::time::Timestamp;

/// One version of a plan, written `standard@3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanRef {
    /// The plan.
    pub name: PlanName,
    /// The version, from 1.
    pub version: u32,
}

impl fmt::Display for PlanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A plan with all its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its name.
    pub name: PlanName,
    /// The API products that can be used under it.
    pub products: Vec<ProductName>,
    /// Its versions by rising effective date; never empty.
    pub versions: Vec<PlanVersion>,
}

impl Plan {
    /// The version at `at` for a subscription that stands at `own` version, or follows the plan: its own, or the last in force of
    /// those behind it to which existing subscriptions move. Where its own is not in force yet, by a clock that is behind that of who
    /// made it stand there, the one that is. `None` if its own is not there, or none is in force yet.
    #[must_use]
    pub fn version_for(&self, own: Option<u32>, at: Timestamp) -> Option<&PlanVersion> {
        let Some(own) = own else { return self.version_at(at) };
        let place = self.versions.iter().position(|version| version.reference.version == own)?;
        let (first, later) = self.versions.get(place..)?.split_first()?;
        let moves = |version: &&PlanVersion| {
            version.effective_from <= at && matches!(version.existing, Existing::Move { .. })
        };
        let holds = Some(later.iter().rev().find(moves).unwrap_or(first));
        holds.filter(|version| version.effective_from <= at).or_else(|| self.version_at(at))
    }

    /// The version in force at `at`; `None` before the first.
    #[must_use]
    pub fn version_at(&self, at: Timestamp) -> Option<&PlanVersion> {
        self.versions.iter().rev().find(|version| version.effective_from <= at)
    }
}

/// One version of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanVersion {
    /// Its name and number.
    pub reference: PlanRef,
    /// From when it applies.
    pub effective_from: Timestamp,
    /// What becomes of subscriptions that there are when it comes into force.
    pub existing: Existing,
    /// How fast its apps may call.
    pub limits: Vec<Limit>,
    /// What its apps pay.
    pub tariff: Tariff,
    /// What merchants pay for being served by its apps, as they are told before they consent.
    pub merchant_fee: Option<MerchantFee>,
    /// Where it stands.
    pub source: Location,
}

/// What becomes of subscriptions to earlier versions when a version comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// They stay where they are.
    #[default]
    Stay,
    /// They move to it.
    Move {
        /// How long before at least it must be known.
        notice: Duration,
    },
}

/// What a merchant pays for being served by an app, in words. It is told and never charged here: whoever charges it knows how
/// much it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerchantFee {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// A named limit on requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name, unique in its plan version; partners see it in `RateLimit-Policy`.
    pub name: LimitName,
    /// How much it lets through.
    pub rate: Rate,
    /// The two as callers are told: [`Rate::announced`].
    pub announced: HeaderValue,
    /// What is counted together.
    pub per: LimitKey,
    /// Where it stands.
    pub source: Location,
}

/// A rate for the generic cell rate algorithm: over any stretch of time `t`, at most
/// `burst + t × requests ÷ window` requests pass, and never more than `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Requests per window.
    pub requests: NonZeroU32,
    /// The window; not zero.
    pub window: Duration,
    /// How many may come at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11) of a limit called `name`: requests per window, and how many
    /// at once. It is on every answer, so it is made once.
    #[must_use]
    pub fn announced(&self, name: &LimitName) -> HeaderValue {
        let Self { requests, window, burst } = self;
        let field = format!("\"{name}\";q={requests};w={};tollgate-burst={burst}", whole_seconds(*window));
        // A checked policy's names have no quote in them, nor anything else that a field cannot hold.
        HeaderValue::from_maybe_shared(field.into_bytes()).unwrap_or(HeaderValue::from_static(""))
    }
}

/// What a plan's limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// All calls of an app under the plan, whichever of its API products they are to.
    App,
    /// The calls of an app under the plan to each route by itself.
    AppAndRoute,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Rounding;

    fn version(number: u32, from: i64, existing: Existing) -> PlanVersion {
        let source = Location { file: "plans/plan.yaml".into(), line: 1, column: 1 };
        let (currency, rounding) = ("CNY".parse().unwrap(), Rounding::HalfUp);
        PlanVersion {
            reference: PlanRef { name: "plan".parse().unwrap(), version: number },
            effective_from: Timestamp::from_seconds(from),
            existing,
            limits: Vec::new(),
            tariff: Tariff { currency, rounding, fees: Vec::new(), share: None },
            merchant_fee: None,
            source,
        }
    }

    #[test]
    fn a_subscription_stays_at_its_version_until_one_comes_to_which_all_move() {
        let moves = Existing::Move { notice: Duration::from_secs(1) };
        let versions =
            vec![version(1, 10, Existing::Stay), version(2, 20, Existing::Stay), version(4, 30, moves)];
        let plan = Plan { name: "plan".parse().unwrap(), products: Vec::new(), versions };
        let at = |own, second| {
            let found = plan.version_for(own, Timestamp::from_seconds(second));
            found.map(|version| version.reference.version)
        };
        for (own, seen) in [
            (None, [None, Some(1), Some(2), Some(4)]),
            (Some(1), [None, Some(1), Some(1), Some(4)]),
            (Some(2), [None, Some(1), Some(2), Some(4)]),
            (Some(4), [None, Some(1), Some(2), Some(4)]),
            (Some(3), [None; 4]),
        ] {
            assert_eq!([at(own, 9), at(own, 19), at(own, 29), at(own, 30)], seen, "{own:?}");
        }
    }
}
