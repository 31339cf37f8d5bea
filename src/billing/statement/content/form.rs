//! The fields of a content, in their order. What a form has more than those before it may be missing.
//!
//! Form 0 had neither number nor time of closing, and its fields in the order of the alphabet; of form 1, lines had neither items nor
//! prices in words; of form 2, nothing was charged by the month, and it did not tell what balances had paid; of form 3, lines had no
//! places, and did not say how they are reckoned, nor what they correct.

use serde::{Deserialize, Serialize};

use crate::domain::exact::Exact;
use crate::domain::money::Currency;
use crate::domain::tariff::{Part, Step};
use crate::domain::working::LineName;

/// The form that is written.
pub(super) const FORMAT: u32 = 4;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Content {
    #[serde(default)]
    pub(super) format: u32,
    pub(super) number: Option<i64>,
    pub(super) closed_at: Option<String>,
    pub(super) partner: String,
    pub(super) app: String,
    pub(super) period: String,
    pub(super) currency: String,
    pub(super) lines: Vec<Line>,
    pub(super) fees: String,
    pub(super) share: String,
    pub(super) adjustments: String,
    pub(super) total: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) paid_from_balance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_to_pay: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// From 1. Of earlier forms it is where the line stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<u32>,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) product: String,
    pub(super) plan: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<String>,
    pub(super) service_period: String,
    pub(super) is_adjustment: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) corrects: Option<Corrected>,
    pub(super) charges: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) units: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) free_units: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit_price: Option<String>,
    /// In words, of a line whose units do not all cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<String>,
    /// How all units are reckoned that were used by then, with those of statements before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<Vec<StepForm>>,
    /// What they come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exact: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rounding: Option<String>,
    /// What of that, rounded, other statements have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) billed_before: Option<String>,
    /// The places of lines that come to the rest together with this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) with: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transactions: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) percent: Option<String>,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) rule: String,
}

/// A line of another statement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Corrected {
    statement: i64,
    line: u32,
}

impl From<LineName> for Corrected {
    fn from(LineName { statement, place }: LineName) -> Self {
        Self { statement, line: place }
    }
}

impl From<Corrected> for LineName {
    fn from(Corrected { statement, line }: Corrected) -> Self {
        Self { statement, place: line }
    }
}

/// A step of what units come to: `exact` is so many times `each` as there are `packages`, or else `units`, and `flat`.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::billing::statement) struct StepForm {
    of: String,
    units: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    packages: Option<u64>,
    each: String,
    flat: String,
    exact: String,
}

impl StepForm {
    /// Steps in a currency.
    pub(in crate::billing::statement) fn all(steps: &[Step], currency: Currency) -> Vec<Self> {
        let form = |step: &Step| Self {
            of: step.of.to_string(),
            units: step.units,
            packages: matches!(step.of, Part::Packages(_)).then(|| step.times()),
            each: step.each.in_major(currency),
            flat: step.flat.in_major(currency),
            exact: step.exact.in_major(currency),
        };
        steps.iter().map(form).collect()
    }

    /// The step; none if that is not what is written.
    pub(super) fn read(&self, currency: Currency) -> Option<Step> {
        let exact = |text: &str| Exact::of_major(text, currency).ok();
        let (each, flat) = (exact(&self.each)?, exact(&self.flat)?);
        let step =
            Step { of: self.of.parse().ok()?, units: self.units, each, flat, exact: exact(&self.exact)? };
        let packages = matches!(step.of, Part::Packages(_)).then(|| step.times());
        (packages == self.packages).then_some(step)
    }
}
