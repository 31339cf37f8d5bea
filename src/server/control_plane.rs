//! The control plane's runtime, and the administrators' port.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::admin_port::{self, AdminBounds};
use super::administration;
use super::error::ServerError;
use super::node::Node;

/// How far the control plane and the store's connections stand behind the cores where processors are scarce, as a nice value:
/// a batch of the books takes 0.1 s, in which a call would wait for its turn time and again.
const NICE: i32 = 10;

/// The runtime of everything that is not the data plane. Threads that its tasks start give way to the cores as its own do;
/// those that whoever blocks on it starts do not.
///
/// # Errors
/// [`ServerError::Threads`].
pub fn runtime() -> Result<tokio::runtime::Runtime, ServerError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .on_thread_start(give_way)
        .enable_all()
        .build()
        .map_err(ServerError::Threads)
}

/// Linux counts niceness by thread, and here 0 is the one that asks (`setpriority(2)`).
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "the control plane's threads are as eager as those that serve");
    }
}

/// The administrators' port, served.
pub struct AdminServer {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

/// Serves the admin API of `node` on `listen`.
///
/// # Errors
/// [`ServerError::Listen`], or [`ServerError::Secrets`] for a token that could be guessed.
pub async fn serve_admin(node: &Node, listen: SocketAddr, token: &str) -> Result<AdminServer, ServerError> {
    let unheard = |source| ServerError::Listen { address: listen.to_string(), source };
    let listener = TcpListener::bind(listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let router = administration::router(node, token)?;
    let stop = CancellationToken::new();
    let server = tokio::spawn(admin_port::serve(listener, router, AdminBounds::default(), stop.clone()));
    Ok(AdminServer { address, stop, server })
}

impl AdminServer {
    /// Where administrators connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets requests in flight finish and closes.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), self.server).await;
    }
}
