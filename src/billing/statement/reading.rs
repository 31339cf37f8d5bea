//! The statements of open and closed periods. A draft is its lines, and its lines are the sums of their charges; a final statement is the
//! bytes that were kept, and nothing else.

use std::collections::BTreeSet;

use super::arrange::{arrange, lines_of};
use super::error::StatementError;
use super::paid::{Payer, paid_by_now, payer_of, tell_paid};
use super::{accrual, content};
use crate::domain::id::AppId;
use crate::domain::statement::Statement;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::charge::KeptCharge;
use crate::store::statement::KeptStatement;
use crate::store::{Store, Transaction};

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
        return closed(transaction, period, app).await;
    }
    let mut lines = transaction.line_totals(period, app).await?;
    if let Some((zone, now)) = closing {
        let due = accrual::due(transaction, (period, zone, now), app, &lines).await?;
        lines.extend(lines_of(due.iter())?);
    }
    let mut statements = arrange(lines, period)?;
    let payers = statements.iter().map(payer_of).collect();
    let told = paid_by_now(transaction, (period, app), &payers).await?;
    tell_paid(&mut statements, &told.paid)?;
    Ok(statements)
}

/// Those of a closed period as they were kept; and as long as it is not final, the others as they will be, which are drafts yet.
async fn closed(
    transaction: &mut Transaction,
    period: Period,
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    let kept = transaction.statements(period, app).await?;
    let mut statements = kept.iter().map(content::read).collect::<Result<Vec<_>, _>>()?;
    if transaction.is_sealed(period).await? {
        return Ok(statements);
    }
    let made: BTreeSet<Payer> = statements.iter().map(payer_of).collect();
    let mut others = arrange(transaction.line_totals(period, app).await?, period)?;
    others.retain(|statement| !made.contains(&payer_of(statement)));
    let apps = app.map(|app| (app.as_str(), app.as_str()));
    tell_paid(&mut others, &transaction.closing_paid(period, apps).await?)?;
    statements.append(&mut others);
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

/// The charges behind the line of that [`LineKey::id`](crate::domain::charge::LineKey::id), in the order of their usage records from `after` on; `None` without
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
