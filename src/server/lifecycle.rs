//! When the process stops: SIGTERM or SIGINT drain it; SIGHUP has the policies read again.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::policy::live::Live;

/// Waits for SIGTERM or SIGINT; reloads the policies at each SIGHUP meanwhile.
///
/// # Errors
/// The system gives no signals.
pub async fn wait_for_stop(live: &Arc<Live>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => {
                let live = live.clone();
                // The outcome is in the log and the status.
                let _ = tokio::task::spawn_blocking(move || live.reload().map(|_| ())).await;
            }
        }
    }
}
