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
use super::quota::Quota;
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
        version_for(&self.versions, own, at)
    }

    /// The version in force at `at`; `None` before the first.
    #[must_use]
    pub fn version_at(&self, at: Timestamp) -> Option<&PlanVersion> {
        version_for(&self.versions, None, at)
    }
}

/// A version of a plan, as far as it says who is at it from when on.
pub trait Dated {
    /// Its number.
    fn number(&self) -> u32;
    /// From when it applies.
    fn effective_from(&self) -> Timestamp;
    /// Whether subscriptions to earlier versions move to it.
    fn is_moved_to(&self) -> bool;
}

/// [`Plan::version_for`] of versions by rising effective date.
#[must_use]
pub fn version_for<V: Dated>(versions: &[V], own: Option<u32>, at: Timestamp) -> Option<&V> {
    let is_in_force = |version: &&V| version.effective_from() <= at;
    let Some(own) = own else { return versions.iter().rev().find(is_in_force) };
    let place = versions.iter().position(|version| version.number() == own)?;
    let (first, later) = versions.get(place..)?.split_first()?;
    let moved_to = later.iter().rev().find(|version| is_in_force(version) && version.is_moved_to());
    let holds = Some(moved_to.unwrap_or(first)).filter(is_in_force);
    holds.or_else(|| versions.iter().rev().find(is_in_force))
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
    /// How much its apps may use in a calendar window.
    pub quotas: Vec<Quota>,
    /// What its apps pay.
    pub tariff: Tariff,
    /// What merchants pay for being served by its apps, as they are told before they consent.
    pub merchant_fee: Option<MerchantFee>,
    /// Where it stands.
    pub source: Location,
}

impl Dated for PlanVersion {
    fn number(&self) -> u32 {
        self.reference.version
    }

    fn effective_from(&self) -> Timestamp {
        self.effective_from
    }

    fn is_moved_to(&self) -> bool {
        self.existing.moves()
    }
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

impl Existing {
    /// Whether they move to it.
    #[must_use]
    pub fn moves(self) -> bool {
        matches!(self, Self::Move { .. })
    }
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

/// A named limit on calls, or on the units that they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name, unique in its plan version; partners see it in `RateLimit-Policy`.
    pub name: LimitName,
    /// How much it lets through.
    pub rate: Rate,
    /// What it counts.
    pub of: Quantity,
    /// Name, rate and what is counted as callers are told: [`Rate::announced`].
    pub announced: HeaderValue,
    /// What is counted together.
    pub per: LimitKey,
    /// Where it stands.
    pub source: Location,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Each call as one.
    Calls,
    /// The units that a call is, as its route's meter says.
    Units,
}

impl Quantity {
    /// What it counts, in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Units => "units",
        }
    }

    /// The quantity of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Calls, Self::Units].into_iter().find(|quantity| quantity.name() == name)
    }
}

/// A rate for the generic cell rate algorithm: over any stretch of time `t`, at most
/// `burst + t × requests ÷ window` requests pass, and never more than `burst` at once. Of a limit on units, each is a request.
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
    /// at once; and that they are units, if they are. It is on every answer, so it is made once.
    #[must_use]
    pub fn announced(&self, name: &LimitName, of: Quantity) -> HeaderValue {
        let Self { requests, window, burst } = self;
        let unit = match of {
            Quantity::Calls => "",
            Quantity::Units => ";qu=\"tollgate-units\"",
        };
        let window = whole_seconds(*window);
        let field = format!("\"{name}\";q={requests}{unit};w={window};tollgate-burst={burst}");
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
    use crate::domain::recurring::Recurring;

    fn version(number: u32, from: i64, existing: Existing) -> PlanVersion {
        let source = Location { file: "plans/plan.yaml".into(), line: 1, column: 1 };
        let (currency, rounding) = ("CNY".parse().unwrap(), Rounding::HalfUp);
        PlanVersion {
            reference: PlanRef { name: "plan".parse().unwrap(), version: number },
            effective_from: Timestamp::from_seconds(from),
            existing,
            limits: Vec::new(),
            tariff: Tariff {
                currency,
                rounding,
                fees: Vec::new(),
                share: None,
                recurring: Recurring::default(),
            },
            quotas: Vec::new(),
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
