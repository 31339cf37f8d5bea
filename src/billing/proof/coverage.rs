//! Which usage records a statement of a period covers: how many, in how many runs, and the root of the tree over these. What is asked
//! is frozen once the period is closed, so that whoever asks then is told the same.

use std::collections::BTreeMap;

use super::leaf::Leaf;
use super::merkle::{Frontier, Hash, Room};
use super::tree;
use crate::domain::id::AppId;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::usage::UsageRow;
use crate::store::usage_run::{UsageRun, day};
use crate::store::{StoreError, Transaction};

/// What of an app's usage counts on its statements of a period.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    records: u64,
    runs: Frontier,
}

impl Coverage {
    /// How many usage records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// In how many runs: the leaves of its tree.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.leaves()
    }

    /// The root of the tree over the runs, by day and number of their first records.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.runs.root()
    }

    fn add(&mut self, records: u64, root: &Hash) {
        self.records = self.records.saturating_add(records);
        self.runs.push(tree::run(records, root));
    }
}

/// What of the usage of some apps counts in a period, by app; of one without any there is nothing. Runs of older programs have no root: it
/// is made of their records whose time is in the period. What such a program recorded of a closed period is in no tree.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn coverage(
    transaction: &mut Transaction,
    apps: &[AppId],
    (period, zone): (Period, &Zone),
) -> Result<BTreeMap<AppId, Coverage>, StoreError> {
    let ends = Timestamp::from_micros(period.end(zone).as_micros().saturating_sub(1));
    let days = (day(period.start(zone)), day(ends));
    let mut covered: BTreeMap<AppId, Coverage> = BTreeMap::new();
    let mut room = Room::default();
    for run in transaction.runs_of(apps, period, days).await? {
        let (records, root) = match run.root {
            Some(root) => (run.records(), root),
            None => older(transaction, &run, (period, zone), &mut room).await?,
        };
        if records > 0 {
            covered.entry(run.app).or_default().add(records, &root);
        }
    }
    Ok(covered)
}

/// How many records of a run of an older program are of a period, and the root over them.
async fn older(
    transaction: &mut Transaction,
    run: &UsageRun,
    (period, zone): (Period, &Zone),
    room: &mut Room,
) -> Result<(u64, Hash), StoreError> {
    let rows = transaction.usage_of_run(run).await?;
    let rows = rows.iter().filter(|row| Period::of(row.at, zone) == period);
    let tree = rows.map(|row| leaf_of(row, room)).collect::<Result<Frontier, StoreError>>()?;
    Ok((tree.leaves(), tree.root()))
}

/// The hash of the leaf of a record as the store has it.
///
/// # Errors
/// [`StoreError::Corrupt`] if it can be no record.
pub fn leaf_of(row: &UsageRow, room: &mut Room) -> Result<Hash, StoreError> {
    let leaf = Leaf::of_row(row).ok_or_else(|| StoreError::Corrupt { what: "usage".to_owned() })?;
    Ok(leaf.hash(room))
}
