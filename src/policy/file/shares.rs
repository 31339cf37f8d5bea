//! Shares of sales in `plans/*.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DecimalText, DurationText};

/// What is taken of a sale, in the sale's own currency: `percent` of its base and `fixed`, at least `floor`, at most `cap`, and never
/// more than the base. Nothing is converted: a sale in another currency than the version's is an exception if there is any of
/// `fixed`, `floor` and `cap`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareEntry {
    /// The item's name, unique in its version.
    pub item: Option<String>,
    /// For sales of these categories alone, as meters read them. A sale of which no category was read is an exception then.
    #[serde(default)]
    pub categories: Vec<String>,
    /// For sales by these routes alone.
    #[serde(default)]
    pub routes: Vec<String>,
    /// What of the sale's amount is shared; all of it when left out.
    #[serde(default)]
    pub base: BaseEntry,
    /// Percent of the base, 0 to 100.
    pub percent: DecimalText,
    /// So much of each sale, in the version's currency.
    pub fixed: Option<DecimalText>,
    /// At least this of each sale, in the version's currency.
    pub floor: Option<DecimalText>,
    /// At most this of each sale, in the version's currency.
    pub cap: Option<DecimalText>,
    /// Who gets which part, by weights such as {platform: 70, partner: 20, carrier: 10}; all of it is the platform's when left out.
    /// The partner is the one whose app made the sale, the merchant the one for whom it was made; any other name is of a party whose
    /// partner the route's meter reads. What is left by rounding goes to the largest remainders, of equals to the first by name.
    #[serde(default)]
    pub split: BTreeMap<String, u64>,
    /// When it is earned; with the sale when left out.
    pub earned: Option<EarnedName>,
    /// How long a sale may wait for its settlement before it counts as unsettled, such as 45d. Only of what is earned on settlement.
    pub settles_within: Option<DurationText>,
}

/// What of a sale's amount is shared.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaseEntry {
    /// Whether its tax is; it is when left out.
    pub tax: Option<HeldName>,
    /// Whether its shipping is; it is when left out.
    pub shipping: Option<HeldName>,
}

/// Whether something that an amount holds is shared, too.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldName {
    /// It is.
    In,
    /// It is not: the meter must read how much of it the amount holds.
    Out,
}

/// When a share is earned.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EarnedName {
    /// With the sale.
    OnSale,
    /// As far as settlements say that the sale's money moved; until then it is pending, and owed by nobody.
    OnSettlement,
}
