//! Whether the lines of kept statements come to what they say of how they are reckoned, and are reckoned by the prices of their versions:
//! each by itself, from what the statement says alone.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::kept_tariffs::KeptTariffs;
use crate::billing::statement::reckoned;
use crate::domain::money::Amount;
use crate::domain::statement::{Statement, StatementLine};
use crate::domain::tariff::Tariff;
use crate::domain::working::Working;
use crate::store::{StoreError, Transaction};

/// Finds lines that are not what they say.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub(super) async fn check_workings(
    transaction: &mut Transaction,
    tariffs: &mut KeptTariffs,
    statement: &Statement,
    findings: &mut Vec<String>,
) -> Result<(), StoreError> {
    for (place, line) in statement.lines.iter().enumerate() {
        let Some(working) = &line.working else { continue };
        let tariff = tariffs.of(transaction, &line.key.plan).await?;
        if !tariff.is_some_and(|tariff| is_right(tariff, (line, working), statement)) {
            let name = statement.line_name(place).map(|name| name.to_string()).unwrap_or_default();
            findings.push(format!("line {name} is not what its prices make of the units that it tells"));
        }
    }
    Ok(())
}

fn is_right(tariff: &Tariff, (line, working): (&StatementLine, &Working), statement: &Statement) -> bool {
    let item = tariff.fee_named(line.key.item.as_ref());
    let Some((item, units)) = item.zip(working.units()) else { return false };
    let exact = item.amount(units.charged(), &units.promoted);
    item.steps(&units).as_ref() == Ok(&working.steps)
        && exact == Ok(working.exact)
        && tariff.rounding == working.rounding
        && billed(line, working, statement).is_some_and(|billed| working.comes_to() == Ok(billed))
}

/// What the lines have that are reckoned together; none if they are not.
fn billed(line: &StatementLine, working: &Working, statement: &Statement) -> Option<Amount> {
    let mut sum = line.amount;
    for place in &working.with {
        let place = usize::try_from(place.checked_sub(1)?).ok()?;
        let other = statement.lines.get(place).filter(|other| reckoned(other) == reckoned(line))?;
        sum = sum.checked_add(other.amount).ok()?;
    }
    Some(sum)
}
