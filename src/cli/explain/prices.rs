//! What a call costs if it is billable, and what its subscription costs by the month, each with the rule that says so. Nothing here
//! refuses a call.

use super::decisions::Decisions;
use crate::domain::id::CategoryName;
use crate::domain::money::Amount;
use crate::domain::plan::PlanVersion;
use crate::domain::recurring::Monthly;
use crate::domain::share::{Held, Receiver, ShareItem};
use crate::domain::tariff::FeeTerms;
use crate::domain::transaction::TransactionKind;
use crate::gateway::authorize::Permit;
use crate::policy::snapshot::Route;

/// Tells all of it.
pub(super) fn tell(decisions: &mut Decisions, route: &Route, permit: &Permit<'_>) {
    let Some((product, version)) = &permit.subscribed else { return };
    tell_fee(decisions, route, version);
    tell_share(decisions, route, version);
    let (reference, currency) = (&version.reference, version.tariff.currency);
    let money = |monthly: &Monthly| format!("{} {currency}", Amount { minor: monthly.minor, currency });
    if let Some(fee) = &version.tariff.recurring.fee {
        let what = format!(
            "the subscription to {product} costs {} a month under {reference}, by days, whatever it is used for",
            money(fee)
        );
        decisions.add("monthly_fee", Some(&fee.source), what);
    }
    if let Some(minimum) = &version.tariff.recurring.minimum {
        let what = format!(
            "the fees of the subscription to {product} come to at least {} a month under {reference}, by days: what they lack of it \
             is charged when the month is closed",
            money(minimum)
        );
        decisions.add("minimum", Some(&minimum.source), what);
    }
}

/// By which item of the plan the call is charged, if it turns out to be billable.
fn tell_fee(decisions: &mut Decisions, route: &Route, version: &PlanVersion) {
    let item = version.tariff.fee_of(Some(&route.name)).filter(|_| route.meter.is_some());
    let Some(item) = item else { return };
    let FeeTerms { name, free_units, source, .. } = item.terms();
    let currency = version.tariff.currency;
    let price = format!("{name} of {}, in {currency}: {}", version.reference, item.price_in_words());
    let free =
        if *free_units == 0 { String::new() } else { format!(", after {free_units} free units a month") };
    decisions.add("fee", Some(source), format!("charged if it is billable by {price}{free}"));
}

/// By which rule a share is taken of the transaction that passes through, if one does.
fn tell_share(decisions: &mut Decisions, route: &Route, version: &PlanVersion) {
    let (Some(meter), Some(share)) = (&route.meter, &version.tariff.share) else { return };
    let Some(transaction) = &meter.transaction else { return };
    if transaction.kind != TransactionKind::Sale {
        let kind = transaction.kind.name();
        let what = format!("a {kind} changes the share of its sale, by the rule under which that was made");
        decisions.add("share", Some(&meter.source), what);
        return;
    }
    // Which of them it is, its category decides.
    for item in share.items_of(&route.name) {
        decisions.add("share", Some(&item.source), of_sale(item, version));
    }
}

fn of_sale(item: &ShareItem, version: &PlanVersion) -> String {
    let ShareItem { name, categories, base, rate, paid_by, split, earned, .. } = item;
    let price = rate.price_in_words(version.tariff.currency);
    let without = |held: Held, what: &str| match held {
        Held::In => String::new(),
        Held::Out => format!(" without {what}"),
    };
    let base = format!("{}{}", without(base.tax, "tax"), without(base.shipping, "shipping"));
    let categories: Vec<&str> = categories.iter().map(CategoryName::as_str).collect();
    let of = match categories.as_slice() {
        [] => String::new(),
        categories => format!(", if it is of {}", categories.join(", ")),
    };
    let split = split.as_ref().map(|split| {
        let part = |(receiver, weight): &(Receiver, u64)| format!("{} {weight}", receiver.name());
        format!(", split {}", split.weights().iter().map(part).collect::<Vec<_>>().join(", "))
    });
    format!(
        "taken of a sale by {name} of {}{of}: {price} of its amount{base}, owed by the {}, earned {}{}",
        version.reference,
        paid_by.name(),
        earned.name(),
        split.unwrap_or_default()
    )
}
