//! What a subscription costs by the month: a fee, and the least that its fees come to. Both are by days, and each is rounded once.
//!
//! A day is of the version of the plan at which the subscription stands when the day ends, in the platform's zone. So no day is of
//! two versions or two subscriptions, and each day of a month weighs the same, however many hours it has.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use super::id::PartnerId;
use super::identity::Subscription;
use super::location::Location;
use super::money::{Amount, Currency, MoneyError, Rounding};
use super::plan::{Dated, version_for};
use super::time::Timestamp;

/// What a plan version says of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recurring {
    /// The fee of a month.
    pub fee: Option<Monthly>,
    /// The least that the fees of a month come to.
    pub minimum: Option<Monthly>,
}

/// An amount of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monthly {
    /// Minor units of the tariff's currency, at least zero.
    pub minor: i64,
    /// Where it stands.
    pub source: Location,
}

impl Recurring {
    /// Whether there is neither.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.fee.is_none() && self.minimum.is_none()
    }

    /// Whether two come to the same; where they stand does not matter.
    #[must_use]
    pub fn is_same_price(&self, other: &Self) -> bool {
        let price = |one: &Self| {
            let minor = |monthly: &Option<Monthly>| monthly.as_ref().map(|monthly| monthly.minor);
            (minor(&one.fee), minor(&one.minimum))
        };
        price(self) == price(other)
    }
}

impl Monthly {
    /// What it comes to for some days of a month of `of_days`.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if there are more days than the month has.
    pub fn for_days(
        &self,
        (days, of_days): (u32, u32),
        currency: Currency,
        rounding: Rounding,
    ) -> Result<Amount, MoneyError> {
        let whole = Amount { minor: self.minor, currency };
        if days > of_days {
            return Err(MoneyError::Overflow);
        }
        whole.portion(days.into(), of_days.into(), rounding)
    }
}

/// A subscription through time, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    /// As it stands now.
    pub subscription: Subscription,
    /// Who owes what it costs.
    pub partner: PartnerId,
    /// How it was moved between versions, in order.
    pub moves: Vec<Moved>,
}

/// When a subscription was moved to another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// When.
    pub at: Timestamp,
    /// At which version it stood before; none: it followed the plan.
    pub before: Option<u32>,
}

impl Tenure {
    /// How many of the days that end at these moments it stood at which of the plan's versions. A day on which it was not in force,
    /// or at no version that there was, is in none.
    #[must_use]
    pub fn days_by_version<V: Dated>(&self, versions: &[V], days: &[Timestamp]) -> BTreeMap<u32, u32> {
        let mut counted: BTreeMap<u32, u32> = BTreeMap::new();
        for day in days.iter().filter(|day| self.is_in_force(**day)) {
            if let Some(version) = version_for(versions, self.own_version(*day), *day) {
                let count = counted.entry(version.number()).or_default();
                *count = count.saturating_add(1);
            }
        }
        counted
    }

    fn is_in_force(&self, at: Timestamp) -> bool {
        self.subscription.from <= at && self.subscription.until.is_none_or(|until| at < until)
    }

    /// The version at which it stood by itself.
    fn own_version(&self, at: Timestamp) -> Option<u32> {
        let next = self.moves.iter().find(|moved| at < moved.at);
        next.map_or(self.subscription.version, |moved| moved.before)
    }
}

#[cfg(test)]
mod tests;
