//! The control plane's runtime, and the administrators' port.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::admin_port::{self, AdminBounds};
use super::administration;
use super::error::ServerError;
use super::node::Node;

/// The runtime of everything that is not the data plane.
///
/// # Errors
/// [`ServerError::Threads`].
pub fn runtime() -> Result<tokio::runtime::Runtime, ServerError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(ServerError::Threads)
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
