//! Lines as statements: one for each app, partner and currency.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use aws_lc_rs::digest::{SHA256, digest};

use super::paid::{Payer, payer_of_line};
use crate::domain::charge::LineKey;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::money::MoneyError;
use crate::domain::period_charge::PeriodCharge;
use crate::domain::statement::{Statement, StatementLine, StatementStanding, Totals};
use crate::domain::time::Period;

/// The lines that charges by the month come to.
pub(super) fn lines_of<'c>(
    charges: impl Iterator<Item = &'c PeriodCharge>,
) -> Result<Vec<StatementLine>, MoneyError> {
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

/// Lines as draft statements: one for each app, partner and currency, in this order; adjustments last.
pub(in crate::billing) fn arrange(
    lines: Vec<StatementLine>,
    period: Period,
) -> Result<Vec<Statement>, MoneyError> {
    let mut by_payer: BTreeMap<Payer, Vec<StatementLine>> = BTreeMap::new();
    for line in lines {
        by_payer.entry(payer_of_line(&line.key)).or_default().push(line);
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
    by_payer.into_iter().map(statement).collect()
}

/// SHA-256 in hexadecimal.
pub(in crate::billing) fn hash(content: &str) -> String {
    hexadecimal(digest(&SHA256, content.as_bytes()).as_ref())
}
