//! `plans/*.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::fees::{FeeEntry, FeeItemEntry};
use super::shares::ShareEntry;
use super::text::{DecimalText, DurationText};

/// One plan with all its versions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The plan's name.
    pub plan: String,
    /// The API products that can be used under it.
    #[schemars(length(min = 1))]
    pub products: Vec<String>,
    /// Its versions by rising number and date. Never change one that is in force: add a new one.
    #[schemars(length(min = 1))]
    pub versions: Vec<VersionEntry>,
}

/// One version of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionEntry {
    /// 1, 2, 3 …
    #[schemars(range(min = 1, max = 1_000_000))]
    pub version: u32,
    /// From when it applies, such as 2026-01-01T00:00:00Z.
    pub effective_from: String,
    /// What becomes of subscriptions to earlier versions when it comes into force; they stay where they are when left out.
    pub existing: Option<ExistingName>,
    /// With `existing: move`: how long before it comes into force it must have been in the policies with these prices, this date and no
    /// more to use, such as 30d; a day at least.
    pub notice: Option<DurationText>,
    /// The currency of its fees (ISO 4217).
    pub currency: String,
    /// How fractions of a cent are rounded; half-up when left out.
    pub rounding: Option<RoundingName>,
    /// How fast its apps may call.
    #[serde(default)]
    pub limits: Vec<LimitEntry>,
    /// How much its apps may use in a calendar day or month, on all nodes together.
    #[serde(default)]
    pub quotas: Vec<QuotaEntry>,
    /// What each call costs: short for `fees` with one item called `calls`.
    pub fee: Option<FeeEntry>,
    /// What calls cost, by items. A call is charged by the first that has its route; by none, if none has.
    #[serde(default)]
    pub fees: Vec<FeeItemEntry>,
    /// What a subscription costs a month, whatever it is used for, such as 99.00: charged when the month is closed, for the days that
    /// the subscription stood at this version.
    pub monthly_fee: Option<DecimalText>,
    /// The least that the fees of a subscription come to in a month, such as 500.00, for the days that it stood at this version. What
    /// they lack of it is charged when the month is closed.
    pub minimum: Option<DecimalText>,
    /// The platform's share of each sale: short for `shares` with one item called `share`.
    pub share: Option<ShareEntry>,
    /// What is taken of sales, by items. A sale has the first that has its route and category; none, if none has.
    #[serde(default)]
    pub shares: Vec<ShareEntry>,
    /// What a merchant pays for being served by an app under this plan. It stands on the page on which the merchant is asked
    /// for its consent; Tollgate charges merchants nothing by itself.
    pub merchant_fee: Option<MerchantFeeEntry>,
}

/// What a merchant pays, in its words, such as "30 CNY a month, from the second month on".
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MerchantFeeEntry {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// What becomes of subscriptions to earlier versions.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExistingName {
    /// They stay at their version.
    Stay,
    /// They move to this one.
    Move,
}

/// How fractions of a cent are rounded.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoundingName {
    /// Half away from zero: 0.005 becomes 0.01.
    HalfUp,
    /// Half to the even neighbour: 0.005 becomes 0.00.
    HalfEven,
}

/// How fast an app may call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitEntry {
    /// The limit's name; partners see it in the RateLimit header fields.
    pub name: String,
    /// How many requests in each window; this, or `units`.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests: Option<u32>,
    /// How many units in each window, as the meters of the routes count them. A call takes those that its request tells of (see `reserve`
    /// of a meter), and its answer settles what it has used: one that is refused, or free, nothing.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub units: Option<u32>,
    /// The window.
    pub window: DurationText,
    /// How many may come at once; as many as `requests`, or `units`, when left out. In any span of time, at most
    /// burst + requests × span ÷ window pass.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub burst: Option<u32>,
    /// What is counted together; all calls of an app under this plan when left out.
    pub per: Option<LimitKeyName>,
}

/// How much an app may use in a calendar window of the platform's time zone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaEntry {
    /// The quota's name; partners see it in refusals. No limit of the version has it.
    pub name: String,
    /// How many billable requests in each window; this, or `units`.
    #[schemars(range(min = 1))]
    pub requests: Option<u64>,
    /// How many units in each window, as the meters of the routes count them.
    #[schemars(range(min = 1))]
    pub units: Option<u64>,
    /// The windows.
    pub per: WindowName,
}

/// Calendar windows.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WindowName {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to that of the next.
    Month,
}

/// What is counted together.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKeyName {
    /// All calls of an app under this plan.
    App,
    /// The calls of an app under this plan to each route by itself.
    AppAndRoute,
}
