//! When the process stops: SIGTERM or SIGINT drain it; SIGHUP has the policies read again.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::policy::live::Live;

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

/// Waits for SIGTERM or SIGINT; reloads the policies at each SIGHUP meanwhile.
///
/// # Errors
/// The system gives no signals.
pub async fn wait_for_stop(live: &Arc<Live>) -> std::io::Result<()> {
    let mut stop = std::pin::pin!(StopSignal::new()?.received());
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            _ = hang_up.recv() => {
                let live = live.clone();
                // The outcome is in the log and the status.
                let _ = tokio::task::spawn_blocking(move || live.reload().map(|_| ())).await;
            }
        }
    }
}
