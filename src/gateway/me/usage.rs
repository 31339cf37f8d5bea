//! What an app's calls came to in the billing period that runs, of the API products that its credential is good for.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use serde_json::{Value, json};

use super::permitted::permits;
use crate::billing::statement::running_charges::Running;
use crate::credential::directory::Identity;
use crate::domain::charge::ChargeKind;
use crate::domain::refusal::Refusal;
use crate::domain::statement::{Statement, StatementLine, Totals};
use crate::domain::time::Zone;

/// The answer to `/me/usage`.
///
/// # Errors
/// [`Refusal::Unavailable`] if the lines do not add up.
pub(super) fn document(running: &Running, identity: &Identity, zone: &Zone) -> Result<Value, Refusal> {
    let caller = &identity.caller;
    let (mut lines, mut totals) = (Vec::new(), Vec::new());
    for Statement { lines: all, currency, .. } in &running.statements {
        let seen: Vec<StatementLine> =
            all.iter().filter(|line| permits(caller, &line.key.product)).cloned().collect();
        lines.extend(seen.iter().map(line));
        let sums = Totals::of(&seen, *currency);
        let sums = sums.map_err(|_| Refusal::Unavailable("The charges do not add up"))?;
        totals.push(json!({
            "currency": currency.code(),
            "fees": sums.fees.to_string(),
            "share": sums.share.to_string(),
            "adjustments": sums.adjustments.to_string(),
            "total": sums.total.to_string(),
        }));
    }
    let period = running.period;
    Ok(json!({
        "app": caller.app.id.as_str(),
        "period": period.to_string(),
        "from": period.start(zone).to_string(),
        "until": period.end(zone).to_string(),
        "as_of": running.as_of.to_string(),
        "lines": lines,
        "totals": totals,
    }))
}

fn line(line: &StatementLine) -> Value {
    let mut shown = json!({
        "product": line.key.product.as_str(),
        "plan": line.key.plan.to_string(),
        "kind": line.key.kind.name(),
        "service_period": line.key.service_period.to_string(),
        "calls": line.charges,
        "amount": line.amount.to_string(),
        "currency": line.key.currency.code(),
        "item": line.key.item_name(),
    });
    match line.key.kind {
        ChargeKind::ServiceFee => {
            (shown["units"], shown["free_units"]) = (json!(line.quantity), json!(line.free));
        }
        ChargeKind::Rewalk => shown["units"] = json!(line.quantity),
        // They are charged when the period is closed, and for no calls.
        ChargeKind::MonthlyFee | ChargeKind::Minimum => {
            (shown["calls"], shown["days"], shown["is_expected"]) =
                (json!(0), json!(line.quantity), json!(true));
            shown["price"] = json!(line.price.as_deref());
        }
        ChargeKind::ShareRewalk => {}
        ChargeKind::RevenueShare | ChargeKind::ShareReversal => {
            shown["base"] = json!(line.base.map(|base| base.to_string()));
        }
    }
    shown
}
