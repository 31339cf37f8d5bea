//! Takes usage records from a node's journal into the books: records, charges, postings and the journal's position in
//! one transaction, so that each record is rated exactly once whatever crashes in between.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::batch::{Books, Sums, Tariffs, tariffs};
use super::calendar::BooksTime;
use super::incoming::{Calls, Incoming};
use super::repeats::{self, Repeats};
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::Origin;
use crate::billing::plans;
use crate::billing::rating::Running;
use crate::domain::id::{NodeId, SnapshotHash};
use crate::domain::time::{Clock, Timestamp};
use crate::metering::drain::{Drained, SinkError, UsageSink};
use crate::metering::tally::Tally;
use crate::policy::journal_terms::{Clocks, RecordTimes};
use crate::policy::live::Live;
use crate::policy::snapshot::Snapshot;
use crate::store::journal_position::JournalCounts;
use crate::store::numbers::Numbers;
use crate::store::transaction::Exclusive;
use crate::store::usage_batch::Batch;
use crate::store::{Store, StoreError, Transaction};

/// A journal: the node that writes it, and its own identity, as two nodes may bear one name by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalOf {
    /// The node.
    pub node: NodeId,
    /// The journal's identity.
    pub journal: String,
}

/// Records and rates the usage of one node.
pub struct Recorder {
    store: Store,
    source: JournalOf,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    /// Where the books stand; `None` if they are to be asked.
    standing: Mutex<Option<Tally>>,
    tariffs: Tariffs,
    /// Taken out for a batch, put back when it is committed.
    memory: Mutex<Option<Memory>>,
    /// The snapshot whose plan versions in force are kept, and when its next comes into force.
    plans: Mutex<Option<(SnapshotHash, Option<Timestamp>)>>,
}

/// Where the books stand with a journal, and its latest call that they believe.
#[derive(Debug, Clone, Copy)]
struct Standing {
    tally: Tally,
    latest: Option<Timestamp>,
}

/// What is remembered from batch to batch. It is lost with a batch that is not committed, as that may have added to it.
#[derive(Debug, Default)]
struct Memory {
    /// What the books' numbers mean.
    numbers: Numbers,
    /// What was counted.
    running: Running,
}

impl Recorder {
    /// A recorder for a journal, whose node's name is taken from now on: no other journal is recorded under it.
    ///
    /// # Errors
    /// [`BillingError::AnotherJournal`] if another has the name already; [`BillingError::Store`].
    pub async fn open(
        store: Store,
        source: JournalOf,
        live: Arc<Live>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BillingError> {
        let mut transaction = store.begin().await?;
        transaction.hold(Exclusive::Billing).await?;
        let standing = standing(&mut transaction, &source).await?;
        let tally = standing.tally;
        keep_standing(&mut transaction, &source, &standing).await?;
        transaction.commit().await?;
        let (standing, plans, memory) = (Mutex::new(Some(tally)), Mutex::new(None), Mutex::new(None));
        Ok(Self { store, source, live, clock, standing, tariffs: tariffs(), memory, plans })
    }

    /// Where the books stood when they were last heard of.
    #[must_use]
    pub fn last_known(&self) -> Tally {
        self.remembered().unwrap_or_default()
    }

    /// Keeps plan versions that have come into force since the files were loaded, before anything is rated by them.
    async fn keep_plans(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), SinkError> {
        let hash = &snapshot.hash;
        let is_done = match &*self.plans.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((kept, next)) => kept == hash && next.is_none_or(|next| now < next),
            None => false,
        };
        if is_done {
            return Ok(());
        }
        let changed = plans::keep_due(&self.store, snapshot, now).await.map_err(BillingError::from)?;
        // The prices are the kept ones, but their places those of the files as they are now.
        for version in plans::in_force(snapshot, now) {
            self.tariffs.insert(version.reference.clone(), Arc::new(version.tariff.clone()));
        }
        // Another node keeps it with other prices. Those hold; the calls of both are rated by them.
        for changed in changed {
            self.tariffs.invalidate(&changed.plan);
        }
        let done = Some((hash.clone(), plans::next_after(snapshot, now)));
        *self.plans.lock().unwrap_or_else(PoisonError::into_inner) = done;
        Ok(())
    }

    fn remembered(&self) -> Option<Tally> {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was learnt of a store that may be another now, or have been put back.
    fn forget(&self) {
        self.remember(None);
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.plans.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn remember(&self, standing: Option<Tally>) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

#[async_trait]
impl UsageSink for Recorder {
    async fn standing(&self) -> Result<Tally, SinkError> {
        let mut transaction = self.store.begin_reading().await.map_err(BillingError::from)?;
        let Standing { tally, .. } = standing(&mut transaction, &self.source).await?;
        transaction.roll_back().await.map_err(BillingError::from)?;
        if self.remembered() != Some(tally) {
            self.forget();
        }
        self.remember(Some(tally));
        Ok(tally)
    }

    async fn record(&self, batch: Vec<Drained>, up_to: u64) -> Result<Tally, SinkError> {
        let (snapshot, now) = (self.live.load(), self.clock.now());
        self.keep_plans(&snapshot, now).await?;
        let time = BooksTime { zone: snapshot.platform.zone.clone(), now };
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).take();
        let memory = (&self.tariffs, memory.unwrap_or_default());
        let times = Some(&snapshot.platform.record_times);
        match record(&self.store, &self.source, (batch, up_to), (time, times), memory).await {
            Ok((memory, tally)) => {
                *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(memory);
                self.remember(Some(tally));
                Ok(tally)
            }
            Err(error) => {
                // It may have been committed, or the store replaced by another.
                self.forget();
                Err(error.into())
            }
        }
    }
}

/// Records a batch of a journal that ends at `up_to`. What was recorded before is passed over, so batches may come
/// again, and cut in another way; but none may leave out what comes before it. The time of each call is believed.
///
/// # Errors
/// [`BillingError`]; then nothing of the batch is recorded.
pub async fn record_batch(
    store: &Store,
    source: &JournalOf,
    (batch, up_to): (Vec<Drained>, u64),
    time: BooksTime,
) -> Result<(), BillingError> {
    record(store, source, (batch, up_to), (time, None), (&tariffs(), Memory::default())).await.map(drop)
}

/// Records a batch as if nothing of it was recorded before, as is nearly always so. The store says if an id is taken; then
/// it is asked which. Gives where the books stand then.
async fn record(
    store: &Store,
    source: &JournalOf,
    (batch, up_to): (Vec<Drained>, u64),
    (time, times): (BooksTime, Option<&RecordTimes>),
    (tariffs, memory): (&Tariffs, Memory),
) -> Result<(Memory, Tally), BillingError> {
    let mut transaction = begin(store).await?;
    let before = standing(&mut transaction, source).await?;
    let position = before.tally.position;
    if up_to <= position {
        return Ok((memory, before.tally));
    }
    let span = (position.saturating_add(1), up_to);
    let mut incoming = Incoming::sort(batch, &source.node, position, time.now)?;
    incoming.set_aside(&source.node, &transaction.taken_places(&source.node, span).await?, time.now);
    set_repeats_free(&mut transaction, &mut incoming).await?;
    let at = (time.clone(), times);
    incoming.put_together();
    match take_in(transaction, (source, &before, up_to), &incoming, at, (tariffs, memory)).await {
        Err(BillingError::Store(StoreError::Conflict { .. } | StoreError::Corrupt { .. })) => {
            let mut transaction = begin(store).await?;
            if standing(&mut transaction, source).await?.tally != before.tally {
                return Err(BillingError::Gap { recorded: position, first: span.0 });
            }
            incoming.set_aside(&source.node, &transaction.taken_ids(&incoming.records).await?, time.now);
            set_repeats_free(&mut transaction, &mut incoming).await?;
            let memory = (tariffs, Memory::default());
            take_in(transaction, (source, &before, up_to), &incoming, (time, times), memory).await
        }
        taken => taken,
    }
}

/// Has what is no new call cost nothing.
async fn set_repeats_free(
    transaction: &mut Transaction,
    incoming: &mut Incoming,
) -> Result<(), BillingError> {
    let known = transaction.repeatable_calls(&repeats::digests(&incoming.records)).await?;
    incoming.repeats.set_free(&mut incoming.records, known);
    Ok(())
}

/// Keeps which calls may come again, and what became of those that came again.
async fn keep_repeats(
    transaction: &mut Transaction,
    repeats: &Repeats,
    now: Timestamp,
) -> Result<(), BillingError> {
    transaction.keep_repeatable_calls(&repeats.kept).await?;
    transaction.insert_repeats(&repeats.free).await?;
    transaction.insert_repeats(&repeats.answered).await?;
    transaction.insert_resolutions(&repeats.resolutions(now)).await?;
    if let Some((usage, first)) = repeats.done_again.first() {
        let calls = repeats.done_again.len();
        tracing::error!(
            %usage, %first, calls,
            "calls came again with their Idempotency-Key, and are other transactions: they are billed, and their upstream is not \
             idempotent, as the policies say that it is"
        );
    }
    Ok(())
}

async fn begin(store: &Store) -> Result<Transaction, BillingError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    Ok(transaction)
}

/// Rates and keeps what is new up to a place, after what the books had before. Gives where they stand then.
async fn take_in(
    mut transaction: Transaction,
    (source, before, up_to): (&JournalOf, &Standing, u64),
    incoming: &Incoming,
    (time, times): (BooksTime, Option<&RecordTimes>),
    (tariffs, memory): (&Tariffs, Memory),
) -> Result<(Memory, Tally), BillingError> {
    let near = times.map(|times| times.near(time.now));
    let of_all = match near {
        Some(near) => transaction.latest_call(near).await?,
        None => None,
    };
    let clocks = Clocks { now: time.now, latest: of_all };
    let Calls { believed: calls, doubted, exceptions, latest } = incoming.calls(times, clocks);
    // Once a call is believed, one that was ahead of it is not any more.
    let was_ahead = |at: &Timestamp| near.is_some_and(|(_, to)| *at > to);
    let latest =
        latest.map_or(before.latest, |latest| before.latest.filter(|at| !was_ahead(at)).max(Some(latest)));
    if let Some(first) = doubted.first() {
        tracing::error!(calls = doubted.len(), first = first.reason, "calls of such times become exceptions");
    }
    let first = before.tally.position.saturating_add(1);
    let origin = Origin::Journal { node: source.node.clone(), first, last: up_to };
    let Memory { mut numbers, mut running } = memory;
    if !transaction.is_as_numbered(&numbers).await? {
        running = Running::default();
    }
    let mut sums = Sums::Unread;
    let running = loop {
        let counted = (sums, std::mem::take(&mut running));
        let mut books = Books::open(&mut transaction, time.clone(), tariffs.clone(), &calls, counted).await?;
        books.note_all(exceptions.clone());
        books.note_all(doubted.clone());
        books.rate(&calls).await?;
        if sums == Sums::Read || books.is_far_from_bounds().await? {
            let batch = Batch { records: &incoming.records, head: incoming.head.as_ref() };
            break books.write(&origin, batch, &mut numbers).await?;
        }
        sums = Sums::Read;
    };
    keep_repeats(&mut transaction, &incoming.repeats, time.now).await?;
    let tally = after(&before.tally, &incoming.counts, up_to);
    keep_standing(&mut transaction, source, &Standing { tally, latest }).await?;
    transaction.commit().await?;
    Ok((Memory { numbers, running }, tally))
}

/// Where the books stand once they have taken so many up to a place.
fn after(before: &Tally, taken: &JournalCounts, up_to: u64) -> Tally {
    Tally {
        position: up_to,
        recorded: before.recorded.saturating_add(taken.recorded),
        excepted: before.excepted.saturating_add(taken.excepted),
        omissions: before.omissions.saturating_add(taken.omissions),
        omitted: before.omitted.saturating_add(taken.omitted),
    }
}

/// How far a journal is recorded and what became of it, if it is the one that the books know by its node's name, or the first.
async fn standing(transaction: &mut Transaction, source: &JournalOf) -> Result<Standing, BillingError> {
    let node = source.node.as_str();
    let place = transaction.journal_place(node).await?;
    if let Some(known) = place.journal.filter(|known| *known != source.journal) {
        let given = source.journal.clone();
        return Err(BillingError::AnotherJournal { node: source.node.clone(), known, given });
    }
    let (position, JournalCounts { mut recorded, mut excepted, omissions, omitted }) =
        (place.sequence, place.counts);
    if place.is_uncounted {
        // The journal has no gaps: what became nothing else was recorded.
        let others = position.saturating_sub(omissions);
        excepted = transaction.excepted_records(node).await?.min(others);
        recorded = others.saturating_sub(excepted);
    }
    let tally = Tally { position, recorded, excepted, omissions, omitted };
    Ok(Standing { tally, latest: place.latest })
}

async fn keep_standing(
    transaction: &mut Transaction,
    source: &JournalOf,
    Standing { tally, latest }: &Standing,
) -> Result<(), BillingError> {
    let Tally { position, recorded, excepted, omissions, omitted } = *tally;
    let counts = JournalCounts { recorded, excepted, omissions, omitted };
    let known = (&counts, *latest);
    Ok(transaction.keep_journal_place(source.node.as_str(), &source.journal, position, known).await?)
}

impl From<BillingError> for SinkError {
    fn from(error: BillingError) -> Self {
        let reason = chain(&error);
        match error {
            BillingError::Gap { recorded, .. } => Self::Behind(recorded),
            // Nothing is wrong with the records: they wait until someone has told the nodes apart, or mended the store.
            BillingError::AnotherJournal { .. }
            | BillingError::Store(
                StoreError::Unavailable { .. } | StoreError::Damaged { .. } | StoreError::NewerSchema { .. },
            ) => Self::Unavailable(reason),
            BillingError::Store(
                StoreError::Conflict { .. }
                | StoreError::Missing { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Address { .. },
            )
            | BillingError::Money(_)
            | BillingError::Posting(_)
            | BillingError::PlanUnknown(_)
            | BillingError::NotOpen(_)
            | BillingError::ResolvedOtherwise(_)
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
