//! Takes usage records from a node's journal into the books: records, charges, postings and the journal's position in
//! one transaction, so that each record is rated exactly once whatever crashes in between.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::books::{Books, BooksTime, Tariffs, tariffs};
use super::error::BillingError;
use super::posting::Origin;
use super::rating::Billable;
use crate::domain::id::NodeId;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::usage::{Evidence, UsageRecord};
use crate::metering::drain::{Drained, SinkError, UsageSink};
use crate::policy::live::Live;
use crate::store::transaction::Exclusive;
use crate::store::usage::Recorded;
use crate::store::usage_exception::{ExceptionKind, UsageException};
use crate::store::{Store, StoreError};

/// Records and rates the usage of one node.
pub struct Recorder {
    store: Store,
    node: NodeId,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    position: OnceCell<AtomicU64>,
    tariffs: Tariffs,
}

impl Recorder {
    /// A recorder for the journal of `node`.
    #[must_use]
    pub fn new(store: Store, node: NodeId, live: Arc<Live>, clock: Arc<dyn Clock>) -> Self {
        Self { store, node, live, clock, position: OnceCell::new(), tariffs: tariffs() }
    }
}

#[async_trait]
impl UsageSink for Recorder {
    async fn position(&self) -> Result<u64, SinkError> {
        let load = || async { self.store.journal_position(self.node.as_str()).await.map(AtomicU64::new) };
        let position = self
            .position
            .get_or_try_init(load)
            .await
            .map_err(|error| SinkError::from(BillingError::from(error)))?;
        Ok(position.load(Ordering::Acquire))
    }

    async fn record(&self, batch: Vec<Drained>, up_to: u64) -> Result<(), SinkError> {
        let time = BooksTime { zone: self.live.load().platform.zone.clone(), now: self.clock.now() };
        record(&self.store, &self.node, (batch, up_to), time, &self.tariffs).await?;
        if let Some(position) = self.position.get() {
            position.fetch_max(up_to, Ordering::AcqRel);
        }
        Ok(())
    }
}

/// Records a batch of a node's journal that ends at `up_to`. What was recorded before is passed over, so batches may
/// come again, and cut in another way.
///
/// # Errors
/// [`BillingError`]; then nothing of the batch is recorded.
pub async fn record_batch(
    store: &Store,
    node: &NodeId,
    (batch, up_to): (Vec<Drained>, u64),
    time: BooksTime,
) -> Result<(), BillingError> {
    record(store, node, (batch, up_to), time, &tariffs()).await
}

async fn record(
    store: &Store,
    node: &NodeId,
    (batch, up_to): (Vec<Drained>, u64),
    time: BooksTime,
    tariffs: &Tariffs,
) -> Result<(), BillingError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let position = transaction.journal_position(node.as_str()).await?;
    if up_to <= position {
        return Ok(());
    }
    let mut sorted = sort(batch, node, position, time.now);
    let repeated = transaction.insert_usage(&sorted.recorded).await?;
    sorted.set_aside(node, &repeated, time.now);
    let calls: Vec<Billable> =
        sorted.recorded.iter().filter_map(|recorded| Billable::of(&recorded.usage)).collect();
    let mut books = Books::open(&mut transaction, time, tariffs.clone(), &calls).await?;
    books.note_all(sorted.exceptions);
    books.rate(&calls).await?;
    let origin = Origin::Journal { node: node.clone(), first: position.saturating_add(1), last: up_to };
    books.write(&origin).await?;
    transaction.set_journal_position(node.as_str(), up_to).await?;
    transaction.commit().await?;
    Ok(())
}

/// What is new in a batch.
struct Sorted {
    recorded: Vec<Recorded>,
    exceptions: Vec<UsageException>,
}

impl Sorted {
    /// Takes out records whose ids the books have already, from another place: each is rated once, and someone must look.
    fn set_aside(&mut self, node: &NodeId, repeated: &[u64], now: Timestamp) {
        let repeated: HashSet<&u64> = repeated.iter().collect();
        let exceptions = &mut self.exceptions;
        self.recorded.retain(|recorded| {
            if repeated.contains(&recorded.sequence) {
                let reason = format!("usage record {} was recorded before", recorded.usage.id);
                exceptions.push(unread(node, (recorded.sequence, recorded.sequence), reason, now));
                return false;
            }
            exceptions.extend(exception_of(&recorded.usage));
            true
        });
    }
}

fn sort(batch: Vec<Drained>, node: &NodeId, position: u64, now: Timestamp) -> Sorted {
    let (mut recorded, mut exceptions) = (Vec::new(), Vec::new());
    for drained in batch {
        match drained {
            Drained::Usage(sequence, usage) if sequence > position => {
                recorded.push(Recorded { sequence, usage: *usage });
            }
            Drained::Unreadable(sequence, _, reason) if sequence > position => {
                exceptions.push(unread(node, (sequence, sequence), reason, now));
            }
            Drained::Lost(first, last) if last > position => {
                let first = first.max(position.saturating_add(1));
                let reason = "these records of the journal are lost to rot".to_owned();
                exceptions.push(unread(node, (first, last), reason, now));
            }
            Drained::Usage(..) | Drained::Unreadable(..) | Drained::Lost(..) => {}
        }
    }
    Sorted { recorded, exceptions }
}

fn unread(node: &NodeId, (first, last): (u64, u64), reason: String, at: Timestamp) -> UsageException {
    let id = format!("journal:{node}:{first}-{last}");
    UsageException { id, kind: ExceptionKind::Journal, at, usage: None, app: None, sale: None, reason }
}

/// A call whose worth is not known, or that was under no plan although it is worth something.
fn exception_of(usage: &UsageRecord) -> Option<UsageException> {
    let (kind, reason) = match (&usage.evidence, &usage.subscribed) {
        (Evidence::Exception { reason }, _) => (ExceptionKind::Evidence, reason.clone()),
        (Evidence::Billable { .. }, None) => {
            (ExceptionKind::Plan, "the call was billable and under no plan".to_owned())
        }
        (Evidence::Billable { .. }, Some(_)) | (Evidence::Free, _) => return None,
    };
    Some(UsageException {
        id: format!("usage:{}", usage.id),
        kind,
        at: usage.at,
        usage: Some(usage.id.to_string()),
        app: Some(usage.app.to_string()),
        sale: None,
        reason,
    })
}

impl From<BillingError> for SinkError {
    fn from(error: BillingError) -> Self {
        let reason = chain(&error);
        match error {
            BillingError::Store(StoreError::Unavailable { .. }) => Self::Unavailable(reason),
            BillingError::Store(
                StoreError::Conflict { .. }
                | StoreError::Missing { .. }
                | StoreError::Corrupt { .. }
                | StoreError::NewerSchema { .. }
                | StoreError::Address { .. },
            )
            | BillingError::Money(_)
            | BillingError::Posting(_)
            | BillingError::PlanUnknown(_)
            | BillingError::NotOpen(_)
            | BillingError::NotRatable(_)
            | BillingError::Unrated(_) => Self::Refused(reason),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
