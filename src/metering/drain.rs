//! Moves usage records from the journal to where they are rated, each exactly once.
//!
//! The sink keeps records and position in one transaction; after any crash the drain goes on from that position. No
//! single record stops it: one that the sink refuses becomes an exception, and those behind it go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::{JoinError, JoinHandle};

use super::omission::{self, Omission};
use super::record::{self, Decoder};
use super::tally::{DrainState, Tally};
use crate::domain::usage::UsageRecord;
use crate::journal::chain::Head;
use crate::journal::error::JournalError;
use crate::journal::frame::Sequence;
use crate::journal::reader::{Entry, Reader};
use crate::journal::state::State;

/// Most records in one batch: whatever a batch costs by itself, and for each app in it, is divided by them. The writer of a
/// SQLite file is busy with one for some 0.5 s.
const MAX_BATCH: usize = 65_536;
/// A batch is followed at once by the next if so many records wait for that, which is read and made ready while the sink takes the one
/// before.
const BACKLOG: u64 = MAX_BATCH as u64 / 2;
/// How long to let records gather after a batch: at least, at most, and for each record of the batch. So the books are close
/// behind what is idle, and under load have few large batches instead of many small ones.
const PAUSE: (Duration, Duration, Duration) =
    (Duration::from_millis(50), Duration::from_millis(500), Duration::from_micros(200));
/// How long to wait at first before a failed batch is tried again; twice as long each time.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// After so many looks in vain for new records, each [`RETRY_AFTER`] after the one before, the sink is asked where it stands: it may have
/// been put back to an older copy, and lack records that no new one would tell of.
const LOOKS: u32 = 8;
/// Longest wait between tries.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// What stands at a place of the journal.
#[derive(Debug, Clone)]
pub enum Drained {
    /// A usage record.
    Usage(Sequence, Box<UsageRecord>),
    /// Bytes that no usage can be recorded from, because they are no usage record or because the sink refused it by
    /// itself, and why: someone must look at them.
    Unreadable(Sequence, Vec<u8>, String),
    /// Records that are lost to rot or given up, first and last: someone must look for them.
    Lost(Sequence, Sequence),
    /// A record that stands for calls of which the journal could take none.
    Omitted(Sequence, Omission),
    /// No record, but the head of the journal's chain: that in the last seal at or before this place, up to which all has been
    /// read. Kept with the batch that it ends, it proves which bytes that came of.
    Head(Sequence, Head),
}

/// Why the sink did not take a batch; nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The sink is out of reach; the same batch may be taken later.
    #[error("usage records cannot be recorded now: {0}")]
    Unavailable(String),
    /// Something in the batch cannot be recorded, now or later.
    #[error("usage records were refused: {0}")]
    Refused(String),
    /// The batch does not begin right after the sink's position, which this is: read on from there.
    #[error("the journal is to be read on from record {0}")]
    Behind(Sequence),
}

/// Where usage records go.
#[async_trait]
pub trait UsageSink: Send + Sync + 'static {
    /// A batch that was made ready.
    type Ready: Send + 'static;

    /// Where it stands now: the last record that was taken, and what became of all up to it.
    async fn standing(&self) -> Result<Tally, SinkError>;

    /// Does what can be done of a batch that ends at `up_to` before it is taken, and while the one before may still be: it may keep its
    /// thread from other work for that. Whether either is ever taken is not known here.
    fn make_ready(&self, batch: Vec<Drained>, up_to: Sequence) -> Self::Ready;

    /// Takes a batch and moves the position to where it ends, both or neither. What is at or before the position is
    /// passed over. Gives where it stands then.
    async fn take(&self, ready: Self::Ready) -> Result<Tally, SinkError>;

    /// Makes a batch ready and takes it.
    async fn record(&self, batch: Vec<Drained>, up_to: Sequence) -> Result<Tally, SinkError> {
        self.take(self.make_ready(batch, up_to)).await
    }
}

/// Why the drain waits.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
    #[error("the journal is not read any more")]
    Reading(#[from] JoinError),
    /// Written by a newer program that ran here before: only such a one can read it, and nothing behind it is passed.
    #[error(
        "journal record {0} has format {1}, which only a newer version of this program reads: install that one"
    )]
    Newer(Sequence, u8),
}

/// Drains until `stop` resolves and all that is committed by then has been taken.
pub async fn drain<S: UsageSink>(
    reader: Reader,
    journal: Arc<State>,
    sink: Arc<S>,
    state: Arc<DrainState>,
    stop: impl Future<Output = ()>,
) {
    let mut committed = journal.subscribe();
    let mut stop = std::pin::pin!(stop);
    let mut is_stopping = false;
    let mut retry_after = RETRY_AFTER;
    let mut looks = 0;
    let reader = Arc::new(Mutex::new(reader));
    let mut drain =
        Drain { reader, journal: &journal, sink: &sink, state: &state, standing: None, ahead: None };
    loop {
        match drain.step().await {
            Ok(0) if is_stopping => return,
            Ok(0) => {}
            Ok(records) => {
                looks = 0;
                retry_after = RETRY_AFTER;
                if !is_stopping && !drain.is_behind(state.tally().position) {
                    tokio::select! {
                        () = &mut stop => is_stopping = true,
                        () = tokio::time::sleep(pause(records)) => {}
                    }
                }
                continue;
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "usage records wait in the journal");
                state.failed();
                drain.standing = None;
                if is_stopping {
                    return;
                }
                // New records are no reason to try sooner: a sink that is down is asked ever less often.
                tokio::select! {
                    () = &mut stop => is_stopping = true,
                    () = tokio::time::sleep(retry_after) => {}
                }
                retry_after = (retry_after * 2).min(MAX_RETRY_AFTER);
                continue;
            }
        }
        tokio::select! {
            () = &mut stop, if !is_stopping => is_stopping = true,
            _ = committed.changed() => {}
            () = tokio::time::sleep(RETRY_AFTER) => looks += 1,
        }
        if looks >= LOOKS {
            looks = 0;
            drain.ask_again().await;
        }
    }
}

/// How long to wait after a batch of so many records.
fn pause(records: usize) -> Duration {
    let (least, most, each) = PAUSE;
    each.saturating_mul(u32::try_from(records).unwrap_or(u32::MAX)).clamp(least, most)
}

struct Drain<'d, S: UsageSink> {
    reader: Arc<Mutex<Reader>>,
    journal: &'d State,
    sink: &'d Arc<S>,
    state: &'d DrainState,
    /// Where the sink stands, once it is known. It is asked again after each error.
    standing: Option<Tally>,
    /// The batch after the one that the sink has, if that was begun already: from where, and itself.
    ahead: Option<(Sequence, Reading<S>)>,
}

/// A batch that is being read and made ready.
type Reading<S> = JoinHandle<Result<Batch<<S as UsageSink>::Ready>, JournalError>>;

/// Entries of the journal, and what the sink has made of them.
struct Batch<R> {
    entries: Vec<Entry>,
    /// None of nothing.
    ready: Option<R>,
    /// The head of the chain behind them.
    head: Option<Drained>,
    /// The last sequence of them.
    last: Sequence,
    /// What follows, if only a newer program can read it.
    newer: Option<DrainError>,
}

impl<S: UsageSink> Drain<'_, S> {
    /// Moves one batch, and tells how many entries it had.
    async fn step(&mut self) -> Result<usize, DrainError> {
        let standing = match self.standing {
            Some(standing) => standing,
            None => self.sink.standing().await?,
        };
        self.standing = Some(standing);
        self.state.stands_at(standing);
        let Batch { entries, ready, head, last, newer } = self.read(standing.position).await??;
        if newer.is_none() && self.is_behind(last) {
            self.ahead = Some((last, self.begin_reading(last)));
        }
        self.hand_over(&entries, ready, head).await?;
        if let Some(newer) = newer {
            return Err(newer);
        }
        self.standing = Some(self.state.tally());
        Ok(entries.len())
    }

    /// The batch after a position.
    async fn read(&mut self, position: Sequence) -> Result<Result<Batch<S::Ready>, JournalError>, JoinError> {
        match self.ahead.take() {
            Some((from, reading)) if from == position => reading.await,
            Some(_) | None => self.begin_reading(position).await,
        }
    }

    /// Begins to read the batch after a position, on a thread that may be kept from other work by it.
    fn begin_reading(&self, position: Sequence) -> Reading<S> {
        let (reader, sink) = (self.reader.clone(), self.sink.clone());
        tokio::task::spawn_blocking(move || {
            Batch::read(&mut reader.lock().unwrap_or_else(PoisonError::into_inner), position, &*sink)
        })
    }

    /// Whether many records wait behind a position.
    fn is_behind(&self, position: Sequence) -> bool {
        self.journal.committed().saturating_sub(position) >= BACKLOG
    }

    /// Asks the sink where it stands. If it cannot be asked, the next batch says so.
    async fn ask_again(&mut self) {
        if let Ok(standing) = self.sink.standing().await {
            self.standing = Some(standing);
        }
    }

    /// Hands entries over in order, of which all together are `ready`, and `head` with the last of them. What the sink refuses is halved
    /// until the one that it refuses stands alone.
    async fn hand_over(
        &self,
        entries: &[Entry],
        mut ready: Option<S::Ready>,
        head: Option<Drained>,
    ) -> Result<(), SinkError> {
        let mut parts = vec![entries];
        while let Some(part) = parts.pop() {
            let taken = match ready.take() {
                Some(whole) => self.sink.take(whole).await.map(|tally| self.state.stands_at(tally)),
                None => {
                    let head = head.clone().filter(|_| parts.is_empty());
                    self.record(decoded(part).into_iter().chain(head).collect()).await
                }
            };
            match (taken, part) {
                (Ok(()), _) => {}
                (Err(SinkError::Refused(reason)), [Entry::Record(sequence, payload)]) => {
                    self.set_aside(*sequence, payload, reason).await?;
                }
                (Err(SinkError::Refused(_)), [_, _, ..]) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    async fn set_aside(&self, sequence: Sequence, payload: &[u8], reason: String) -> Result<(), SinkError> {
        tracing::error!(sequence, reason, "the books refuse a usage record; it becomes an exception");
        self.record(vec![Drained::Unreadable(sequence, payload.to_vec(), reason)]).await?;
        self.state.refused_one();
        Ok(())
    }

    async fn record(&self, batch: Vec<Drained>) -> Result<(), SinkError> {
        let Some(up_to) = batch.last().map(Drained::last) else { return Ok(()) };
        self.state.stands_at(self.sink.record(batch, up_to).await?);
        Ok(())
    }
}

impl Drained {
    /// The last sequence of it.
    #[must_use]
    pub fn last(&self) -> Sequence {
        match self {
            Self::Usage(sequence, _)
            | Self::Unreadable(sequence, ..)
            | Self::Lost(_, sequence)
            | Self::Omitted(sequence, _)
            | Self::Head(sequence, _) => *sequence,
        }
    }
}

impl<R> Batch<R> {
    /// Reads what follows a position, and has the sink make it ready.
    fn read(
        reader: &mut Reader,
        position: Sequence,
        sink: &impl UsageSink<Ready = R>,
    ) -> Result<Self, JournalError> {
        if reader.position() != position {
            reader.rewind(position);
        }
        let mut entries = reader.next_batch(MAX_BATCH)?;
        let newer = cut_newer(&mut entries);
        let last = reader.position();
        // It proves nothing of what nobody has read, nor of nothing.
        let head = reader.head().filter(|_| newer.is_none() && !entries.is_empty());
        let head = head.map(|head| Drained::Head(last, head));
        let drained: Vec<Drained> = decoded(&entries).into_iter().chain(head.clone()).collect();
        let up_to = drained.last().map(Drained::last);
        let ready = up_to.map(|up_to| sink.make_ready(drained, up_to));
        Ok(Self { entries, ready, head, last, newer })
    }
}

/// Cuts entries off from the first on that only a newer program reads, and gives the error that this is.
fn cut_newer(entries: &mut Vec<Entry>) -> Option<DrainError> {
    let newer = entries.iter().enumerate().find_map(|(place, entry)| match entry {
        Entry::Record(sequence, payload) => {
            record::newer_format(payload).map(|format| (place, DrainError::Newer(*sequence, format)))
        }
        Entry::Lost(..) => None,
    });
    let (place, error) = newer?;
    entries.truncate(place);
    Some(error)
}

fn decoded(entries: &[Entry]) -> Vec<Drained> {
    let mut decoder = Decoder::default();
    entries.iter().map(|entry| decode(entry, &mut decoder)).collect()
}

fn decode(entry: &Entry, decoder: &mut Decoder) -> Drained {
    let (sequence, payload) = match entry {
        Entry::Lost(from, to) => return Drained::Lost(*from, *to),
        Entry::Record(sequence, payload) => (*sequence, payload),
    };
    let read = match omission::is_one(payload) {
        true => omission::decode(payload).map(|omission| Drained::Omitted(sequence, omission)),
        false => decoder.decode(payload).map(|record| Drained::Usage(sequence, Box::new(record))),
    };
    read.unwrap_or_else(|error| Drained::Unreadable(sequence, payload.clone(), error.to_string()))
}
