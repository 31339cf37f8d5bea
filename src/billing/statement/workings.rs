//! How the lines of statements are reckoned, told as a period is closed: of each fee the steps of its price, and of each adjustment the
//! line that it corrects. What stands on lines of this period and of those before says it: nothing goes there any more.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use super::content;
use super::counting::Counting;
use super::error::StatementError;
use super::paid::{Payer, payer_of};
use crate::billing::ledger::kept_tariffs::KeptTariffs;
use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::money::Amount;
use crate::domain::plan::PlanRef;
use crate::domain::running_total::FeeFamily;
use crate::domain::statement::{Statement, StatementLine};
use crate::domain::tariff::Tariff;
use crate::domain::time::Period;
use crate::domain::working::{LineName, Working};
use crate::store::billed_fee::BilledFee;
use crate::store::{StoreError, Transaction};

/// Statements of which the store is asked at once.
const AT_ONCE: usize = 500;

/// Units of an item that are reckoned together, under one version of a plan.
type Reckoned = (FeeFamily, u32);

/// Has the statements of a period tell how their lines are reckoned. A line of which the books do not say so, as of prices that are not
/// kept, stands without.
///
/// # Errors
/// [`StatementError::Store`].
pub(in crate::billing) async fn tell_workings(
    transaction: &mut Transaction,
    period: Period,
    statements: &mut [Statement],
) -> Result<(), StatementError> {
    let mut tariffs = KeptTariffs::default();
    for some in statements.chunks_mut(AT_ONCE) {
        let billed = billed(transaction, period, some).await?;
        for statement in &mut *some {
            tell_fees(transaction, (period, &billed, &mut tariffs), statement).await?;
        }
        tell_corrected(transaction, period, some).await?;
    }
    Ok(())
}

/// What fees come to of which units are on these statements.
async fn billed(
    transaction: &mut Transaction,
    period: Period,
    statements: &[Statement],
) -> Result<BTreeMap<Reckoned, Vec<BilledFee>>, StoreError> {
    let lines = || statements.iter().flat_map(|statement| &statement.lines).filter_map(reckoned);
    let apps: BTreeSet<String> = lines().map(|(family, _)| family.app.to_string()).collect();
    let service: BTreeSet<String> = lines().map(|(family, _)| family.service_period.to_string()).collect();
    let (apps, service): (Vec<_>, Vec<_>) = (apps.into_iter().collect(), service.into_iter().collect());
    let mut billed: BTreeMap<Reckoned, Vec<BilledFee>> = BTreeMap::new();
    for fee in transaction.billed_fees(&apps, &service, period).await? {
        billed.entry((fee.family.clone(), fee.version)).or_default().push(fee);
    }
    Ok(billed)
}

/// By what a line of units is reckoned; others are not by units.
pub(in crate::billing) fn reckoned(line: &StatementLine) -> Option<Reckoned> {
    let LineKey { app, service_period, kind, product, plan, item, .. } = &line.key;
    match kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => {
            let (app, product, plan_name) = (app.clone(), product.clone(), plan.name.clone());
            let (service_period, item) = (*service_period, item.clone());
            Some((FeeFamily { app, product, plan: plan_name, service_period, item }, plan.version))
        }
        ChargeKind::MonthlyFee
        | ChargeKind::Minimum
        | ChargeKind::RevenueShare
        | ChargeKind::ShareReversal
        | ChargeKind::ShareRewalk => None,
    }
}

async fn tell_fees(
    transaction: &mut Transaction,
    (period, billed, tariffs): (Period, &BTreeMap<Reckoned, Vec<BilledFee>>, &mut KeptTariffs),
    statement: &mut Statement,
) -> Result<(), StoreError> {
    let mut together: BTreeMap<Reckoned, Vec<usize>> = BTreeMap::new();
    for (place, line) in statement.lines.iter().enumerate() {
        if let Some(reckoned) = reckoned(line) {
            together.entry(reckoned).or_default().push(place);
        }
    }
    for (reckoned, places) in together {
        let plan = PlanRef { name: reckoned.0.plan.clone(), version: reckoned.1 };
        let (Some(fees), Some(tariff)) = (billed.get(&reckoned), tariffs.of(transaction, &plan).await?)
        else {
            continue;
        };
        let lines: Vec<&StatementLine> =
            places.iter().filter_map(|place| statement.lines.get(*place)).collect();
        let Some(working) = working((tariff, fees), period, &lines) else { continue };
        for place in &places {
            let others = places.iter().filter(|other| *other != place);
            let with = others.filter_map(|other| u32::try_from(other.checked_add(1)?).ok()).collect();
            if let Some(line) = statement.lines.get_mut(*place) {
                line.working = Some(Working { with, ..working.clone() });
            }
        }
    }
    Ok(())
}

/// How lines of one statement are reckoned that are so together; none if what is billed is not what the prices say.
fn working(
    (tariff, fees): (&Tariff, &[BilledFee]),
    period: Period,
    lines: &[&StatementLine],
) -> Option<Working> {
    let first = &lines.first()?.key;
    let (item, currency) = (tariff.fee_named(first.item.as_ref())?, first.currency);
    let before = |fee: &&BilledFee| fee.period != period || fee.partner != first.partner;
    let billed_before = sum(fees.iter().filter(before).map(|fee| fee.minor))?;
    let mut counting = Counting::default();
    fees.iter().try_for_each(|fee| counting.add(fee.count))?;
    let units = counting.units()?;
    let working = Working {
        steps: item.steps(&units).ok()?,
        exact: item.amount(units.charged(), &units.promoted).ok()?,
        rounding: tariff.rounding,
        billed_before: Amount { minor: billed_before, currency },
        with: Vec::new(),
    };
    let billed = sum(lines.iter().map(|line| line.amount.minor))?;
    let is_right = tariff.currency == currency
        && fees.iter().all(|fee| fee.currency == currency)
        && working.comes_to() == Ok(Amount { minor: billed, currency });
    is_right.then_some(working)
}

fn sum(mut minor: impl Iterator<Item = i64>) -> Option<i64> {
    minor.try_fold(0_i64, |sum, minor| sum.checked_add(minor))
}

/// Has adjustments name the lines that they correct.
async fn tell_corrected(
    transaction: &mut Transaction,
    period: Period,
    statements: &mut [Statement],
) -> Result<(), StoreError> {
    let adjustments = || {
        let lines = statements.iter().flat_map(|statement| &statement.lines);
        lines.filter(|line| line.key.is_adjustment()).map(|line| &line.key)
    };
    let Some(first) = adjustments().map(|key| key.service_period).min() else { return Ok(()) };
    let apps: BTreeSet<String> = adjustments().map(|key| key.app.to_string()).collect();
    let apps: Vec<String> = apps.into_iter().collect();
    let mut earlier: BTreeMap<Payer, Vec<Statement>> = BTreeMap::new();
    for kept in transaction.statements_between(&apps, (first, period)).await? {
        // One that cannot be read is for the check of the books to tell.
        if let Ok(statement) = content::read(&kept) {
            earlier.entry(payer_of(&statement)).or_default().push(statement);
        }
    }
    for statement in statements {
        let Some(earlier) = earlier.get(&payer_of(statement)) else { continue };
        for line in statement.lines.iter_mut().filter(|line| line.key.is_adjustment()) {
            line.corrects = earlier.iter().find_map(|statement| corrected(&line.key, statement));
        }
    }
    Ok(())
}

/// The line of an earlier statement that a line corrects: the same of that period, or the one that it moves.
fn corrected(key: &LineKey, earlier: &Statement) -> Option<LineName> {
    let moved = match key.kind {
        ChargeKind::Rewalk => ChargeKind::ServiceFee,
        ChargeKind::ShareReversal | ChargeKind::ShareRewalk => ChargeKind::RevenueShare,
        ChargeKind::ServiceFee | ChargeKind::MonthlyFee | ChargeKind::Minimum | ChargeKind::RevenueShare => {
            key.kind
        }
    };
    let place = [key.kind, moved].into_iter().find_map(|kind| {
        let same = LineKey { period: earlier.period, kind, ..key.clone() };
        earlier.lines.iter().position(|line| line.key == same)
    });
    earlier.line_name(place?)
}
