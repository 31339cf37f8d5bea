//! The content of a final statement: what is kept, hashed and exported, byte for byte.
//!
//! Its form has a number, and its fields a fixed order (`content/form.rs`). A later form is another number; what was written in an
//! earlier one is read for ever.

pub(super) mod form;
mod reading;

pub use reading::read;

use self::form::{Content, FORMAT, Line, StepForm};
use crate::domain::charge::ChargeKind;
use crate::domain::statement::{Statement, StatementLine, Totals};
use crate::domain::time::Timestamp;

/// A content that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the content of statement {number} cannot be read: {reason}")]
pub struct Unreadable {
    /// The statement's number.
    pub number: i64,
    /// What is wrong with it.
    pub reason: String,
}

/// The content of a statement that is closed under that number at that time.
///
/// # Errors
/// [`Unreadable`], if JSON could not hold it.
pub fn write(statement: &Statement, number: i64, closed_at: Timestamp) -> Result<String, Unreadable> {
    let Totals { fees, share, adjustments, total } = statement.totals;
    let content = Content {
        format: FORMAT,
        number: Some(number),
        closed_at: Some(closed_at.to_string()),
        partner: statement.partner.to_string(),
        app: statement.app.to_string(),
        period: statement.period.to_string(),
        currency: statement.currency.to_string(),
        lines: (1..).zip(&statement.lines).map(|(place, line)| write_line(place, line)).collect(),
        fees: fees.to_string(),
        share: share.to_string(),
        adjustments: adjustments.to_string(),
        total: total.to_string(),
        paid_from_balance: statement.paid.map(|paid| paid.from_balance.to_string()),
        left_to_pay: statement.paid.map(|paid| paid.left.to_string()),
    };
    serde_json::to_string(&content).map_err(|error| Unreadable { number, reason: error.to_string() })
}

fn write_line(place: u32, line: &StatementLine) -> Line {
    let rate = Some(line.rate.normalize().to_string());
    let (is_fee, is_share) = match line.key.kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => (true, false),
        ChargeKind::MonthlyFee | ChargeKind::Minimum => (false, false),
        ChargeKind::RevenueShare | ChargeKind::ShareReversal | ChargeKind::ShareRewalk => (false, true),
    };
    let (working, currency) = (line.working.as_ref(), line.key.currency);
    Line {
        place: Some(place),
        id: line.key.id().to_string(),
        kind: line.key.kind.name().to_owned(),
        product: line.key.product.to_string(),
        plan: line.key.plan.to_string(),
        item: line.key.item.as_ref().map(ToString::to_string),
        service_period: line.key.service_period.to_string(),
        is_adjustment: line.key.is_adjustment(),
        corrects: line.corrects.map(Into::into),
        charges: line.charges,
        units: is_fee.then_some(line.quantity),
        free_units: is_fee.then_some(line.free),
        unit_price: rate.clone().filter(|_| is_fee && line.price.is_none()),
        price: line.price.as_ref().map(ToString::to_string),
        steps: working.map(|working| StepForm::all(&working.steps, currency)),
        exact: working.map(|working| working.exact.in_major(currency)),
        rounding: working.map(|working| working.rounding.name().to_owned()),
        billed_before: working.map(|working| working.billed_before.to_string()),
        with: working.map(|working| working.with.clone()).unwrap_or_default(),
        transactions: is_share.then_some(line.quantity),
        days: line.key.kind.is_recurring().then_some(line.quantity),
        base: line.base.map(|base| base.to_string()),
        percent: rate.filter(|_| is_share && line.price.is_none()),
        amount: line.amount.to_string(),
        currency: currency.to_string(),
        rule: line.rule.to_string(),
    }
}

#[cfg(test)]
mod tests;
