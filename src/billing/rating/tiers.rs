//! Shares that go by what many sales come to together. Pure.
//!
//! What these come to is a function of their net amount: of what of their bases a share is earned. So it is the same in whatever order
//! they come, are settled and go back. What a sale gave where it stood goes back with it at its own rate; what all move by beside that
//! is walked: the record that moves them causes it.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use super::bounds::MAX_SUM;
use super::call::Billable;
use super::lifecycle::{Standing, standing};
use super::outcome::Unrated;
use super::share;
use super::totals::Totals;
use crate::domain::identity::Environment;
use crate::domain::money::{Amount, Rounding};
use crate::domain::running_total::{TierFamily, TierScope, TierSum};
use crate::domain::sale::Sale;
use crate::domain::share::ShareItem;
use crate::domain::tariff::Tariff;
use crate::domain::tiers::{Across, Over, Tiers};
use crate::domain::time::Period;
use crate::domain::transaction::{Transaction, TransactionKind};

/// Sales of a family, as far as they are counted.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) tiers: Arc<Tiers>,
    pub(super) sum: TierSum,
}

/// The family of the sale that a call makes in a month, if its share has tiers. Of apps of a partner together, `totals` knows where they
/// are.
#[must_use]
pub fn family_of(totals: &Totals, call: &Billable, tariff: &Tariff, month: Period) -> Option<TierFamily> {
    let (share, sale) = (tariff.share.as_ref()?, call.transaction.as_ref()?);
    let item = share::item(share, call, sale).ok()??;
    family(totals, item, (call, sale), month)
}

/// The family of a sale by an item, if that has tiers.
pub(super) fn family(
    totals: &Totals,
    item: &ShareItem,
    (call, sale): (&Billable, &Transaction),
    month: Period,
) -> Option<TierFamily> {
    let terms = item.rate.tiers()?.terms();
    Some(TierFamily {
        scope: match terms.across {
            Across::App => TierScope::App(call.app.clone()),
            // Trials move no prices of real sales.
            Across::Partner if totals.environment(&call.app) == Some(Environment::Sandbox) => {
                TierScope::Sandbox(call.partner.clone())
            }
            Across::Partner => TierScope::Partner(call.partner.clone()),
        },
        product: call.product.clone(),
        plan: call.plan.clone(),
        item: item.name.clone(),
        currency: sale.amount.currency,
        month: match terms.over {
            Over::Month => Some(month),
            Over::Lifetime => None,
        },
    })
}

/// Has a new sale take its position: what it gives is what it comes to on top of what is counted.
pub(super) fn take_position(
    totals: &Totals,
    family: &TierFamily,
    (base, rounding): (i64, Rounding),
) -> Result<(Amount, rust_decimal::Decimal), Unrated> {
    let Counted { tiers, sum } = totals.tier(family)?;
    let taken = tiers.taken((sum.net, base), (family.currency, rounding))?;
    let reached = sum.net.checked_add(base).ok_or(Unrated::TooLarge)?;
    Ok((Amount { minor: taken, currency: family.currency }, tiers.percent_at(reached)))
}

/// Has what a settlement earns of a sale take its position. Until then its share was an estimate; so is what is left of it, by the same
/// measure.
pub(super) fn settle(
    totals: &Totals,
    (kind, before): (TransactionKind, &Standing),
    sale: &mut Sale,
) -> Result<(), Unrated> {
    let Some(family) = sale.family.as_ref().filter(|_| kind == TransactionKind::Settlement) else {
        return Ok(());
    };
    let after = standing(sale)?;
    let more = after.earned_base.checked_sub(before.earned_base).ok_or(Unrated::TooLarge)?;
    if more <= 0 {
        return Ok(());
    }
    let (taken, percent) = take_position(totals, family, (more, sale.rounding))?;
    let earned = Amount { minor: before.earned, currency: family.currency }.checked_add(taken)?;
    let amount = sale.amount.minor;
    let is_over = after.gone.saturating_add(after.settled) >= amount;
    let part = if is_over { amount.saturating_sub(after.gone) } else { after.settled };
    let whole = earned.portion(amount, part, Rounding::HalfUp)?.minor;
    (sale.share.minor, sale.percent) = (whole.min(sale.base), percent);
    Ok(())
}

/// What the sales of a family come to once a sale among them stands as it does, and by how much that moves beside its own share.
pub(super) fn walk(
    totals: &Totals,
    sale: &Sale,
    before: &Standing,
) -> Result<Option<(TierFamily, TierSum, i64)>, Unrated> {
    let Some(family) = &sale.family else { return Ok(None) };
    let Counted { tiers, sum } = totals.tier(family)?;
    let after = standing(sale)?;
    let step = |before: i64, after: i64| after.checked_sub(before).ok_or(Unrated::TooLarge);
    let net = sum.net.checked_add(step(before.earned_base, after.earned_base)?).ok_or(Unrated::TooLarge)?;
    if net.unsigned_abs() > MAX_SUM {
        return Err(Unrated::SumTooLarge);
    }
    let minor = tiers.total(net, (family.currency, sale.rounding))?;
    let walked = step(step(before.earned, after.earned)?, step(sum.minor, minor)?)?;
    Ok(Some((family.clone(), TierSum { net, minor }, walked)))
}
