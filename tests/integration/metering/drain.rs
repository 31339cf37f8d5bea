//! The drain over a real journal, into sinks with moods.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tollgate::domain::id::{AppId, NodeId, PartnerId, SnapshotHash};
use tollgate::domain::principal::CredentialKind;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::time::{ManualClock, Timestamp};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::metering::drain::{Drained, SinkError, UsageSink, drain};
use tollgate::metering::record;
use tollgate::metering::tally::{DrainState, Tally};
use tollgate::server::random::MachineRandom;

/// What a sink does with a batch.
enum Mood {
    Takes,
    TakesAndLosesTheAnswer,
    Fails(SinkError),
}

type Moods = dyn Fn(usize, &[Drained]) -> Mood + Send + Sync;

/// A sink that takes a batch whole or not at all, as `mood` says of its how manieth try and of its records.
struct Sink {
    mood: Box<Moods>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    tries: usize,
    position: u64,
    recorded: Vec<u64>,
    unreadable: Vec<(u64, Vec<u8>, String)>,
    /// The heads of the chain, each at the batch's end.
    heads: Vec<u64>,
}

impl Sink {
    fn new(mood: impl Fn(usize, &[Drained]) -> Mood + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { mood: Box::new(mood), taken: Mutex::default() })
    }
}

#[async_trait]
impl UsageSink for Sink {
    type Ready = (Vec<Drained>, u64);

    async fn standing(&self) -> Result<Tally, SinkError> {
        Ok(self.taken.lock().unwrap().tally())
    }

    fn make_ready(&self, batch: Vec<Drained>, up_to: u64) -> Self::Ready {
        (batch, up_to)
    }

    async fn take(&self, (batch, up_to): Self::Ready) -> Result<Tally, SinkError> {
        let mut taken = self.taken.lock().unwrap();
        taken.tries += 1;
        let mood = (self.mood)(taken.tries, &batch);
        if let Mood::Fails(error) = mood {
            if let SinkError::Behind(position) = error {
                taken.position = position;
            }
            return Err(error);
        }
        for drained in batch {
            match drained {
                Drained::Usage(sequence, _) => taken.recorded.push(sequence),
                Drained::Unreadable(sequence, bytes, reason) => {
                    taken.unreadable.push((sequence, bytes, reason))
                }
                Drained::Lost(first, _) | Drained::Omitted(first, _) => panic!("{first} is no record"),
                Drained::Head(sequence, _) => {
                    assert_eq!(sequence, up_to, "it ends the batch");
                    taken.heads.push(sequence);
                }
            }
        }
        taken.position = up_to;
        match mood {
            Mood::TakesAndLosesTheAnswer => Err(SinkError::Unavailable("the answer was lost".to_owned())),
            Mood::Takes | Mood::Fails(_) => Ok(taken.tally()),
        }
    }
}

impl Taken {
    fn tally(&self) -> Tally {
        Tally {
            position: self.position,
            recorded: self.recorded.len() as u64,
            excepted: self.unreadable.len() as u64,
            ..Tally::default()
        }
    }
}

fn usage(status: u16) -> Vec<u8> {
    let usage = UsageRecord {
        id: uuid::Uuid::from_u128(7),
        at: Timestamp::from_micros(0),
        node: NodeId::new("n").unwrap(),
        snapshot: SnapshotHash::new("abc").unwrap(),
        app: AppId::new("app").unwrap(),
        partner: PartnerId::new("p").unwrap(),
        credential: CredentialKind::ApiKey,
        credential_id: "k".to_owned(),
        merchant: None,
        grant: None,
        route: None,
        subscribed: None,
        method: "GET".to_owned(),
        status,
        latency: Duration::ZERO,
        bytes_in: 0,
        bytes_out: 0,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence: Evidence::Free,
    };
    record::encode(&usage)
}

/// Drains a journal of these records into `sink` until `is_done`.
async fn drained(
    records: &[Vec<u8>],
    sink: &Arc<Sink>,
    is_done: impl Fn(&Sink, &DrainState) -> bool,
) -> Arc<DrainState> {
    let folder = tempfile::tempdir().unwrap();
    let settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    let (journal, _) =
        Journal::open(settings, Arc::new(ManualClock::default()), &MachineRandom::new()).unwrap();
    let mut writer = journal.writer();
    let (last, others) = records.split_last().unwrap();
    for (number, record) in (1..).zip(others) {
        // A writer that waits for nothing takes so many and no more.
        if number % 5_000 == 0 {
            writer.append_durable(record).unwrap().await.unwrap().unwrap();
        } else {
            writer.append(record).unwrap();
        }
    }
    writer.append_durable(last).unwrap().await.unwrap().unwrap();
    let state = Arc::new(DrainState::default());
    let done = async {
        while !is_done(sink, &state) {
            tokio::task::yield_now().await;
        }
    };
    drain(journal.reader(0), journal.state().clone(), sink.clone(), state.clone(), done).await;
    drop(writer);
    tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
    state
}

fn stands_at(position: u64) -> impl Fn(&Sink, &DrainState) -> bool {
    move |sink, _| sink.taken.lock().unwrap().position == position
}

#[tokio::test]
async fn each_record_is_taken_once_by_a_sink_that_fails_before_and_after_it_took_a_batch() {
    let sink = Sink::new(|tries, _| match tries % 3 {
        1 => Mood::Fails(SinkError::Unavailable("away".to_owned())),
        2 => Mood::TakesAndLosesTheAnswer,
        _ => Mood::Takes,
    });
    let state = drained(&vec![usage(200); 2501], &sink, stands_at(2501)).await;
    assert_eq!(sink.taken.lock().unwrap().recorded, (1..=2501).collect::<Vec<_>>());
    assert!(state.failures() >= 2);
    assert_eq!(state.tally(), Tally { position: 2501, recorded: 2501, excepted: 0, ..Tally::default() });
}

#[tokio::test]
async fn what_has_gathered_is_taken_in_large_batches() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = sizes.clone();
    let sink = Sink::new(move |_, batch| {
        seen.lock().unwrap().push(batch.iter().filter(|one| matches!(one, Drained::Usage(..))).count());
        Mood::Takes
    });
    drained(&vec![usage(200); 100_000], &sink, stands_at(100_000)).await;
    assert_eq!(*sizes.lock().unwrap(), [65_536, 34_464]);
}

#[tokio::test]
async fn what_was_read_ahead_behind_a_batch_that_failed_is_read_again() {
    let sink = Sink::new(|tries, _| match tries {
        2 => Mood::Fails(SinkError::Unavailable("away".to_owned())),
        _ => Mood::Takes,
    });
    drained(&vec![usage(200); 170_000], &sink, stands_at(170_000)).await;
    assert_eq!(sink.taken.lock().unwrap().recorded, (1..=170_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_that_the_sink_refuses_becomes_an_exception_and_the_others_are_taken() {
    let poison = [1_u64, 500, 501, 1777];
    let sink = Sink::new(|_, batch| {
        let is_poison =
            |drained: &Drained| matches!(drained, Drained::Usage(_, usage) if usage.status == 666);
        match batch.iter().any(is_poison) {
            true => Mood::Fails(SinkError::Refused("poison".to_owned())),
            false => Mood::Takes,
        }
    });
    let records: Vec<_> =
        (1..=2000).map(|sequence| usage(if poison.contains(&sequence) { 666 } else { 200 })).collect();
    let state = drained(&records, &sink, stands_at(2000)).await;
    let taken = sink.taken.lock().unwrap();
    let expected: BTreeSet<u64> = (1..=2000).filter(|sequence| !poison.contains(sequence)).collect();
    assert_eq!(taken.recorded, expected.into_iter().collect::<Vec<_>>(), "in order, each once");
    assert_eq!(taken.unreadable, poison.map(|sequence| (sequence, usage(666), "poison".to_owned())));
    assert_eq!(taken.heads, [2000], "that of the whole batch, with its last part alone");
    assert_eq!(state.tally(), Tally { position: 2000, recorded: 1996, excepted: 4, ..Tally::default() });
    assert_eq!((state.refused(), state.failures()), (4, 0));
}

#[tokio::test]
async fn a_sink_that_was_set_back_is_given_what_it_has_lost() {
    let sink = Sink::new(|tries, _| match tries {
        1 => Mood::Fails(SinkError::Behind(0)),
        _ => Mood::Takes,
    });
    sink.taken.lock().unwrap().position = 3;
    let state = drained(&vec![usage(200); 5], &sink, stands_at(5)).await;
    assert_eq!(sink.taken.lock().unwrap().recorded, [1, 2, 3, 4, 5]);
    assert_eq!(state.tally(), Tally { position: 5, recorded: 5, excepted: 0, ..Tally::default() });
}

#[tokio::test]
async fn a_sink_that_is_set_back_while_nothing_comes_is_given_what_it_has_lost() {
    let sink = Sink::new(|_, _| Mood::Takes);
    let was_set_back = std::sync::atomic::AtomicBool::new(false);
    let state = drained(&vec![usage(200); 5], &sink, |sink, state| {
        let mut taken = sink.taken.lock().unwrap();
        if state.tally().position == 5 && !was_set_back.swap(true, std::sync::atomic::Ordering::Relaxed) {
            taken.position = 2;
            taken.recorded.truncate(2);
        }
        was_set_back.load(std::sync::atomic::Ordering::Relaxed) && taken.position == 5
    })
    .await;
    assert_eq!(sink.taken.lock().unwrap().recorded, [1, 2, 3, 4, 5]);
    assert_eq!(state.tally().position, 5);
}

#[tokio::test]
async fn a_record_of_a_newer_format_is_waited_at_and_not_made_an_exception() {
    let mut newer = usage(200);
    newer[0] = u8::MAX;
    let sink = Sink::new(|_, _| Mood::Takes);
    let records = [usage(200), b"\x01no usage record".to_vec(), newer, usage(200)];
    let state = drained(&records, &sink, |_, state| state.failures() > 0).await;
    let taken = sink.taken.lock().unwrap();
    assert_eq!((taken.position, &taken.recorded[..], taken.unreadable.len()), (2, &[1][..], 1));
    assert_eq!(state.tally(), Tally { position: 2, recorded: 1, excepted: 1, ..Tally::default() });
}
