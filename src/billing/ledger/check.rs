//! Whether the books are right: every finding is one that must never be.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};

use super::check_fees::check_fees;
use super::check_journals::check_journals;
use super::check_rates::check_rates;
use super::check_runs::check_runs;
use super::check_sales::{check_pending, check_tiers};
use super::check_workings::check_workings;
use super::kept_tariffs::KeptTariffs;
use crate::billing::statement::{Payer, StatementError, arrange, check_paid, content, hash, payer_of};
use crate::domain::account::Account;
use crate::domain::money::Amount;
use crate::domain::period_charge::PeriodCharge;
use crate::domain::statement::{Paid, Statement, StatementLine, StatementStanding};
use crate::domain::tariff::Tariff;
use crate::domain::time::{Period, Timestamp};
use crate::store::page::MAX_PAGE_SIZE;
use crate::store::statement::KeptStatement;
use crate::store::{Page, Store, StoreError, Transaction};

/// What a check of the ledger came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How many accounts there are, each by its currency.
    pub accounts: u64,
    /// The sum of all accounts by currency: zero, if all is right.
    pub trial_balance: BTreeMap<String, i128>,
    /// What is not right, in words.
    pub findings: Vec<String>,
}

/// Checks that every account is known, every transaction and the whole balance; that each transaction posted what its cause
/// comes to, by the rules of posting; that all billable usage has its charges or an open question, each charge its posting, each
/// statement line its charges, and fees their prices; and that usage records and closed statements are as they were made. All of it as the books
/// stand at one moment, whatever is recorded meanwhile. Where an amount is larger than any may be, that alone is told.
///
/// # Errors
/// [`StatementError`].
pub async fn check(store: &Store) -> Result<Checked, StatementError> {
    let mut transaction = store.begin_checking().await?;
    let checked = check_all(&mut transaction).await?;
    transaction.roll_back().await?;
    Ok(checked)
}

async fn check_all(transaction: &mut Transaction) -> Result<Checked, StatementError> {
    let mut findings = unknown_accounts(transaction).await?;
    let sums = transaction.trial_balance(None).await?;
    let accounts = sums.iter().fold(0_u64, |sum, (_, sides)| sum.saturating_add(sides.accounts));
    let trial_balance: BTreeMap<String, i128> =
        sums.into_iter().map(|(currency, sides)| (currency, sides.difference())).collect();
    for (currency, sum) in trial_balance.iter().filter(|(_, sum)| **sum != 0) {
        findings.push(format!("the trial balance in {currency} is {sum} minor units, not zero"));
    }
    let out_of_bounds = transaction.out_of_bounds().await?;
    if !out_of_bounds.is_empty() {
        findings.extend(out_of_bounds);
        return Ok(Checked { accounts, trial_balance, findings });
    }
    findings.extend(transaction.disagreements().await?);
    let damaged = transaction.damaged_pending().await?.into_iter();
    findings.extend(
        damaged.map(|(cause, why)| format!("{cause}: nothing can become of what waits by it: {why}")),
    );
    check_journals(transaction, &mut findings).await?;
    check_runs(transaction, &mut findings).await?;
    check_fees(transaction, &mut findings).await?;
    check_rates(transaction, &mut findings).await?;
    check_tiers(transaction, &mut findings).await?;
    check_pending(transaction, &mut findings).await?;
    let periods = match transaction.periods().await {
        Err(StoreError::Corrupt { what }) => {
            findings.push(format!("a period cannot be read: {what}"));
            Vec::new()
        }
        periods => periods?,
    };
    for period in periods {
        check_period(transaction, period, &mut findings).await?;
    }
    Ok(Checked { accounts, trial_balance, findings })
}

/// Accounts of names that nobody knows; there may be very many accounts.
async fn unknown_accounts(transaction: &mut Transaction) -> Result<Vec<String>, StoreError> {
    let mut findings = Vec::new();
    let mut page = Page::first().with_size(MAX_PAGE_SIZE);
    loop {
        let names = transaction.account_names(&page).await?;
        findings.extend(names.iter().filter_map(|name| Some(name.parse::<Account>().err()?.to_string())));
        let Some(last) = names.last() else { return Ok(findings) };
        page = Page::after(last).with_size(MAX_PAGE_SIZE);
    }
}

/// Checks a period; what of it cannot even be read, or summed up, is a finding too.
async fn check_period(
    transaction: &mut Transaction,
    period: Period,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    match compare_period(transaction, period, findings).await {
        Err(StatementError::Store(StoreError::Corrupt { what })) => {
            findings.push(format!("{period}: what is kept of it cannot be read: {what}"));
            Ok(())
        }
        Err(StatementError::Money(error)) => {
            findings.push(format!("{period}: its lines do not add up: {error}"));
            Ok(())
        }
        compared => compared,
    }
}

/// Whether a period's lines are what its charges come to, and its statements too.
async fn compare_period(
    transaction: &mut Transaction,
    period: Period,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let lines = compare_lines(transaction, period, findings).await?;
    check_recurring(transaction, period, findings).await?;
    let Some(closed_at) = transaction.closed_at(period).await? else {
        let kept = transaction.statements(period, None).await?;
        let numbers = kept.iter().map(|kept| kept.number);
        findings.extend(numbers.map(|number| format!("{period} is open, and statement {number} is of it")));
        return Ok(());
    };
    let made = arrange(lines, period)?;
    let told = check_statements(transaction, (period, closed_at), &made, findings).await?;
    findings.extend(check_paid(transaction, period, &told).await?);
    Ok(())
}

/// Whether a period's lines are what its charges come to. Gives what these do.
async fn compare_lines(
    transaction: &mut Transaction,
    period: Period,
    findings: &mut Vec<String>,
) -> Result<Vec<StatementLine>, StatementError> {
    let lines = sorted(transaction.line_totals(period, None).await?);
    let rebuilt = sorted(transaction.rebuilt_lines(period).await?);
    if lines != rebuilt {
        let names = differences(&lines, &rebuilt);
        findings.push(format!(
            "{period}: lines differ from the sums of their charges: {}",
            names.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(rebuilt)
}

/// Whether what was charged by the month is what the plan versions say, as they were in force, or were told when it was charged.
async fn check_recurring(
    transaction: &mut Transaction,
    period: Period,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let mut tariffs = KeptTariffs::default();
    for charge in transaction.period_charges(period, None).await? {
        let plan = &charge.line.plan;
        let tariff = tariffs.of(transaction, plan).await?;
        let is_kept_so = tariff.is_some_and(|tariff| comes_to(tariff, &charge));
        if !is_kept_so && !was_told(transaction, &charge).await? {
            findings.push(format!("{}: it is not what plan version {plan} says of its days", charge.cause()));
        }
    }
    Ok(())
}

/// Whether its version was told with such prices, and was to come into force behind the close that charged it.
async fn was_told(transaction: &mut Transaction, charge: &PeriodCharge) -> Result<bool, StoreError> {
    let told = transaction.announcements(&charge.line.plan).await?;
    let mut terms = told.iter().filter_map(|one| one.terms.as_ref());
    Ok(terms.any(|(tariff, from)| from.is_some_and(|from| charge.at < from) && comes_to(tariff, charge)))
}

fn comes_to(tariff: &Tariff, charge: &PeriodCharge) -> bool {
    let (monthly, by_days) = match charge.base {
        None => (&tariff.recurring.fee, charge.amount),
        Some(base) => (&tariff.recurring.minimum, base),
    };
    monthly.as_ref().is_some_and(|monthly| {
        let whole = Amount { minor: monthly.minor, currency: tariff.currency };
        let part = monthly.for_days((charge.days, charge.of_days), tariff.currency, tariff.rounding);
        charge.monthly == whole && part == Ok(by_days)
    })
}

/// Whether each kept statement is what its charges come to, and each that they come to is kept if the period is final, a few at a time.
/// Gives what those tell of balances that are as they were kept.
async fn check_statements(
    transaction: &mut Transaction,
    (period, closed_at): (Period, Timestamp),
    made: &[Statement],
    findings: &mut Vec<String>,
) -> Result<Vec<(Payer, Option<Paid>)>, StatementError> {
    let mut missing: BTreeMap<Payer, &Statement> = made.iter().map(|made| (payer_of(made), made)).collect();
    let (mut told, mut last) = (Vec::with_capacity(made.len()), None);
    let mut tariffs = KeptTariffs::default();
    loop {
        let mut kept = transaction.some_statements(period, last.as_ref()).await?;
        for kept in &kept {
            if kept.closed_at != closed_at {
                findings.push(format!("statement {} was closed at another time than {period}", kept.number));
            }
            match read_intact(kept) {
                Ok(statement) => {
                    let payer = payer_of(&statement);
                    if !missing.remove(&payer).is_some_and(|made| comes_to_same(&statement, made)) {
                        findings.push(format!("statement {} is not what its charges come to", kept.number));
                    }
                    check_workings(transaction, &mut tariffs, &statement, findings).await?;
                    told.push((payer, statement.paid));
                }
                Err(finding) => findings.push(finding),
            }
        }
        last = kept.pop();
        if last.is_none() {
            break;
        }
    }
    if transaction.is_sealed(period).await? {
        findings.extend(missing.keys().map(|(app, partner, currency)| {
            format!("{period}: there is no right statement of {app} of {partner} in {currency}")
        }));
    }
    Ok(told)
}

/// Whether a kept statement is the one that charges come to.
fn comes_to_same(kept: &Statement, made: &Statement) -> bool {
    made.totals == kept.totals
        && made.lines.iter().cloned().eq(kept.lines.iter().map(StatementLine::untold))
        && kept.paid.is_none_or(|paid| adds_up(paid, kept.totals.total))
}

/// Whether what was paid and what is left are the whole.
fn adds_up(Paid { from_balance, left }: Paid, total: Amount) -> bool {
    from_balance.checked_add(left).is_ok_and(|sum| sum == total)
}

/// What a kept statement says, if it is the one that was kept.
fn read_intact(kept: &KeptStatement) -> Result<Statement, String> {
    let number = kept.number;
    if hash(&kept.content) != kept.hash {
        return Err(format!("statement {number}: its hash is not that of its content"));
    }
    let statement = content::read(kept).map_err(|error| error.to_string())?;
    let hash = kept.hash.clone();
    let standing = StatementStanding::Final { number, closed_at: kept.closed_at, hash };
    let says = (statement.app.as_str(), statement.partner.as_str(), statement.currency.code());
    let is_filed = says == (kept.app.as_str(), kept.partner.as_str(), kept.currency.as_str());
    if !is_filed || statement.standing != standing || statement.period.to_string() != kept.period {
        return Err(format!("statement {number} is filed under another name than its content says"));
    }
    Ok(statement)
}

fn sorted(mut lines: Vec<StatementLine>) -> Vec<StatementLine> {
    lines.sort_by(|one, other| one.key.cmp(&other.key));
    lines
}

/// The names of the lines that are in one of two lists and not, or not so, in the other.
fn differences(one: &[StatementLine], other: &[StatementLine]) -> BTreeSet<String> {
    let missing = |these: &[StatementLine], those: &[StatementLine]| {
        let those: BTreeMap<_, _> = those.iter().map(|line| (&line.key, line)).collect();
        let differs = |line: &&StatementLine| those.get(&line.key) != Some(line);
        let name = |line: &StatementLine| format!("{} {}", line.key.app, line.key.id());
        these.iter().filter(differs).map(name).collect::<Vec<_>>()
    };
    missing(one, other).into_iter().chain(missing(other, one)).collect()
}
