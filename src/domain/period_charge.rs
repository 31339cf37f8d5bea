//! Charges that no usage record causes: what a subscription costs for days of a month, made as the month is closed.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use rust_decimal::Decimal;

use super::charge::{ChargeKind, LineKey};
use super::id::SubscriptionId;
use super::location::Location;
use super::money::Amount;
use super::statement::StatementLine;
use super::time::Timestamp;

/// What a subscription costs for days of a month. It has a line to itself, or shares one with the app's other subscription under
/// the same version in that month.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodCharge {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The statement line that it is summed in; its plan version is the one at which the subscription stood.
    pub line: LineKey,
    /// How many days it is for.
    pub days: u32,
    /// How many the month has.
    pub of_days: u32,
    /// What a whole month comes to.
    pub monthly: Amount,
    /// Of a minimum: what it comes to for the days, of which the fees of the month lack the rest.
    pub base: Option<Amount>,
    /// What it adds to its line, above zero.
    pub amount: Amount,
    /// The last moment that it is for.
    pub at: Timestamp,
    /// The rule in the policy files that it follows.
    pub rule: Location,
}

impl PeriodCharge {
    /// What names it: the same is charged once, ever. Such as `monthly:sub_1:2026-11:2`, for days at version 2.
    #[must_use]
    pub fn cause(&self) -> String {
        let LineKey { kind, service_period, plan, .. } = &self.line;
        let what = if *kind == ChargeKind::Minimum { "minimum" } else { "monthly" };
        format!("{what}:{}:{service_period}:{}", self.subscription, plan.version)
    }

    /// Its price in words, such as `99.00 for a month of 30 days`.
    #[must_use]
    pub fn price(&self) -> Arc<str> {
        let least = if self.line.kind == ChargeKind::Minimum { "at least " } else { "" };
        format!("{least}{} for a month of {} days", self.monthly, self.of_days).into()
    }

    /// The line that it is by itself.
    #[must_use]
    pub fn statement_line(&self) -> StatementLine {
        StatementLine {
            key: self.line.clone(),
            charges: 1,
            quantity: self.days.into(),
            free: 0,
            rate: Decimal::ZERO,
            price: Some(self.price()),
            base: self.base,
            amount: self.amount,
            rule: self.rule.clone(),
            working: None,
            corrects: None,
        }
    }
}
