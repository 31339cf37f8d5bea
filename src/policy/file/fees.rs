//! What calls cost, in `plans/*.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::DecimalText;

/// What each billable call costs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeEntry {
    /// Price of a unit in the version's currency; up to 12 digits after the point.
    pub per_unit: DecimalText,
    /// Units free of charge in each month, used up first.
    #[serde(default)]
    pub free_units: u64,
}

/// What the calls of some routes, or of all, cost. It has one of per_unit, graduated, volume and package.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeItemEntry {
    /// Its name, which stands on statements. Items of the same name in versions of a plan share one free allowance.
    pub item: String,
    /// The routes whose calls it is for; all that no item before it is for, when left out.
    #[schemars(length(min = 1))]
    pub routes: Option<Vec<String>>,
    /// Units free of charge in each month, used up first; by all versions of the plan together, in their order.
    #[serde(default)]
    pub free_units: u64,
    /// The same price for every unit.
    pub per_unit: Option<DecimalText>,
    /// Every unit costs what the band costs in which it lies.
    #[schemars(length(min = 1))]
    pub graduated: Option<Vec<BandEntry>>,
    /// All units of the month cost what the band costs in which the last of them lies.
    #[schemars(length(min = 1))]
    pub volume: Option<Vec<BandEntry>>,
    /// Units come in packages; one that is begun is paid whole.
    pub package: Option<PackageEntry>,
    /// The most that the item comes to in a month, in the version's currency.
    pub cap: Option<DecimalText>,
    /// Spans of time with another price. Their units use up neither free units nor bands.
    #[serde(default)]
    pub promotions: Vec<PromotionEntry>,
}

/// A band of units, from the one behind the band before on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BandEntry {
    /// Its last unit; the last band has none, and every other has one.
    #[schemars(range(min = 1))]
    pub up_to: Option<u64>,
    /// What each unit costs.
    pub each: DecimalText,
    /// What the band costs by itself, once a unit lies in it; nothing when left out.
    pub flat: Option<DecimalText>,
}

/// Units that are sold together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageEntry {
    /// How many units.
    #[schemars(range(min = 1))]
    pub size: u64,
    /// What the package costs.
    pub price: DecimalText,
}

/// A span of time with another price. What counts is when a call is made, not when it is recorded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionEntry {
    /// From when it applies, such as 2027-02-01T00:00:00Z.
    pub from: String,
    /// Until when; from that time on it does not apply.
    pub until: String,
    /// What each unit costs.
    pub each: DecimalText,
}
