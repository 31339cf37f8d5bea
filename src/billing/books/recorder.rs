//! Takes usage records from a node's journal into the books: records, charges, postings and the journal's position in
//! one transaction, so that each record is rated exactly once whatever crashes in between. What can be done of a batch before the one
//! before it is committed is done meanwhile ([`Ready`]).

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::ahead::{Ahead, Begun};
use super::batch::{Books, Sums};
use super::calendar::{BooksTime, Calendar};
use super::incoming::{Doubts, Incoming};
use super::memory::{Counted, Memory};
use super::prices::{Tariffs, tariffs};
use super::repeats::{self, Repeats};
pub use super::standing::JournalOf;
use super::standing::Standing;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::Origin;
use crate::billing::plans;
use crate::domain::id::SnapshotHash;
use crate::domain::time::{Clock, Timestamp};
use crate::metering::drain::{Drained, SinkError, UsageSink};
use crate::metering::tally::Tally;
use crate::policy::journal_terms::{Clocks, RecordTimes};
use crate::policy::live::Live;
use crate::policy::snapshot::Snapshot;
use crate::store::transaction::Exclusive;
use crate::store::usage_batch::Batch;
use crate::store::{Store, StoreError, Transaction};

/// Records and rates the usage of one node.
pub struct Recorder {
    store: Store,
    source: JournalOf,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    /// Where the books stand; `None` if they are to be asked.
    standing: Mutex<Option<Tally>>,
    tariffs: Tariffs,
    memory: Memory,
    /// The snapshot whose plan versions in force are kept, and when its next comes into force.
    plans: Mutex<Option<(SnapshotHash, Option<Timestamp>)>>,
}

/// A batch that is ready to be recorded: sorted, and with calls rated ahead if it is known what was counted before them.
pub struct Ready {
    incoming: Incoming,
    up_to: u64,
    ahead: Option<Ahead>,
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
        let standing = Standing::of(&mut transaction, &source).await?;
        standing.keep(&mut transaction, &source).await?;
        transaction.commit().await?;
        let (standing, plans) = (Mutex::new(Some(standing.tally)), Mutex::new(None));
        let (tariffs, memory) = (tariffs(), Memory::default());
        Ok(Self { store, source, live, clock, standing, tariffs, memory, plans })
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
        for version in plans::in_force(snapshot, now) {
            // Another node keeps it with other prices. Those hold; the calls of both are rated by them.
            if changed.iter().any(|changed| changed.plan == version.reference) {
                self.tariffs.invalidate(&version.reference);
                continue;
            }
            // The prices are the kept ones, but their places those of the files as they are now.
            self.tariffs.insert(version.reference.clone(), Arc::new(version.tariff.clone()));
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
        self.memory.forget();
        *self.plans.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn remember(&self, standing: Option<Tally>) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

#[async_trait]
impl UsageSink for Recorder {
    type Ready = Ready;

    async fn standing(&self) -> Result<Tally, SinkError> {
        let mut transaction = self.store.begin_reading().await.map_err(BillingError::from)?;
        let Standing { tally, .. } = Standing::of(&mut transaction, &self.source).await?;
        transaction.roll_back().await.map_err(BillingError::from)?;
        if self.remembered() != Some(tally) {
            self.forget();
        }
        self.remember(Some(tally));
        Ok(tally)
    }

    fn make_ready(&self, batch: Vec<Drained>, up_to: u64) -> Ready {
        let mut ready = Ready::sorted(batch, up_to);
        let snapshot = self.live.load();
        let time = BooksTime { zone: snapshot.platform.zone.clone(), now: self.clock.now() };
        let Incoming { records, after, .. } = &ready.incoming;
        let (at, known) = ((time, &snapshot.platform.record_times), (&self.tariffs, &self.memory));
        ready.ahead = Ahead::rate(records, (*after, up_to), at, known);
        ready
    }

    async fn take(&self, ready: Ready) -> Result<Tally, SinkError> {
        let taken = self.take_ready(ready).await;
        if taken.is_err() {
            // It may have been committed, or the store replaced by another.
            self.forget();
        }
        taken
    }
}

impl Recorder {
    async fn take_ready(&self, ready: Ready) -> Result<Tally, SinkError> {
        let (snapshot, now) = (self.live.load(), self.clock.now());
        self.keep_plans(&snapshot, now).await?;
        let time = BooksTime { zone: snapshot.platform.zone.clone(), now };
        let (times, known) = (Some(&snapshot.platform.record_times), (&self.tariffs, &self.memory));
        let tally = record(&self.store, &self.source, ready, (time, times), known).await?;
        self.remember(Some(tally));
        Ok(tally)
    }
}

impl Ready {
    fn sorted(batch: Vec<Drained>, up_to: u64) -> Self {
        Self { incoming: Incoming::sort(batch), up_to, ahead: None }
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
    let known = (&tariffs(), &Memory::default());
    record(store, source, Ready::sorted(batch, up_to), (time, None), known).await.map(drop)
}

/// Records a batch as if nothing of it was recorded before, as is nearly always so. The store says if an id is taken; then
/// it is asked which. Gives where the books stand then.
async fn record(
    store: &Store,
    source: &JournalOf,
    Ready { mut incoming, up_to, mut ahead }: Ready,
    (time, times): (BooksTime, Option<&RecordTimes>),
    (tariffs, memory): (&Tariffs, &Memory),
) -> Result<Tally, BillingError> {
    let mut transaction = begin(store).await?;
    let before = Standing::of(&mut transaction, source).await?;
    let position = before.tally.position;
    if up_to <= position {
        // What was rated of it ahead was counted once more.
        memory.forget();
        return Ok(before.tally);
    }
    incoming.begin_behind(position, &source.node, time.now)?;
    let taken = transaction.taken_places(&source.node, (position.saturating_add(1), up_to)).await?;
    let has_known = incoming.has_twice || !taken.is_empty();
    if has_known {
        incoming.set_aside(&source.node, &taken, time.now);
    }
    if has_known || incoming.after != position {
        // It was rated as if all of it was new.
        memory.forget();
        ahead = None;
    }
    set_repeats_free(&mut transaction, &mut incoming).await?;
    let (at, known) = ((time.clone(), times), (tariffs, memory));
    match take_in(transaction, (source, &before, up_to), (&incoming, ahead), at, known).await {
        Err(BillingError::Store(StoreError::Conflict { .. } | StoreError::Corrupt { .. })) => {
            memory.forget();
            let mut transaction = begin(store).await?;
            if Standing::of(&mut transaction, source).await?.tally != before.tally {
                return Err(BillingError::Gap { recorded: position, first: position.saturating_add(1) });
            }
            incoming.set_aside(&source.node, &transaction.taken_ids(&incoming.records).await?, time.now);
            set_repeats_free(&mut transaction, &mut incoming).await?;
            take_in(transaction, (source, &before, up_to), (&incoming, None), (time, times), known).await
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

/// Rates what is not rated yet, and keeps what is new up to a place, after what the books had before. Gives where they stand then.
async fn take_in(
    mut transaction: Transaction,
    (source, before, up_to): (&JournalOf, &Standing, u64),
    (incoming, ahead): (&Incoming, Option<Ahead>),
    (time, times): (BooksTime, Option<&RecordTimes>),
    (tariffs, memory): (&Tariffs, &Memory),
) -> Result<Tally, BillingError> {
    let (doubts, latest) = look_at_times(&mut transaction, before, incoming, (time.now, times)).await?;
    let position = before.tally.position;
    let first = position.saturating_add(1);
    let origin = Origin::Journal { node: source.node.clone(), first, last: up_to };
    let closed = transaction.closed_periods().await?;
    let numbers = memory.take_numbers();
    // Whether nobody else has added to the books, and all was committed that was written last.
    let is_alone = match &numbers {
        Some(numbers) => transaction.is_as_numbered(numbers).await?,
        None => false,
    };
    let mut numbers = numbers.unwrap_or_default();
    let holds = |ahead: &Ahead| {
        is_alone && ahead.holds(memory, (&time, &closed), (incoming.records.as_slice(), &doubts))
    };
    let mut ahead = ahead.filter(holds);
    let counted = if is_alone && ahead.is_none() { memory.take_counted(position) } else { None };
    if ahead.is_none() && counted.is_none() {
        // Whatever was counted is not what the books come to.
        memory.forget();
    }
    let age = memory.age();
    let mut running = counted.map(|(_, counted)| counted.running).unwrap_or_default();
    let mut sums = Sums::Unread;
    loop {
        let is_all = ahead.as_ref().is_some_and(Ahead::is_all);
        let rated = ahead.as_ref().map(Ahead::rated).unwrap_or_default();
        let calls = incoming.calls(&doubts, time.now, rated);
        if let Some(first) = calls.doubted.first().filter(|_| sums == Sums::Unread) {
            let calls = calls.doubted.len();
            tracing::error!(calls, first = first.reason, "calls of such times become exceptions");
        }
        let begun = ahead.take().map(Ahead::begun);
        let begun = begun.unwrap_or_else(|| Begun::after(std::mem::take(&mut running)));
        let calendar = Calendar::new(time.clone(), closed.clone());
        let going_on = Books::go_on(&mut transaction, calendar, tariffs, &calls.believed, (sums, begun));
        let mut books = going_on.await?;
        books.note_all(calls.exceptions);
        books.note_all(calls.doubted);
        books.rate(&calls.believed).await?;
        if is_all || sums == Sums::Read || books.is_far_from_bounds().await? {
            // From here on the next batch is rated ahead; not if statements are so large that they are read each time.
            if !is_all {
                let running = books.totals.take_running();
                memory.keep_counted(age, Counted { up_to, running, closed });
            }
            let batch = Batch { records: &incoming.records, head: incoming.head.as_ref() };
            books.write(&origin, batch, &mut numbers).await?;
            break;
        }
        memory.forget();
        sums = Sums::Read;
    }
    keep_repeats(&mut transaction, &incoming.repeats, time.now).await?;
    let standing = before.after(&incoming.counts, up_to, latest);
    standing.keep(&mut transaction, source).await?;
    transaction.commit().await?;
    memory.keep_numbers(numbers);
    Ok(standing.tally)
}

/// Why times of calls are not believed, and the journal's latest call that is.
async fn look_at_times(
    transaction: &mut Transaction,
    before: &Standing,
    incoming: &Incoming,
    (now, times): (Timestamp, Option<&RecordTimes>),
) -> Result<(Doubts, Option<Timestamp>), BillingError> {
    let Some(times) = times else { return Ok((Doubts::new(), before.latest)) };
    let near = times.near(now);
    let clocks = Clocks { now, latest: transaction.latest_call(near).await? };
    let (doubts, latest) = incoming.doubts(times, clocks);
    // Once a call is believed, one that was ahead of it is not any more.
    let was_ahead = |at: &Timestamp| *at > near.1;
    let before = before.latest;
    let latest = latest.map_or(before, |latest| before.filter(|at| !was_ahead(at)).max(Some(latest)));
    Ok((doubts, latest))
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
            | BillingError::NotWrittenOff(_)
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
