//! Charges: the priced lines that rating makes of usage records, and the statement lines that they sum up to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::id::{AppId, ItemName, PartnerId, ProductName};
use super::location::Location;
use super::money::{Amount, Currency};
use super::plan::PlanRef;
use super::time::Period;

/// One priced line of one usage record; a record has at most one of each kind, but for what it moves of other lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// The usage record that it prices.
    pub usage: Uuid,
    /// The statement line that it is summed in.
    pub line: LineKey,
    /// What is priced, and how.
    pub price: Price,
    /// What it adds to its line, in minor units of the line's currency. The line is rounded, not each charge of it: a
    /// fee of a tenth of a minor unit adds 1 now and then and 0 mostly. Below zero for what is given back.
    pub minor: i64,
    /// The rule in the policy files that it follows.
    pub rule: Location,
}

impl Charge {
    /// [`Self::minor`] with its currency.
    #[must_use]
    pub fn amount(&self) -> Amount {
        Amount { minor: self.minor, currency: self.line.currency }
    }
}

/// What charges of one line have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// Whose app.
    pub partner: PartnerId,
    /// Which app.
    pub app: AppId,
    /// The period on whose statement it stands.
    pub period: Period,
    /// The currency.
    pub currency: Currency,
    /// The period in which the service was used: another one only for what came after that period was closed.
    pub service_period: Period,
    /// What for.
    pub kind: ChargeKind,
    /// Which API product.
    pub product: ProductName,
    /// Under which plan version.
    pub plan: PlanRef,
    /// By which item of its prices; none where there need be no other, and in books of older programs.
    pub item: Option<ItemName>,
}

impl LineKey {
    /// Whether the line corrects a period that was closed already.
    #[must_use]
    pub fn is_adjustment(&self) -> bool {
        self.service_period != self.period
    }

    /// The item by which it is charged: where none is named, the one that all calls, or all sales, have. What is charged by the month
    /// has none.
    #[must_use]
    pub fn item_name(&self) -> Option<&str> {
        let unnamed = match self.kind {
            ChargeKind::ServiceFee | ChargeKind::Rewalk => Some(ItemName::CALLS),
            ChargeKind::MonthlyFee | ChargeKind::Minimum => None,
            ChargeKind::RevenueShare | ChargeKind::ShareReversal | ChargeKind::ShareRewalk => {
                Some(ItemName::SHARE)
            }
        };
        self.item.as_ref().map(ItemName::as_str).or(unnamed)
    }

    /// The line's name, unique on the statements of its app and period, such as
    /// `CNY 2026-11 service_fee storefront standard@1`, with the item behind it if that has a name: no name holds a space, so no
    /// two lines share one.
    #[must_use]
    pub fn id(&self) -> LineId<'_> {
        LineId(self)
    }
}

/// [`LineKey::id`].
#[derive(Debug)]
pub struct LineId<'k>(&'k LineKey);

impl fmt::Display for LineId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LineKey { currency, service_period, kind, product, plan, item, .. } = self.0;
        write!(f, "{currency} {service_period} {} {product} {plan}", kind.name())?;
        item.as_ref().map_or(Ok(()), |item| write!(f, " {item}"))
    }
}

/// What is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChargeKind {
    /// The fee for the units of a call.
    ServiceFee,
    /// What a fee comes to more or less since units of an earlier version of the plan have come, which have their turn in the
    /// free allowance first.
    Rewalk,
    /// What a subscription costs by the month, whatever it is used for.
    MonthlyFee,
    /// What the fees of a subscription's month lack of the least that they come to.
    Minimum,
    /// The platform's share of a sale.
    RevenueShare,
    /// What a refund gives back of a share.
    ShareReversal,
    /// What shares come to more or less as tiers are walked again, beside what sales gave and took back by themselves.
    ShareRewalk,
}

impl ChargeKind {
    /// All kinds, in the order in which they stand on statements.
    pub const ALL: [Self; 7] = [
        Self::ServiceFee,
        Self::Rewalk,
        Self::MonthlyFee,
        Self::Minimum,
        Self::RevenueShare,
        Self::ShareReversal,
        Self::ShareRewalk,
    ];

    /// The name used in the store, in answers and in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceFee => "service_fee",
            Self::Rewalk => "rewalk",
            Self::MonthlyFee => "monthly_fee",
            Self::Minimum => "minimum",
            Self::RevenueShare => "revenue_share",
            Self::ShareReversal => "share_reversal",
            Self::ShareRewalk => "share_rewalk",
        }
    }

    /// Whether it is of a fee, and not of a sale's share.
    #[must_use]
    pub fn is_fee(self) -> bool {
        match self {
            Self::ServiceFee | Self::Rewalk | Self::MonthlyFee | Self::Minimum => true,
            Self::RevenueShare | Self::ShareReversal | Self::ShareRewalk => false,
        }
    }

    /// Whether it is charged by days as a month is closed, and not by what is used.
    #[must_use]
    pub fn is_recurring(self) -> bool {
        match self {
            Self::MonthlyFee | Self::Minimum => true,
            Self::ServiceFee
            | Self::Rewalk
            | Self::RevenueShare
            | Self::ShareReversal
            | Self::ShareRewalk => false,
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is priced, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// Units, after the free ones of the period are used up.
    Units {
        /// Units that cost something.
        charged: u64,
        /// Units that were free of charge.
        free: u64,
        /// What the last of them costs in major units of the line's currency: each, or of a package the package.
        each: Decimal,
        /// Where in the item's price they lie.
        position: Position,
        /// The item's price in words; none if every unit costs the same, always.
        words: Option<Arc<str>>,
    },
    /// Units that were free of charge, and are not any more.
    Moved {
        /// How many.
        units: u64,
        /// What the last of them costs.
        each: Decimal,
        /// Where in the item's price they lie.
        position: Position,
        /// The item's price in words; none if every unit costs the same, always.
        words: Option<Arc<str>>,
    },
    /// A percentage of a transaction.
    Percent {
        /// The transaction's id.
        transaction: String,
        /// The amount of which it is a percentage; below zero for a refund.
        base: Amount,
        /// The percentage.
        percent: Decimal,
        /// How much is taken, in words; none if the percentage says all.
        words: Option<Arc<str>>,
    },
    /// What tiers come to beside a transaction's own share.
    Tiers {
        /// The transaction's id.
        transaction: String,
        /// The tiers in words.
        words: Option<Arc<str>>,
    },
}

impl Price {
    /// The price of a unit or the percentage.
    #[must_use]
    pub fn rate(&self) -> Decimal {
        match self {
            Self::Units { each, .. } | Self::Moved { each, .. } => *each,
            Self::Percent { percent, .. } => *percent,
            Self::Tiers { .. } => Decimal::ZERO,
        }
    }

    /// Where in the item's price it lies.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Units { position, .. } | Self::Moved { position, .. } => *position,
            Self::Percent { .. } | Self::Tiers { .. } => Position::Whole,
        }
    }

    /// The item's price in words, if its rate does not say all.
    #[must_use]
    pub fn words(&self) -> Option<&Arc<str>> {
        match self {
            Self::Units { words, .. }
            | Self::Moved { words, .. }
            | Self::Percent { words, .. }
            | Self::Tiers { words, .. } => words.as_ref(),
        }
    }
}

/// Where in a price what is charged lies. Places count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Position {
    /// The price is one for all.
    #[default]
    Whole,
    /// In bands.
    Bands {
        /// That of the first unit.
        first: u32,
        /// That of the last.
        last: u32,
    },
    /// In a promotion.
    Promotion(u32),
}

impl fmt::Display for Position {
    /// `band 2`, `bands 2-3` or `promotion 1`; nothing if the price is one for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Bands { first, last } if first == last => write!(f, "band {first}"),
            Self::Bands { first, last } => write!(f, "bands {first}-{last}"),
            Self::Promotion(place) => write!(f, "promotion {place}"),
        }
    }
}

/// A text that is no [`Position`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no position in a price")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let place = |text: &str| text.parse::<u32>().map_err(|_| NoPosition);
        match text.split_once(' ') {
            None if text.is_empty() => Ok(Self::Whole),
            Some(("band", band)) => Ok(Self::Bands { first: place(band)?, last: place(band)? }),
            Some(("bands", bands)) => {
                let (first, last) = bands.split_once('-').ok_or(NoPosition)?;
                Ok(Self::Bands { first: place(first)?, last: place(last)? })
            }
            Some(("promotion", promotion)) => Ok(Self::Promotion(place(promotion)?)),
            Some(_) | None => Err(NoPosition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        for (position, text) in [
            (Position::Whole, ""),
            (Position::Bands { first: 2, last: 2 }, "band 2"),
            (Position::Bands { first: 2, last: 13 }, "bands 2-13"),
            (Position::Promotion(1), "promotion 1"),
        ] {
            assert_eq!((position.to_string().as_str(), text.parse()), (text, Ok(position)));
        }
        for wrong in ["band", "band x", "bands 1", "promotion", "tier 1", " "] {
            assert_eq!(wrong.parse::<Position>(), Err(NoPosition), "{wrong:?}");
        }
    }
}
