//! Whether usage records are those that were recorded: each run's are what its root was made of. What is no fact of a call's leaf, such as
//! how long it took, no root knows.

use crate::billing::proof::coverage::leaf_of;
use crate::billing::proof::merkle::{Frontier, Room};
use crate::billing::statement::StatementError;
use crate::store::usage::UsageRow;
use crate::store::usage_run::{RunPlace, UsageRun};
use crate::store::{StoreError, Transaction};

/// About how many records are read at once: at least those of a run.
const RECORDS_AT_ONCE: u64 = 16_384;
/// What stands before the first run.
const BEGIN: RunPlace = (0, i64::MIN, i64::MIN);

/// Whether each run that has a root has the records that it was made of.
pub(super) async fn check_runs(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    let mut after = BEGIN;
    loop {
        let runs = match transaction.proven_runs(after).await {
            Err(StoreError::Corrupt { what }) => {
                findings.push(format!("runs of usage records cannot be read: {what}"));
                return Ok(());
            }
            runs => runs?,
        };
        let Some(last) = runs.last() else { return Ok(()) };
        after = last.place;
        let mut left = runs.as_slice();
        while !left.is_empty() {
            let (some, rest) = left.split_at(at_once(left));
            compare(transaction, some, findings).await?;
            left = rest;
        }
    }
}

/// How many of the next runs are read at once.
fn at_once(runs: &[UsageRun]) -> usize {
    let mut records = 0_u64;
    let fits = |run: &&UsageRun| {
        records = records.saturating_add(run.records());
        records <= RECORDS_AT_ONCE
    };
    runs.iter().take_while(fits).count().max(1)
}

async fn compare(
    transaction: &mut Transaction,
    runs: &[UsageRun],
    findings: &mut Vec<String>,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(()) };
    let rows = match transaction.usage_of_proven_runs(first.place, last.place).await {
        Err(StoreError::Corrupt { what }) => {
            let (app, number) = (&first.app, first.first());
            findings.push(format!("{app}: usage records from number {number} on cannot be read: {what}"));
            return Ok(());
        }
        rows => rows?,
    };
    let (mut left, mut room) = (rows.as_slice(), Room::default());
    for run in runs {
        let is_of_run = |row: &&UsageRow| (run.first()..=run.last).contains(&row.number);
        let (of_run, rest) = left.split_at(left.iter().take_while(is_of_run).count());
        left = rest;
        if root(of_run, &mut room) != run.root {
            findings.push(format!(
                "{}: usage records of numbers {} to {} are not those that were recorded: they have another root",
                run.app,
                run.first(),
                run.last
            ));
        }
    }
    Ok(())
}

/// The root over records; `None` if one of them can be none.
fn root(rows: &[UsageRow], room: &mut Room) -> Option<[u8; 32]> {
    let tree: Option<Frontier> = rows.iter().map(|row| leaf_of(row, room).ok()).collect();
    tree.map(|tree| tree.root())
}
