//! Closing periods, and the statements of open and closed ones.
//!
//! A draft is its lines, and its lines are the sums of their charges. Closing a period lets it take no more charges, and
//! keeps what it came to as bytes under a number and a hash: from then on the statement is those bytes, and nothing else.
//! What comes later is an adjustment on a later statement.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};

use super::accrual;
use super::content::{self, Unreadable};
use super::paid::tell_paid;
use super::workings::tell_workings;
use crate::billing::ledger::posting::{PostingError, post_fee};
use crate::domain::charge::LineKey;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::{Currency, MoneyError};
use crate::domain::period_charge::PeriodCharge;
use crate::domain::statement::{Statement, StatementLine, StatementStanding, Totals};
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::charge::KeptCharge;
use crate::store::statement::KeptStatement;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError, Transaction};

/// Why a period cannot be closed, or a statement not be made.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The period has not ended.
    #[error("period {0} ends at {1}; a period is closed after its end")]
    StillOpen(Period, Timestamp),
    /// The period has not begun.
    #[error("period {0} begins at {1}")]
    NotBegun(Period, Timestamp),
    /// An earlier period has charges, or some are due, and is open.
    #[error("period {1} is open; it is closed before {0}")]
    EarlierOpen(Period, Period),
    /// What is kept of a final statement cannot be read.
    #[error(transparent)]
    Content(#[from] Unreadable),
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The lines do not add up.
    #[error("the lines do not add up")]
    Money(#[from] MoneyError),
    /// What subscriptions cost by the month cannot be posted.
    #[error("what subscriptions cost by the month cannot be posted")]
    Posting(#[from] PostingError),
}

/// Whether a period may be closed before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseEarly {
    /// It may not.
    Refused,
    /// It may: what comes later in it goes to the next period.
    Allowed,
}

/// What closing a period came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Whether it was closed before: closing again changes nothing.
    pub was_closed: bool,
    /// The final statements.
    pub statements: Vec<KeptStatement>,
}

/// Closes a period: what its subscriptions cost by the month is charged, and its statements are final.
///
/// # Errors
/// [`StatementError`].
pub async fn close(
    store: &Store,
    period: Period,
    (zone, now): (&Zone, Timestamp),
    early: CloseEarly,
) -> Result<Closed, StatementError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let closed = transaction.closed_periods().await?;
    let was_closed = closed.contains(&period);
    if was_closed {
        let statements = transaction.statements(period, None).await?;
        transaction.roll_back().await?;
        return Ok(Closed { was_closed, statements });
    }
    may_close(&mut transaction, (period, &closed), (zone, now), early).await?;
    charge_subscriptions(&mut transaction, period, (zone, now)).await?;
    let first = transaction.next_statement_number().await?;
    let mut statements = arrange(transaction.line_totals(period, None).await?, period)?;
    let settled = tell_paid(&mut transaction, &mut statements, (period, None)).await?;
    tell_workings(&mut transaction, period, &mut statements).await?;
    let keep = |(number, statement)| keep(number, statement, now);
    let kept = (first..).zip(&statements).map(keep).collect::<Result<Vec<_>, _>>()?;
    transaction.insert_statements(&kept).await?;
    transaction.keep_settled(period, &settled).await?;
    transaction.close_period(period, now).await?;
    transaction.commit().await?;
    Ok(Closed { was_closed, statements: kept })
}

/// Periods are closed in order, each after its end or, on demand, while it runs.
async fn may_close(
    transaction: &mut Transaction,
    (period, closed): (Period, &BTreeSet<Period>),
    (zone, now): (&Zone, Timestamp),
    early: CloseEarly,
) -> Result<(), StatementError> {
    let (start, end) = (period.start(zone), period.end(zone));
    if now < start {
        return Err(StatementError::NotBegun(period, start));
    }
    if now < end && early == CloseEarly::Refused {
        return Err(StatementError::StillOpen(period, end));
    }
    let charged = transaction.open_before(period).await?;
    let due = accrual::open_before(transaction, (period, zone), closed).await?;
    match charged.into_iter().chain(due).min() {
        Some(earlier) => Err(StatementError::EarlierOpen(period, earlier)),
        None => Ok(()),
    }
}

/// Charges what subscriptions cost in a period by the month. The transaction closes the period too: so it is done once.
async fn charge_subscriptions(
    transaction: &mut Transaction,
    period: Period,
    (zone, now): (&Zone, Timestamp),
) -> Result<(), StatementError> {
    let lines = transaction.line_totals(period, None).await?;
    let due = accrual::due(transaction, (period, zone, now), None, &lines).await?;
    if due.is_empty() {
        return Ok(());
    }
    let mut posted = Vec::with_capacity(due.len());
    for charge in due {
        let charge = PeriodCharge { at: charge.at.min(now), ..charge };
        let posting = post_fee(charge.cause(), &charge.line, (charge.at, charge.amount))?;
        posted.push((charge, posting));
    }
    Ok(transaction.keep_period_charges(&posted).await?)
}

/// The lines that charges by the month come to.
fn lines_of<'c>(charges: impl Iterator<Item = &'c PeriodCharge>) -> Result<Vec<StatementLine>, MoneyError> {
    let mut lines: BTreeMap<LineKey, StatementLine> = BTreeMap::new();
    for charge in charges {
        let one = charge.statement_line();
        match lines.entry(charge.line.clone()) {
            Entry::Vacant(place) => {
                place.insert(one);
            }
            Entry::Occupied(mut line) => line.get_mut().add(&one)?,
        }
    }
    Ok(lines.into_values().collect())
}

fn keep(number: i64, statement: &Statement, now: Timestamp) -> Result<KeptStatement, Unreadable> {
    let content = content::write(statement, number, now)?;
    Ok(KeptStatement {
        number,
        partner: statement.partner.to_string(),
        app: statement.app.to_string(),
        period: statement.period.to_string(),
        currency: statement.currency.to_string(),
        closed_at: now,
        hash: hash(&content),
        content,
    })
}

/// The statements of a period, of one app if it is named: if the period is closed, as they were kept, else drafts of what is
/// charged by now.
///
/// # Errors
/// [`StatementError`].
pub async fn show(
    store: &Store,
    period: Period,
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    let mut transaction = store.begin_reading().await?;
    let statements = read(&mut transaction, period, None, app).await?;
    transaction.roll_back().await?;
    Ok(statements)
}

/// The same, with drafts as they would be were the period closed at `now`, as things stand: with what subscriptions cost by the month.
///
/// # Errors
/// [`StatementError`].
pub async fn foresee(
    store: &Store,
    period: Period,
    (zone, now): (&Zone, Timestamp),
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    let mut transaction = store.begin_reading().await?;
    let statements = read(&mut transaction, period, Some((zone, now)), app).await?;
    transaction.roll_back().await?;
    Ok(statements)
}

/// What an app comes to in the period that takes its charges at `now`, as drafts. That is the period that runs, or if that is
/// closed, the first open one after it.
///
/// # Errors
/// [`StatementError`].
pub async fn running(
    store: &Store,
    app: &AppId,
    (zone, now): (&Zone, Timestamp),
) -> Result<(Period, Vec<Statement>), StatementError> {
    let mut transaction = store.begin_reading().await?;
    let period = first_open(&transaction.closed_periods().await?, Period::of(now, zone));
    let statements = read(&mut transaction, period, Some((zone, now)), Some(app)).await?;
    transaction.roll_back().await?;
    Ok((period, statements))
}

/// The period that takes what is charged for `service_period`: itself, unless it or a later one is closed; then the one behind those closed,
/// whatever any clock says. What was told of a period, as of what balances paid, is told of all before it.
pub(in crate::billing) fn first_open(closed: &BTreeSet<Period>, service_period: Period) -> Period {
    match closed.last() {
        Some(last) if service_period <= *last => last.next(),
        Some(_) | None => service_period,
    }
}

/// Drafts with what is due at the close, if a zone says when months begin and end, and a time what is to come.
async fn read(
    transaction: &mut Transaction,
    period: Period,
    closing: Option<(&Zone, Timestamp)>,
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    if transaction.closed_at(period).await?.is_some() {
        let kept = transaction.statements(period, app).await?;
        return Ok(kept.iter().map(content::read).collect::<Result<_, _>>()?);
    }
    let mut lines = transaction.line_totals(period, app).await?;
    if let Some((zone, now)) = closing {
        let due = accrual::due(transaction, (period, zone, now), app, &lines).await?;
        lines.extend(lines_of(due.iter())?);
    }
    let mut statements = arrange(lines, period)?;
    tell_paid(transaction, &mut statements, (period, app)).await?;
    Ok(statements)
}

/// The final statements of an app and period, as they are kept: one for each currency; none if the period is open.
///
/// # Errors
/// [`StatementError`].
pub async fn kept(store: &Store, period: Period, app: &AppId) -> Result<Vec<KeptStatement>, StatementError> {
    let mut transaction = store.begin_reading().await?;
    let kept = transaction.statements(period, Some(app)).await?;
    transaction.roll_back().await?;
    Ok(kept)
}

/// The charges behind the line of that [`LineKey::id`], in the order of their usage records from `after` on; `None` without
/// such a line.
///
/// # Errors
/// [`StatementError`].
pub async fn charges_of(
    store: &Store,
    (period, app): (Period, &AppId),
    line: &str,
    after: &str,
) -> Result<Option<Vec<KeptCharge>>, StatementError> {
    let statements = show(store, period, Some(app)).await?;
    let mut lines = statements.into_iter().flat_map(|statement| statement.lines);
    match lines.find(|candidate| candidate.key.id().to_string() == line) {
        Some(line) => Ok(Some(store.charges_of_line(&line.key, after).await?)),
        None => Ok(None),
    }
}

/// Lines as draft statements: one for each app, partner and currency, in this order; adjustments last.
pub(in crate::billing) fn arrange(
    lines: Vec<StatementLine>,
    period: Period,
) -> Result<Vec<Statement>, MoneyError> {
    let mut by_party: BTreeMap<(AppId, PartnerId, Currency), Vec<StatementLine>> = BTreeMap::new();
    for line in lines {
        let LineKey { app, partner, currency, .. } = &line.key;
        by_party.entry((app.clone(), partner.clone(), *currency)).or_default().push(line);
    }
    let statement = |((app, partner, currency), mut lines): (_, Vec<StatementLine>)| {
        lines.sort_by(|one, other| {
            let adjustments_last = one.key.is_adjustment().cmp(&other.key.is_adjustment());
            adjustments_last.then_with(|| one.key.cmp(&other.key))
        });
        let totals = Totals::of(&lines, currency)?;
        let (standing, paid) = (StatementStanding::Draft, None);
        Ok(Statement { standing, partner, app, period, currency, lines, totals, paid })
    };
    by_party.into_iter().map(statement).collect()
}

/// SHA-256 in hexadecimal.
pub(in crate::billing) fn hash(content: &str) -> String {
    hexadecimal(digest(&SHA256, content.as_bytes()).as_ref())
}
