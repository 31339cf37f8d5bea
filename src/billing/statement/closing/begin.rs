//! The cut: one transaction that charges the last of a period, closes it, and keeps what its statements are made of beside its lines.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::accrual;
use super::super::close::CloseEarly;
use super::super::error::StatementError;
use super::super::paid::{Payer, paid_by_now, payer_of_line};
use super::chunk::finish;
use crate::billing::ledger::posting::post_fee;
use crate::domain::period_charge::PeriodCharge;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::closing::Cut;
use crate::store::transaction::Exclusive;
use crate::store::{Store, Transaction};

/// When a period may be closed.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// For how long after its end it is left open for what comes late.
    pub grace: Duration,
    /// Whether it may be closed before that.
    pub early: CloseEarly,
}

/// Closes a period to all that comes, and gives whether it was closed before; its statements are made by [`super::go_on`]. Those of a
/// period before it that lacks some are made first. `recorded` is the store by which the change is recorded.
///
/// # Errors
/// [`StatementError`].
pub async fn begin(
    (store, recorded): (&Store, &Store),
    period: Period,
    (zone, now): (&Zone, Timestamp),
    terms: Terms,
) -> Result<bool, StatementError> {
    match cut(recorded, period, (zone, now), terms).await {
        // Its numbers go on where those end.
        Err(StatementError::Unfinished(..)) => {
            finish(store, now).await?;
            cut(recorded, period, (zone, now), terms).await
        }
        outcome => outcome,
    }
}

async fn cut(
    store: &Store,
    period: Period,
    (zone, now): (&Zone, Timestamp),
    terms: Terms,
) -> Result<bool, StatementError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let closed = transaction.closed_periods().await?;
    if closed.contains(&period) {
        transaction.roll_back().await?;
        return Ok(true);
    }
    if let Some(before) = transaction.unsealed().await? {
        transaction.roll_back().await?;
        return Err(StatementError::Unfinished(period, before.period));
    }
    may_close(&mut transaction, (period, &closed), (zone, now), terms).await?;
    let payers = charge_subscriptions(&mut transaction, period, (zone, now)).await?;
    let told = paid_by_now(&mut transaction, (period, None), &payers).await?;
    transaction.keep_settled(period, &told.settled).await?;
    let first_number = transaction.next_statement_number().await?;
    let cut = Cut { period, closed_at: now, first_number };
    transaction.keep_cut(cut, (zone.name(), payers.len()), &told.paid).await?;
    transaction.commit().await?;
    Ok(false)
}

/// Periods are closed in order, each after its end and its grace or, on demand, while it runs.
async fn may_close(
    transaction: &mut Transaction,
    (period, closed): (Period, &BTreeSet<Period>),
    (zone, now): (&Zone, Timestamp),
    Terms { grace, early }: Terms,
) -> Result<(), StatementError> {
    let (start, end) = (period.start(zone), period.end(zone));
    if now < start {
        return Err(StatementError::NotBegun(period, start));
    }
    if early == CloseEarly::Refused && now < end {
        return Err(StatementError::StillOpen(period, end));
    }
    let waits_until = end.plus(grace);
    if early == CloseEarly::Refused && now < waits_until {
        return Err(StatementError::InGrace(period, waits_until));
    }
    match earliest_open(transaction, (period, zone), closed).await? {
        Some(earlier) => Err(StatementError::EarlierOpen(period, earlier)),
        None => Ok(()),
    }
}

/// The first open period before `period` that has charges, or of which some are due.
pub(super) async fn earliest_open(
    transaction: &mut Transaction,
    (period, zone): (Period, &Zone),
    closed: &BTreeSet<Period>,
) -> Result<Option<Period>, StatementError> {
    let charged = transaction.open_before(period).await?;
    let due = accrual::open_before(transaction, (period, zone), closed).await?;
    Ok(charged.into_iter().chain(due).min())
}

/// Charges what subscriptions cost in a period by the month; gives who owes statements of it. The transaction closes the period too: so it
/// is done once.
async fn charge_subscriptions(
    transaction: &mut Transaction,
    period: Period,
    (zone, now): (&Zone, Timestamp),
) -> Result<BTreeSet<Payer>, StatementError> {
    let lines = transaction.line_totals(period, None).await?;
    let due = accrual::due(transaction, (period, zone, now), None, &lines).await?;
    let keys = lines.iter().map(|line| &line.key).chain(due.iter().map(|charge| &charge.line));
    let payers = keys.map(payer_of_line).collect();
    if due.is_empty() {
        return Ok(payers);
    }
    let mut posted = Vec::with_capacity(due.len());
    for charge in due {
        let charge = PeriodCharge { at: charge.at.min(now), ..charge };
        let posting = post_fee(charge.cause(), &charge.line, (charge.at, charge.amount))?;
        posted.push((charge, posting));
    }
    transaction.keep_period_charges(&posted).await?;
    Ok(payers)
}
