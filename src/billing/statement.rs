//! Closing periods, and the statements of open and closed ones.
//!
//! A statement is its lines, and its lines are the sums of their charges. Closing a period lets it take no more charges,
//! and keeps what it came to under a number and a hash; what comes later is an adjustment on a later statement.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

use super::export::to_json;
use crate::domain::charge::LineKey;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::{Currency, MoneyError};
use crate::domain::statement::{Statement, StatementLine, StatementStanding, Totals};
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::charge::KeptCharge;
use crate::store::statement::KeptStatement;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError};

/// Why a period cannot be closed, or a statement not be made.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The period has not ended.
    #[error("period {0} ends at {1}; a period is closed after its end")]
    StillOpen(Period, Timestamp),
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The lines do not add up.
    #[error("the lines do not add up")]
    Money(#[from] MoneyError),
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

/// Closes a period: its statements are final.
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
    let was_closed = transaction.closed_periods().await?.contains(&period);
    if was_closed {
        transaction.roll_back().await?;
        return Ok(Closed { was_closed, statements: store.statements(period, None).await? });
    }
    let end = period.end(zone);
    if now < end && early == CloseEarly::Refused {
        return Err(StatementError::StillOpen(period, end));
    }
    let first = transaction.next_statement_number().await?;
    let statements = arrange(transaction.line_totals(period).await?, period)?;
    let kept: Vec<KeptStatement> =
        (first..).zip(&statements).map(|(number, statement)| keep(number, statement, now)).collect();
    transaction.insert_statements(&kept).await?;
    transaction.close_period(period, now).await?;
    transaction.commit().await?;
    Ok(Closed { was_closed, statements: kept })
}

fn keep(number: i64, statement: &Statement, now: Timestamp) -> KeptStatement {
    let content = to_json(statement).to_string();
    KeptStatement {
        number,
        partner: statement.partner.to_string(),
        app: statement.app.to_string(),
        period: statement.period.to_string(),
        currency: statement.currency.to_string(),
        closed_at: now,
        hash: hash(&content),
        content,
    }
}

/// The statements of a period, of one app if it is named: final if the period is closed, else as they would be now.
///
/// # Errors
/// [`StatementError`].
pub async fn show(
    store: &Store,
    period: Period,
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    let mut statements = arrange(store.line_totals(period, app).await?, period)?;
    for kept in store.statements(period, app).await? {
        let found = statements.iter_mut().find(|statement| {
            statement.app.as_str() == kept.app
                && statement.partner.as_str() == kept.partner
                && statement.currency.code() == kept.currency
        });
        if let Some(statement) = found {
            let KeptStatement { number, closed_at, hash, .. } = kept;
            statement.standing = StatementStanding::Final { number, closed_at, hash };
        }
    }
    Ok(statements)
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
    let lines = store.line_totals(period, Some(app)).await?;
    match lines.into_iter().find(|candidate| candidate.key.id().to_string() == line) {
        Some(line) => Ok(Some(store.charges_of_line(&line.key, after).await?)),
        None => Ok(None),
    }
}

/// Lines as draft statements: one for each app, partner and currency, in this order; adjustments last.
pub(super) fn arrange(lines: Vec<StatementLine>, period: Period) -> Result<Vec<Statement>, MoneyError> {
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
        Ok(Statement { standing: StatementStanding::Draft, partner, app, period, currency, lines, totals })
    };
    by_party.into_iter().map(statement).collect()
}

/// SHA-256 in hexadecimal.
pub(super) fn hash(content: &str) -> String {
    digest(&SHA256, content.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
