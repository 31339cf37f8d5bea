//! Whether the books are right: every finding is one that must never be.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use super::export::to_json;
use super::statement::{StatementError, arrange, hash};
use crate::domain::ledger::Account;
use crate::domain::money::MoneyError;
use crate::domain::statement::{Statement, StatementLine};
use crate::domain::time::Period;
use crate::store::Store;
use crate::store::ledger::Balance;
use crate::store::statement::KeptStatement;

/// What a check of the ledger came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// All balances.
    pub balances: Vec<Balance>,
    /// Sum of all balances by currency: zero, if all is right.
    pub trial_balance: BTreeMap<String, i64>,
    /// What is not right, in words.
    pub findings: Vec<String>,
}

/// Checks that every account is known, every transaction and the whole balance; that all billable usage has its charges or
/// an open question, each charge its posting, each statement line its charges; and that closed statements are as they
/// were made.
///
/// # Errors
/// [`StatementError`].
pub async fn check(store: &Store) -> Result<Checked, StatementError> {
    let balances = store.balances().await?;
    let mut findings = Vec::new();
    let mut trial_balance: BTreeMap<String, i64> = BTreeMap::new();
    for balance in &balances {
        let sum = trial_balance.entry(balance.currency.clone()).or_default();
        *sum = sum.checked_add(balance.minor).ok_or(MoneyError::Overflow)?;
        if let Err(unknown) = balance.account.parse::<Account>() {
            findings.push(unknown.to_string());
        }
    }
    for (currency, sum) in trial_balance.iter().filter(|(_, sum)| **sum != 0) {
        findings.push(format!("the trial balance in {currency} is {sum} minor units, not zero"));
    }
    findings.extend(store.disagreements().await?);
    for period in store.charged_periods().await? {
        check_period(store, period, &mut findings).await?;
    }
    Ok(Checked { balances, trial_balance, findings })
}

/// Whether a period's lines are what its charges come to, and its statements what its lines are.
async fn check_period(
    store: &Store,
    period: Period,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let lines = sorted(store.line_totals(period, None).await?);
    let rebuilt = sorted(store.rebuilt_lines(period).await?);
    if lines != rebuilt {
        let differs = |line: &&StatementLine| !rebuilt.contains(line);
        let names: Vec<String> = lines.iter().filter(differs).map(name).collect();
        findings.push(format!("{period}: lines differ from the sums of their charges: {}", names.join(", ")));
    }
    if store.closed_at(period).await?.is_none() {
        return Ok(());
    }
    let statements = arrange(rebuilt, period)?;
    let kept = store.statements(period, None).await?;
    if kept.len() != statements.len() {
        let (kept, made) = (kept.len(), statements.len());
        findings.push(format!("{period}: {kept} statements were made; its charges come to {made}"));
    }
    let unlike = kept.iter().filter(|kept| !statements.iter().any(|made| is_same(kept, made)));
    findings.extend(unlike.map(|kept| format!("statement {} is not what its charges come to", kept.number)));
    Ok(())
}

fn sorted(mut lines: Vec<StatementLine>) -> Vec<StatementLine> {
    lines.sort_by(|one, other| one.key.cmp(&other.key));
    lines
}

fn name(line: &StatementLine) -> String {
    format!("{} {}", line.key.app, line.key.id())
}

/// Whether a kept statement's hash is that of its content, and its content what the charges come to.
fn is_same(kept: &KeptStatement, made: &Statement) -> bool {
    let content: Option<serde_json::Value> = serde_json::from_str(&kept.content).ok();
    hash(&kept.content) == kept.hash && content == Some(to_json(made))
}
