//! What subscriptions cost by the month: a fee, and what the fees of the month lack of the least that they come to.
//!
//! It is in arrears: charged as the month is closed, in the transaction that closes it, and expected until then. What counts towards
//! the minimum of a subscription are the fees of the month of its app, for its API product, under its plan and in the minimum's
//! currency, its monthly fee with them; shares do not. Fees that several minimums are of, as the subscription was moved or another
//! began, fill them in the order of subscriptions and versions, so that together they lack what their sum lacks.
//!
//! Days to come are of the version to which a subscription moves by then, as that was told last. A month that is closed early is charged
//! as it is expected: if a subscription ends after that, days behind its end are charged, and no subscription that takes its place is
//! charged for these.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::error::StatementError;
use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::id::{AppId, PlanName, ProductName, SubscriptionId};
use crate::domain::identity::Subscription;
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::period_charge::PeriodCharge;
use crate::domain::recurring::{Monthly, Recurring, Tenure};
use crate::domain::statement::StatementLine;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::plan_version::KeptVersion;
use crate::store::{StoreError, Transaction};

/// The plans' versions that came into force, in order, and behind them those to which subscriptions move later.
type Plans = HashMap<PlanName, Vec<KeptVersion>>;

/// Of what fees count towards one minimum.
type Family<'t> = (&'t AppId, &'t ProductName, &'t PlanName, Currency);

/// Of how many days of a month subscriptions were charged what, before.
type Charged = BTreeMap<(SubscriptionId, ChargeKind), u64>;

/// The days behind the end of subscriptions of which what was charged, by app and API product.
type Ahead<'t> = HashMap<(&'t AppId, &'t ProductName, ChargeKind), BTreeSet<Timestamp>>;

/// What is charged by the month.
const KINDS: [ChargeKind; 2] = [ChargeKind::MonthlyFee, ChargeKind::Minimum];

/// A month for which is charged, and the period on whose statements that stands.
struct Month {
    period: Period,
    service_period: Period,
    days: Vec<Timestamp>,
}

impl Month {
    fn new((period, service_period): (Period, Period), zone: &Zone) -> Self {
        Self { period, service_period, days: service_period.ends_of_days(zone) }
    }
}

/// What is due of a period once it is closed, as it is expected `now`, of one app if it is named, beside its `lines`: for itself, and
/// for the month before if that was closed before its end, of subscriptions that were not charged for it then.
///
/// # Errors
/// [`StatementError::Store`], [`StatementError::Money`].
pub(super) async fn due(
    transaction: &mut Transaction,
    (period, zone, now): (Period, &Zone, Timestamp),
    app: Option<&AppId>,
    lines: &[StatementLine],
) -> Result<Vec<PeriodCharge>, StatementError> {
    let plans = expected(transaction, now, app).await?;
    if begins(&plans).is_none() {
        return Ok(Vec::new());
    }
    let mut due = late(transaction, (period, zone), app, (&plans, lines)).await?;
    let tenures = transaction.tenures((period.start(zone), period.end(zone)), app).await?;
    due.extend(accrue(&Month::new((period, period), zone), &tenures, &plans, (lines, &Charged::new()))?);
    Ok(due)
}

/// What is due with a period for the month before, if that was closed before its end.
async fn late(
    transaction: &mut Transaction,
    (period, zone): (Period, &Zone),
    app: Option<&AppId>,
    (plans, lines): (&Plans, &[StatementLine]),
) -> Result<Vec<PeriodCharge>, StatementError> {
    let Some(before) = cut_short(transaction, (period, zone)).await? else { return Ok(Vec::new()) };
    let charged = transaction.charged_for(before, app).await?;
    let tenures = transaction.tenures((before.start(zone), before.end(zone)), app).await?;
    let mut all = transaction.line_totals(before, app).await?;
    all.extend_from_slice(lines);
    Ok(accrue(&Month::new((period, before), zone), &tenures, plans, (&all, &charged))?)
}

/// The first open period before `period` of which something is due.
///
/// # Errors
/// [`StatementError::Store`], [`StatementError::Money`].
pub(super) async fn open_before(
    transaction: &mut Transaction,
    (period, zone): (Period, &Zone),
    closed: &BTreeSet<Period>,
) -> Result<Option<Period>, StatementError> {
    // Of months before, nothing is to come.
    let plans = transaction.plans_in_use(None).await?;
    let Some(begins) = begins(&plans) else { return Ok(None) };
    let tenures = transaction.tenures((begins, period.start(zone)), None).await?;
    let first = tenures.iter().map(|tenure| tenure.subscription.from.max(begins)).min();
    let mut month = first.map_or(period, |first| Period::of(first, zone));
    let uncharged = Charged::new();
    while month < period {
        if !closed.contains(&month) {
            let own = accrue(&Month::new((month, month), zone), &tenures, &plans, (&[], &uncharged))?;
            if !own.is_empty() || !late(transaction, (month, zone), None, (&plans, &[])).await?.is_empty() {
                return Ok(Some(month));
            }
        }
        month = month.next();
    }
    Ok(None)
}

/// The plans that are used, as they are known at `now`: of one app, if it is named.
async fn expected(
    transaction: &mut Transaction,
    now: Timestamp,
    app: Option<&AppId>,
) -> Result<Plans, StoreError> {
    let mut plans = transaction.plans_in_use(app).await?;
    for told in transaction.announced_moves(now, app).await? {
        plans.entry(told.reference.name.clone()).or_default().push(told);
    }
    Ok(plans)
}

/// From when on anything costs by the month.
fn begins(plans: &Plans) -> Option<Timestamp> {
    let recurring = plans.values().flatten().filter(|version| !version.tariff.recurring.is_none());
    recurring.map(|version| version.effective_from.unwrap_or_default()).min()
}

/// The period before `period`, if it was closed before its end.
async fn cut_short(
    transaction: &mut Transaction,
    (period, zone): (Period, &Zone),
) -> Result<Option<Period>, StatementError> {
    let closed = transaction.closed_periods().await?;
    let Some(before) = closed.into_iter().find(|closed| *closed < period && closed.next() == period) else {
        return Ok(None);
    };
    let closed_at = transaction.closed_at(before).await?;
    Ok(closed_at.is_some_and(|closed_at| closed_at < before.end(zone)).then_some(before))
}

/// What is due for a month of `tenures`, which are in order, beside `lines`, and of subscriptions that were not charged for it. All
/// minimums of the month share its fees, and what they lacked as some were charged: these leave to others what is left.
fn accrue(
    month: &Month,
    tenures: &[Tenure],
    plans: &Plans,
    (lines, charged): (&[StatementLine], &Charged),
) -> Result<Vec<PeriodCharge>, MoneyError> {
    let were_charged: BTreeSet<&SubscriptionId> = charged.keys().map(|(id, _)| id).collect();
    let is_due = |charge: &PeriodCharge| !were_charged.contains(&charge.subscription);
    let ahead = ahead(month, tenures, plans, charged);
    let (mut fees, mut minimums) = (Vec::new(), Vec::new());
    for tenure in tenures {
        let Subscription { id, app, product, .. } = &tenure.subscription;
        for (kind, charges) in KINDS.into_iter().zip([&mut fees, &mut minimums]) {
            let charged = ahead.get(&(app, product, kind)).filter(|_| !were_charged.contains(id));
            let is_left = |day: &&Timestamp| charged.is_none_or(|charged| !charged.contains(*day));
            let days: Vec<Timestamp> = month.days.iter().filter(is_left).copied().collect();
            for (version, monthly, days) in by_version((tenure, plans), kind, &days) {
                charges.push(charge(month, (tenure, version, days), (kind, monthly))?);
            }
        }
    }
    fees.retain(is_due);
    let mut counted = HashMap::new();
    let recorded = lines.iter().map(|line| (&line.key, line.amount));
    for (key, amount) in recorded.chain(fees.iter().map(|fee: &PeriodCharge| (&fee.line, fee.amount))) {
        if key.kind.is_fee() && key.service_period == month.service_period {
            let sum = counted.entry(family(key)).or_insert(0_i64);
            *sum = sum.checked_add(amount.minor).ok_or(MoneyError::Overflow)?;
        }
    }
    for minimum in &mut minimums {
        let left = counted.get_mut(&family(&minimum.line));
        let due = minimum.amount.minor;
        let filled = left.as_ref().map_or(0, |left| (**left).clamp(0, due));
        if let Some(left) = left {
            *left = left.saturating_sub(filled);
        }
        minimum.base = Some(minimum.amount);
        minimum.amount.minor = due.saturating_sub(filled);
    }
    let mut all = fees;
    all.append(&mut minimums);
    all.retain(|charge| charge.amount.minor > 0 && is_due(charge));
    Ok(all)
}

/// Of how many of the days a subscription stood at which version of its plan that says something of that kind, and what that says.
fn by_version<'p>(
    (tenure, plans): (&Tenure, &'p Plans),
    kind: ChargeKind,
    days: &[Timestamp],
) -> Vec<(&'p KeptVersion, &'p Monthly, u32)> {
    let versions = plans.get(&tenure.subscription.plan).map_or(&[][..], Vec::as_slice);
    let priced = |(number, days): (u32, u32)| {
        let version = versions.iter().find(|version| version.reference.version == number)?;
        let Recurring { fee, minimum } = &version.tariff.recurring;
        let monthly = if kind == ChargeKind::Minimum { minimum } else { fee };
        Some((version, monthly.as_ref()?, days))
    };
    tenure.days_by_version(versions, days).into_iter().filter_map(priced).collect()
}

/// The days behind the end of subscriptions that they were charged for: as many as they were charged for beyond those on which they were
/// in force, and first those that follow.
fn ahead<'t>(month: &Month, tenures: &'t [Tenure], plans: &Plans, charged: &Charged) -> Ahead<'t> {
    let mut ahead = Ahead::new();
    if charged.is_empty() {
        return ahead;
    }
    for tenure in tenures {
        let Subscription { id, app, product, until: Some(end), .. } = &tenure.subscription else { continue };
        for kind in KINDS {
            let Some(days) = charged.get(&(id.clone(), kind)) else { continue };
            let own = by_version((tenure, plans), kind, &month.days);
            let own = own.iter().fold(0_u64, |sum, (_, _, days)| sum.saturating_add((*days).into()));
            let beyond = usize::try_from(days.saturating_sub(own)).unwrap_or(usize::MAX);
            let behind = month.days.iter().filter(|day| end <= *day).take(beyond);
            ahead.entry((app, product, kind)).or_default().extend(behind);
        }
    }
    ahead
}

fn family(key: &LineKey) -> Family<'_> {
    (&key.app, &key.product, &key.plan.name, key.currency)
}

/// What an amount of a month comes to for days of a subscription at a version.
fn charge(
    month: &Month,
    (tenure, version, days): (&Tenure, &KeptVersion, u32),
    (kind, monthly): (ChargeKind, &Monthly),
) -> Result<PeriodCharge, MoneyError> {
    let (currency, rounding) = (version.tariff.currency, version.tariff.rounding);
    let of_days = u32::try_from(month.days.len()).map_err(|_| MoneyError::Overflow)?;
    let subscription = &tenure.subscription;
    let line = LineKey {
        partner: tenure.partner.clone(),
        app: subscription.app.clone(),
        period: month.period,
        currency,
        service_period: month.service_period,
        kind,
        product: subscription.product.clone(),
        plan: version.reference.clone(),
        item: None,
    };
    Ok(PeriodCharge {
        subscription: subscription.id.clone(),
        line,
        days,
        of_days,
        monthly: Amount { minor: monthly.minor, currency },
        base: None,
        amount: monthly.for_days((days, of_days), currency, rounding)?,
        at: month.days.last().copied().unwrap_or_default(),
        rule: monthly.source.clone(),
    })
}
