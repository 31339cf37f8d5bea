//! Moves usage records from the journal to where they are rated, each exactly once.
//!
//! The sink keeps records and position in one transaction; after any crash the drain goes on from that position. No
//! single record stops it: one that the sink refuses becomes an exception, and those behind it go on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::omission::{self, Omission};
use super::record;
use super::tally::{DrainState, Tally};
use crate::domain::usage::UsageRecord;
use crate::journal::chain::Head;
use crate::journal::error::JournalError;
use crate::journal::frame::Sequence;
use crate::journal::reader::{Entry, Reader};
use crate::journal::state::State;

/// Most records in one batch: whatever a batch costs by itself, and for each app in it, is divided by them. The writer of a
/// SQLite file is busy with one for some 0.1 s.
const MAX_BATCH: usize = 16_000;
/// Most records in one batch while at least so many wait, as after an outage or when more comes than the books take otherwise:
/// what a batch costs for each app is divided by more. The writer of a SQLite file is busy with one for some 0.5 s.
const MAX_CATCHING_UP: usize = 65_536;
/// A batch is followed at once by the next if so many records wait for that.
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
pub trait UsageSink: Send + Sync {
    /// Where it stands now: the last record that was taken, and what became of all up to it.
    async fn standing(&self) -> Result<Tally, SinkError>;

    /// Takes a batch and moves the position to `up_to`, both or neither. What is at or before the position is
    /// passed over. Gives where it stands then.
    async fn record(&self, batch: Vec<Drained>, up_to: Sequence) -> Result<Tally, SinkError>;
}

/// Why the drain waits.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
    /// Written by a newer program that ran here before: only such a one can read it, and nothing behind it is passed.
    #[error(
        "journal record {0} has format {1}, which only a newer version of this program reads: install that one"
    )]
    Newer(Sequence, u8),
}

/// Drains until `stop` resolves and all that is committed by then has been taken.
pub async fn drain(
    reader: Reader,
    journal: Arc<State>,
    sink: Arc<dyn UsageSink>,
    state: Arc<DrainState>,
    stop: impl Future<Output = ()>,
) {
    let mut committed = journal.subscribe();
    let mut stop = std::pin::pin!(stop);
    let mut is_stopping = false;
    let mut retry_after = RETRY_AFTER;
    let mut looks = 0;
    let mut drain = Drain { reader, journal: &journal, sink: &*sink, state: &state, standing: None };
    loop {
        match drain.step().await {
            Ok(0) if is_stopping => return,
            Ok(0) => {}
            Ok(records) => {
                looks = 0;
                retry_after = RETRY_AFTER;
                let is_behind = journal.committed().saturating_sub(drain.reader.position()) >= BACKLOG;
                if !is_stopping && !is_behind {
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

struct Drain<'d> {
    reader: Reader,
    journal: &'d State,
    sink: &'d dyn UsageSink,
    state: &'d DrainState,
    /// Where the sink stands, once it is known. It is asked again after each error.
    standing: Option<Tally>,
}

impl Drain<'_> {
    /// Moves one batch, and tells how many entries it had.
    async fn step(&mut self) -> Result<usize, DrainError> {
        let standing = match self.standing {
            Some(standing) => standing,
            None => self.sink.standing().await?,
        };
        self.standing = Some(standing);
        self.state.stands_at(standing);
        if self.reader.position() != standing.position {
            self.reader.rewind(standing.position);
        }
        let entries = self.reader.next_batch(self.most_at_once())?;
        if entries.is_empty() {
            return Ok(0);
        }
        let (known, newer) = until_newer(&entries);
        let head = self.reader.head().filter(|_| newer.is_none());
        self.hand_over(known, head.map(|head| Drained::Head(self.reader.position(), head))).await?;
        if let Some(newer) = newer {
            return Err(newer);
        }
        self.standing = Some(self.state.tally());
        Ok(entries.len())
    }

    /// Asks the sink where it stands. If it cannot be asked, the next batch says so.
    async fn ask_again(&mut self) {
        if let Ok(standing) = self.sink.standing().await {
            self.standing = Some(standing);
        }
    }

    /// How many records the next batch may have.
    fn most_at_once(&self) -> usize {
        let waiting = self.journal.committed().saturating_sub(self.reader.position());
        if waiting < MAX_CATCHING_UP as u64 { MAX_BATCH } else { MAX_CATCHING_UP }
    }

    /// Hands entries over in order, and `head` with the last of them. What the sink refuses is halved until the one that it
    /// refuses stands alone.
    async fn hand_over(&self, entries: &[Entry], head: Option<Drained>) -> Result<(), SinkError> {
        let mut parts = vec![entries];
        while let Some(part) = parts.pop() {
            let head = head.clone().filter(|_| parts.is_empty());
            match (self.record(part.iter().map(decode).chain(head).collect()).await, part) {
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

/// The entries before the first that only a newer program reads, and the error that this is.
fn until_newer(entries: &[Entry]) -> (&[Entry], Option<DrainError>) {
    let newer = entries.iter().enumerate().find_map(|(place, entry)| match entry {
        Entry::Record(sequence, payload) => {
            record::newer_format(payload).map(|format| (place, DrainError::Newer(*sequence, format)))
        }
        Entry::Lost(..) => None,
    });
    match newer {
        Some((place, error)) => (&entries[..place], Some(error)),
        None => (entries, None),
    }
}

fn decode(entry: &Entry) -> Drained {
    let (sequence, payload) = match entry {
        Entry::Lost(from, to) => return Drained::Lost(*from, *to),
        Entry::Record(sequence, payload) => (*sequence, payload),
    };
    let read = match omission::is_one(payload) {
        true => omission::decode(payload).map(|omission| Drained::Omitted(sequence, omission)),
        false => record::decode(payload).map(|record| Drained::Usage(sequence, Box::new(record))),
    };
    read.unwrap_or_else(|error| Drained::Unreadable(sequence, payload.clone(), error.to_string()))
}
