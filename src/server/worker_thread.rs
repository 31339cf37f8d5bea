//! One core's thread: a runtime of its own that accepts, serves, ticks and drains.

use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use super::doors::{Arrival, Doors, Entry, Listeners};
use super::paced::Paced;
use super::socket::Socket;
use super::spare_memory;
use crate::domain::door::Door;
use crate::gateway::worker::{Shared, Worker};
use crate::journal::writer::Writer;
use crate::limit::cell::Cells;
use crate::telemetry::counters::CoreCounters;

/// How often a core hands its usage records to the journal: the bound on what a crash can lose of buffered ones.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(20);
/// Ticks between sweeps of limiter cells.
const TICKS_PER_SWEEP: u64 = 500;
/// Ticks between looks for waits whose time is over.
const TICKS_PER_LOOK: u64 = 5;
/// Ticks between looks for what calls under way may have to end for.
const TICKS_PER_NOTICE: u64 = 10;
/// Ticks between givings back of memory.
const TICKS_PER_GIVING_BACK: u64 = 50;
/// How long accepting rests after the process ran out of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What a core is made of.
pub struct Core {
    /// Its number, from 0.
    pub number: usize,
    /// Its sockets.
    pub(super) listeners: Listeners,
    /// Its way into the journal.
    pub journal: Writer,
    /// Its counters.
    pub counters: Arc<CoreCounters>,
    /// Its seed for ids and picks.
    pub seed: u64,
}

/// Starts a core. It stops once `stop` is cancelled and its connections have ended, or the drain time is over.
///
/// # Errors
/// The thread cannot be started.
pub fn start(
    core: Core,
    shared: Arc<Shared>,
    cells: Arc<Cells>,
    stop: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    let name = format!("core-{}", core.number);
    std::thread::Builder::new().name(name).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "a core has no runtime");
                return;
            }
        };
        LocalSet::new().block_on(&runtime, run(core, shared, cells, stop));
    })
}

async fn run(core: Core, shared: Arc<Shared>, cells: Arc<Cells>, stop: CancellationToken) {
    let doors = match Doors::open(core.listeners) {
        Ok(doors) => doors,
        Err(error) => {
            tracing::error!(%error, "a core has no listener");
            return;
        }
    };
    let worker = Rc::new(Worker::new(shared, cells, core.journal, core.counters, core.seed));
    worker.watches.sweep(worker.shared.clock.monotonic());
    let tasks = TaskTracker::new();
    let ticking = tokio::task::spawn_local(tick(worker.clone()));
    let acceptor = Acceptor::new(worker.clone(), tasks.clone());
    acceptor.accept(&doors, &stop).await;
    worker.watches.stop();
    // What has connected by now is served; its requests may be there already.
    acceptor.accept_waiting(&doors);
    drop(doors);
    tasks.close();
    worker.durable_calls.close();
    let drained = tokio::time::timeout(worker.shared.bounds.drain_time, async {
        tasks.wait().await;
        worker.durable_calls.wait().await;
    })
    .await;
    if drained.is_err() {
        tracing::warn!(connections = tasks.len(), "connections are cut: the drain time is over");
    }
    ticking.abort();
    worker.end();
}

/// Takes connections and serves each in a task of its own.
struct Acceptor {
    worker: Rc<Worker>,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
}

impl Acceptor {
    fn new(worker: Rc<Worker>, tasks: TaskTracker) -> Self {
        let room = Arc::new(Semaphore::new(worker.shared.bounds.connections_per_worker));
        Self { worker, tasks, room }
    }

    /// Accepts until `stop`; with all places taken, new connections wait in the kernel.
    async fn accept(&self, doors: &Doors, stop: &CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = async {
                    let permit = self.room.clone().acquire_owned().await;
                    doors.accept().await.map(|arrival| (arrival, permit))
                } => accepted,
            };
            match accepted {
                Ok((arrival, permit)) => self.serve(arrival, permit.ok()),
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Accepts what waits in the kernel, and no more.
    fn accept_waiting(&self, doors: &Doors) {
        while let Some(arrival) = doors.accept_waiting() {
            self.serve(arrival, self.room.clone().try_acquire_owned().ok());
        }
    }

    fn serve(&self, arrival: Arrival, permit: Option<OwnedSemaphorePermit>) {
        let worker = self.worker.clone();
        worker.counters.accepted.add(1);
        worker.counters.connections.add(1);
        self.tasks.spawn_local(async move {
            let address = arrival.address;
            if let Some((socket, door)) = enter(&worker, arrival).await {
                connection::serve(worker.clone(), socket, (address, door)).await;
            }
            worker.counters.connections.subtract(1);
            drop(permit);
        });
    }
}

/// What HTTP is spoken on, and by which door it came; `None` if the peer does not get that far.
async fn enter(worker: &Worker, arrival: Arrival) -> Option<(Socket, Door)> {
    arrival.stream.set_nodelay(true).ok()?;
    let stream = Paced::new(arrival.stream, worker.shared.bounds.write_stall);
    match arrival.entry {
        Entry::Plain => Some((Socket::Plain(stream), Door::Front)),
        // In a box of its own: a connection that is served does not keep the room that its handshake took.
        Entry::Tls(handshakes) => Box::pin(async move { handshakes.shake(worker, stream).await }).await,
    }
}

async fn tick(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(FLUSH_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 1_u64.. {
        interval.tick().await;
        if number % TICKS_PER_LOOK == 0 {
            worker.watches.sweep(worker.shared.clock.monotonic());
        }
        if number % TICKS_PER_NOTICE == 0 {
            worker.notice_changes();
        }
        if number % TICKS_PER_GIVING_BACK == 0 {
            spare_memory::give_back();
        }
        worker.tick(number % TICKS_PER_SWEEP == 0);
    }
}
