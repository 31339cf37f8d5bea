//! When the process stops: SIGTERM or SIGINT drain it; SIGHUP has policies and certificates read again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::node::Node;

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

/// Waits for SIGTERM or SIGINT; reloads policies and certificates at each SIGHUP meanwhile.
///
/// # Errors
/// The system gives no signals.
pub async fn wait_for_stop(node: &Node) -> std::io::Result<()> {
    let mut stop = std::pin::pin!(StopSignal::new()?.received());
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = &mut stop => {
                tracing::info!("stopping: no more connections are taken, calls under way are seen to their end");
                return Ok(());
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
