//! The threads that hash passwords: few, kept, and behind all else that the process does.

use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::oneshot::{self, error::RecvError};

/// How many passwords are hashed at once at most, however many processors there are: each takes 19 MiB.
const MAX_THREADS: usize = 2;

/// How far the work stands behind all else where processors are scarce, as a nice value: a storm of logins must not be felt by
/// those who call. Not the most there is: on cores that never rest, it still gets one part in thirty of them.
const NICE: i32 = 15;

/// How long work waits for its turn.
const TURN: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

/// Does work on passwords: that of strangers on as many threads as there are processors, and no more than two; that of those who are
/// known on one of its own, so that they never wait for strangers.
///
/// Threads that wait for a processor at the same priority take it from each other, and one that has waited long keeps it for a
/// while from whoever serves calls. So there are no more of them than can run, and none is new, which it would be at no niceness.
#[derive(Debug)]
pub struct Hasher {
    strangers: Threads,
    known: Threads,
}

/// For whom a password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Anybody.
    Stranger,
    /// An administrator, or a browser in which the account's owner has logged in before.
    Known,
}

#[derive(Debug)]
struct Threads {
    work: Sender<Work>,
    turns: Arc<Semaphore>,
}

/// Work on a password was not done.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Others took all turns, or the process ends.
    #[error("passwords wait too long for their turn to be hashed")]
    Busy,
    /// It panicked.
    #[error("the work on a password died")]
    Died(#[from] RecvError),
}

impl Hasher {
    /// Starts the threads; they end when this is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self { strangers: Threads::start(processors.min(MAX_THREADS))?, known: Threads::start(1)? })
    }

    /// Does `work` for `asker` once a thread is free. The thread is busy until the work is done, also for a caller that has left.
    ///
    /// # Errors
    /// [`TurnError`].
    pub async fn in_turn<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TurnError> {
        match asker {
            Asker::Stranger => self.strangers.in_turn(work).await,
            Asker::Known => self.known.in_turn(work).await,
        }
    }
}

impl Threads {
    fn start(threads: usize) -> std::io::Result<Self> {
        let (work, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = waiting.clone();
            thread::Builder::new().name("password".to_owned()).spawn(move || run(&waiting))?;
        }
        Ok(Self { work, turns: Arc::new(Semaphore::new(threads)) })
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TurnError> {
        let turn = tokio::time::timeout(TURN, self.turns.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(TurnError::Busy)?;
        let (done, result) = oneshot::channel();
        let work = move || {
            // Also if the work dies, the turn ends before it is told.
            let (done, turn) = (done, turn);
            let result = work();
            drop(turn);
            // A caller that has left needs no result.
            let _ = done.send(result);
        };
        self.work.send(Box::new(work)).map_err(|_| TurnError::Busy)?;
        Ok(result.await?)
    }
}

fn run(waiting: &Mutex<Receiver<Work>>) {
    // Linux counts niceness by thread, and here 0 is the one that asks (`setpriority(2)`).
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "passwords are hashed as eagerly as calls are served");
    }
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // Whoever waits hears of a panic, as its end of the channel is dropped.
        let _ = panic::catch_unwind(AssertUnwindSafe(work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_gets_no_turn_is_not_done_and_a_thread_outlives_work_that_panics() {
        let hasher = Threads::start(1).unwrap();
        assert_eq!(hasher.in_turn(|| 1).await.unwrap(), 1);
        assert!(matches!(hasher.in_turn(|| panic!("as told")).await, Err::<(), _>(TurnError::Died(_))));
        assert_eq!(hasher.turns.available_permits(), 1);
        assert_eq!(hasher.in_turn(|| 2).await.unwrap(), 2);
        hasher.turns.close();
        assert!(matches!(hasher.in_turn(|| 3).await, Err(TurnError::Busy)));
    }

    #[tokio::test]
    async fn work_is_done_behind_all_else() {
        let hasher = Hasher::start().unwrap();
        let niceness =
            hasher.in_turn(Asker::Stranger, || rustix::process::getpriority_process(None)).await.unwrap();
        assert_eq!(niceness.unwrap(), NICE);
    }

    #[tokio::test]
    async fn a_caller_that_leaves_keeps_its_turn_until_its_work_is_done() {
        let hasher = Threads::start(1).unwrap();
        let (finish, wait) = mpsc::channel::<()>();
        let work = hasher.in_turn(move || wait.recv().is_ok());
        assert!(tokio::time::timeout(Duration::ZERO, work).await.is_err());
        assert_eq!(hasher.turns.available_permits(), 0);
        finish.send(()).unwrap();
        assert!(hasher.turns.acquire().await.is_ok());
    }

    #[tokio::test]
    async fn who_is_known_waits_for_no_stranger() {
        let hasher = Hasher::start().unwrap();
        let turns = u32::try_from(hasher.strangers.turns.available_permits()).unwrap();
        let taken = hasher.strangers.turns.clone().acquire_many_owned(turns).await.unwrap();
        assert_eq!(hasher.in_turn(Asker::Known, || 1).await.unwrap(), 1);
        drop(taken);
    }
}
