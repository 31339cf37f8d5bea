//! The drain over a real journal, into a sink that fails now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tollgate::domain::time::ManualClock;
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::metering::drain::{DrainState, Drained, SinkError, UsageSink, drain};
use tollgate::server::random::MachineRandom;

/// Takes a batch whole or not at all; of each three tries the first fails before and the second after it took it.
#[derive(Default)]
struct Moody {
    tries: AtomicU64,
    taken: Mutex<(Vec<u64>, u64)>,
}

#[async_trait]
impl UsageSink for Moody {
    async fn position(&self) -> Result<u64, SinkError> {
        Ok(self.taken.lock().unwrap().1)
    }

    async fn record(&self, batch: Vec<Drained>, up_to: u64) -> Result<(), SinkError> {
        let mood = self.tries.fetch_add(1, Ordering::SeqCst) % 3;
        if mood == 0 {
            return Err(SinkError::Unavailable("away".to_owned()));
        }
        let mut taken = self.taken.lock().unwrap();
        taken.0.extend(batch.iter().map(|drained| match drained {
            Drained::Unreadable(sequence, ..) | Drained::Usage(sequence, _) => *sequence,
            Drained::Lost(first, _) => panic!("{first} is lost"),
        }));
        taken.1 = up_to;
        match mood {
            1 => Err(SinkError::Unavailable("the answer was lost".to_owned())),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn each_record_is_taken_once_by_a_sink_that_fails_before_and_after_it_took_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    let (journal, _) =
        Journal::open(settings.clone(), Arc::new(ManualClock::default()), &MachineRandom::new()).unwrap();
    let mut writer = journal.writer();
    for _ in 0..2500 {
        writer.append(b"no usage record").unwrap();
    }
    writer.append_durable(b"the last").unwrap().await.unwrap().unwrap();
    let (sink, state) = (Arc::new(Moody::default()), Arc::new(DrainState::default()));
    let all = {
        let sink = sink.clone();
        async move {
            while sink.taken.lock().unwrap().1 < 2501 {
                tokio::task::yield_now().await;
            }
        }
    };
    drain(journal.reader(0), (journal.state().clone(), settings), sink.clone(), state.clone(), all).await;
    assert_eq!(sink.taken.lock().unwrap().0, (1..=2501).collect::<Vec<_>>());
    assert!(state.failures() >= 2);
    drop(writer);
    tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
}
