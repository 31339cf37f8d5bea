//! Shares of sales in `plans/*.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DecimalText, DurationText};

/// What is taken of sales, in the sale's own currency. Of each by itself: `percent` of its base and `fixed`, at least `floor`, at most
/// `cap`, and never more than the base. Or of many together: by the bands of `graduated` or `volume`, in which their net amount lies.
/// Nothing is converted: a sale in another currency than the version's is an exception if there is any amount of money here.
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
    /// Percent of the base, 0 to 100. An item has one of percent, graduated and volume.
    pub percent: Option<DecimalText>,
    /// Bands of the net amount, which is what was sold less what went back: each part of it gives what the band gives in which it lies.
    #[schemars(length(min = 1))]
    pub graduated: Option<Vec<TierEntry>>,
    /// Bands of the net amount: all of it gives what the band gives that it reaches.
    #[schemars(length(min = 1))]
    pub volume: Option<Vec<TierEntry>>,
    /// With graduated or volume: over which time sales are summed up; a month when left out.
    pub over: Option<OverName>,
    /// With graduated or volume: whose sales are summed up; those of an app when left out.
    pub across: Option<AcrossName>,
    /// With graduated or volume: the least that a net amount comes to, as far as it goes, in the version's currency.
    pub period_floor: Option<DecimalText>,
    /// With graduated or volume: the most that a net amount comes to, in the version's currency.
    pub period_cap: Option<DecimalText>,
    /// Who owes it; the partner whose app made the sale when left out. With graduated or volume it is the partner alone.
    pub paid_by: Option<PayerName>,
    /// So much of each sale, in the version's currency.
    pub fixed: Option<DecimalText>,
    /// At least this of each sale, in the version's currency.
    pub floor: Option<DecimalText>,
    /// At most this of each sale, in the version's currency.
    pub cap: Option<DecimalText>,
    /// Who gets which part, by weights such as {platform: 70, partner: 20, carrier: 10}; all of it is the platform's when left out.
    /// The partner is the one whose app made the sale, the merchant the one for whom it was made; any other name is of a party whose
    /// partner the route's meter reads. What is left by rounding goes to the largest remainders, of equals to the first by name.
    /// With graduated or volume, which price many sales together, the platform and the partner alone get parts.
    #[serde(default)]
    pub split: BTreeMap<String, u64>,
    /// When it is earned; with the sale when left out.
    pub earned: Option<EarnedName>,
    /// How long a sale may wait for its settlement before it counts as unsettled, such as 45d. Only of what is earned on settlement.
    pub settles_within: Option<DurationText>,
}

/// A band of net amounts, from where the band before ends on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierEntry {
    /// Where it ends, in the version's currency; the last band does not, and every other does.
    pub up_to: Option<DecimalText>,
    /// What it gives, in percent, 0 to 100.
    pub percent: DecimalText,
}

/// Over which time sales are summed up.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OverName {
    /// Those of a month, by the platform's zone.
    Month,
    /// All that there ever were under the version.
    Lifetime,
}

/// Whose sales are summed up.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AcrossName {
    /// Those of an app.
    App,
    /// Those of all apps of a partner under the version; of live apps and of those of the sandbox by themselves.
    Partner,
}

/// Who owes a share.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PayerName {
    /// The partner whose app made the sale: it stands on the app's statement.
    Partner,
    /// The merchant for whom it was made: it stands in the merchant's accounts of the ledger alone.
    Merchant,
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
