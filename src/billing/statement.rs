//! Closing periods, and the statements of open and closed ones.

use aws_lc_rs::digest::{SHA256, digest};

use super::export::to_json;
use crate::domain::id::AppId;
use crate::domain::money::{Amount, MoneyError};
use crate::domain::statement::{Statement, StatementLine, StatementStatus};
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::charge::KeptLine;
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
    let end = period.end(zone);
    let is_early = now < end && early == CloseEarly::Refused;
    if is_early && store.closed_at(period).await?.is_none() {
        return Err(StatementError::StillOpen(period, end));
    }
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    if transaction.is_closed(period).await? {
        transaction.roll_back().await?;
        return Ok(Closed { was_closed: true, statements: store.statements(period, None).await? });
    }
    // Nobody else rates or closes while this holds, so what is read beside it is what is closed.
    let drafts = drafts(store, period, None).await?;
    let mut number = transaction.next_statement_number().await?;
    transaction.close_period(period, now).await?;
    for draft in drafts {
        let content = to_json(&draft).to_string();
        let kept = KeptStatement {
            number,
            partner: draft.partner.to_string(),
            app: draft.app.to_string(),
            period: period.to_string(),
            currency: draft.currency.to_string(),
            closed_at: now,
            hash: hash(&content),
            content,
        };
        transaction.insert_statement(&kept).await?;
        number = number.saturating_add(1);
    }
    transaction.commit().await?;
    Ok(Closed { was_closed: false, statements: store.statements(period, None).await? })
}

/// The statements of a period, final or draft; of one app if it is named.
///
/// # Errors
/// [`StatementError`].
pub async fn show(
    store: &Store,
    period: Period,
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    let mut statements = drafts(store, period, app).await?;
    for kept in store.statements(period, app).await? {
        let found = statements.iter_mut().find(|statement| {
            statement.app.as_str() == kept.app && statement.currency.code() == kept.currency
        });
        if let Some(statement) = found {
            statement.status =
                StatementStatus::Final { number: kept.number, closed_at: kept.closed_at, hash: kept.hash };
        }
    }
    Ok(statements)
}

/// The statements as their charges make them now.
///
/// # Errors
/// [`StatementError`].
pub async fn drafts(
    store: &Store,
    period: Period,
    app: Option<&AppId>,
) -> Result<Vec<Statement>, StatementError> {
    let mut statements: Vec<Statement> = Vec::new();
    for kept in store.statement_lines(period, app).await? {
        let line = line(kept);
        let key = &line.key;
        match statements.last_mut() {
            Some(last) if last.app == key.app && last.currency == key.currency => {
                last.total = last.total.checked_add(line.amount)?;
                last.lines.push(line);
            }
            _ => statements.push(Statement {
                partner: key.partner.clone(),
                app: key.app.clone(),
                period,
                currency: key.currency,
                total: line.amount,
                lines: vec![line],
                status: StatementStatus::Draft,
            }),
        }
    }
    Ok(statements)
}

fn line(kept: KeptLine) -> StatementLine {
    let currency = kept.line.currency;
    StatementLine {
        charges: kept.charges,
        quantity: kept.charged,
        free: kept.free,
        rate: kept.rate,
        base: kept.base.map(|minor| Amount { minor, currency }),
        amount: Amount { minor: kept.posted, currency },
        rule: kept.rule,
        key: kept.line,
    }
}

fn hash(content: &str) -> String {
    digest(&SHA256, content.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
