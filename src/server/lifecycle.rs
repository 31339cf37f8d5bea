//! When the process stops: SIGTERM or SIGINT drain it, or a journal that cannot be written, if the policies say so; SIGHUP has
//! policies and certificates read again.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::ServerError;
use super::node::Node;
use crate::policy::journal_terms::Unwritable;

/// How long a journal may fail before a node stops, if it is to stop then.
const UNWRITABLE_TIME: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// SIGTERM or SIGINT, from when this was made on.
#[derive(Debug)]
pub struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Begins to listen; from now on, neither signal ends the process by itself.
    ///
    /// # Errors
    /// The system gives no signals.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one.
    pub async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Why a node stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// It was told to.
    Told,
    /// Its journal could not be written for too long.
    Unwritable,
}

impl Stopping {
    /// How the process ends then.
    ///
    /// # Errors
    /// [`ServerError::Unwritable`].
    pub fn outcome(self) -> Result<(), ServerError> {
        match self {
            Self::Told => Ok(()),
            Self::Unwritable => Err(ServerError::Unwritable(UNWRITABLE_TIME.as_secs())),
        }
    }
}

/// Waits for SIGTERM or SIGINT, or for the journal to have failed for so long that the node is to stop; reloads policies and
/// certificates at each SIGHUP meanwhile.
///
/// # Errors
/// The system gives no signals.
pub async fn wait_for_stop(node: &Node) -> std::io::Result<Stopping> {
    let mut stop = std::pin::pin!(StopSignal::new()?.received());
    let mut unwritable = std::pin::pin!(unwritable(node));
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = &mut stop => {
                tracing::info!("stopping: no more connections are taken, calls under way are seen to their end");
                return Ok(Stopping::Told);
            }
            () = &mut unwritable => {
                tracing::error!("stopping, as the policies say: the journal cannot be written");
                return Ok(Stopping::Unwritable);
            }
            _ = hang_up.recv() => {
                let (live, certificates) = (node.services.live.clone(), node.certificates.clone());
                // The outcome is in the log and the status.
                let _ = tokio::task::spawn_blocking(move || {
                    certificates.inspect(|certificates| certificates.reload());
                    live.reload().map(|_| ())
                })
                .await;
            }
        }
    }
}

/// Waits until the journal has failed for [`UNWRITABLE_TIME`] under policies that let a node stop then.
async fn unwritable(node: &Node) {
    let mut failed = Duration::ZERO;
    while failed < UNWRITABLE_TIME {
        tokio::time::sleep(LOOK_EVERY).await;
        let stops = node.services.live.load().platform.unwritable == Unwritable::Stop;
        failed =
            if stops && node.journal.state().is_failing() { failed + LOOK_EVERY } else { Duration::ZERO };
    }
}
