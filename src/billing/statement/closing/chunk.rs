//! The statements of a closed period, of a few apps in each transaction, so that calls, leases and quotas come in between; and behind the
//! last of them, its seal.

use super::super::arrange::{arrange, hash};
use super::super::content::{self, Unreadable};
use super::super::error::StatementError;
use super::super::paid::tell_paid;
use super::super::workings::tell_workings;
use crate::domain::statement::Statement;
use crate::domain::time::Timestamp;
use crate::store::closing::Cut;
use crate::store::statement::KeptStatement;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError, Transaction};

/// Of how many apps statements are made at a time: some tens of milliseconds.
const APPS: u32 = 500;

/// Makes the next few statements of the first closed period that lacks some, or makes it final if it has all. Gives whether there was
/// such a period; whoever asks makes the same.
///
/// # Errors
/// [`StatementError`].
pub async fn go_on(store: &Store, now: Timestamp) -> Result<bool, StatementError> {
    if !is_any_unfinished(store).await? {
        return Ok(false);
    }
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Closing).await?;
    // Another node may have been first.
    let Some(cut) = transaction.unsealed().await? else {
        transaction.roll_back().await?;
        return Ok(false);
    };
    let apps = transaction.apps_to_state(cut.period, APPS).await?;
    if apps.is_empty() {
        transaction.seal_period(cut.period, now).await?;
    } else {
        state(&mut transaction, cut, &apps).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Makes all that [`go_on`] would.
///
/// # Errors
/// [`StatementError`].
pub async fn finish(store: &Store, now: Timestamp) -> Result<(), StatementError> {
    while go_on(store, now).await? {}
    Ok(())
}

/// Looked up without the lock for which whoever writes would wait: nearly always there is none.
async fn is_any_unfinished(store: &Store) -> Result<bool, StoreError> {
    let mut transaction = store.begin_reading().await?;
    let unfinished = transaction.unsealed().await?;
    transaction.roll_back().await?;
    Ok(unfinished.is_some())
}

/// Makes the statements of these apps, which are in order.
async fn state(transaction: &mut Transaction, cut: Cut, apps: &[String]) -> Result<(), StatementError> {
    let lines = transaction.lines_of(apps, &[cut.period.to_string()]).await?;
    let mut statements = arrange(lines, cut.period)?;
    let span = apps.first().zip(apps.last()).map(|(first, last)| (first.as_str(), last.as_str()));
    tell_paid(&mut statements, &transaction.closing_paid(cut.period, span).await?)?;
    tell_workings(transaction, cut.period, &mut statements).await?;
    let first = transaction.next_statement_number().await?;
    let keep = |(number, statement)| keep(number, statement, cut.closed_at);
    let kept = (first..).zip(&statements).map(keep).collect::<Result<Vec<_>, _>>()?;
    Ok(transaction.insert_statements(&kept).await?)
}

fn keep(number: i64, statement: &Statement, closed_at: Timestamp) -> Result<KeptStatement, Unreadable> {
    let content = content::write(statement, number, closed_at)?;
    Ok(KeptStatement {
        number,
        partner: statement.partner.to_string(),
        app: statement.app.to_string(),
        period: statement.period.to_string(),
        currency: statement.currency.to_string(),
        closed_at,
        hash: hash(&content),
        content,
    })
}
