//! The four servers: bound, served, stopped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::http::World;
use super::{catalog, logistics, orders, payments};
use crate::domain::time::Clock;

/// Longest request body, in bytes.
const MAX_BODY: usize = 256 << 10;

/// Where the sandbox upstreams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxAddresses {
    /// The catalog.
    pub catalog: SocketAddr,
    /// Orders.
    pub order: SocketAddr,
    /// Logistics.
    pub logistics: SocketAddr,
    /// Payments.
    pub payment: SocketAddr,
}

impl SandboxAddresses {
    /// Free ports on loopback.
    #[must_use]
    pub fn free() -> Self {
        Self::from_port(0)
    }

    /// Four ports on loopback from `first` on; 0 picks free ones. The shipped policies name 9101 to 9104.
    #[must_use]
    pub fn from_port(first: u16) -> Self {
        let address = |offset: u16| {
            let port = if first == 0 { 0 } else { first.saturating_add(offset) };
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        Self { catalog: address(0), order: address(1), logistics: address(2), payment: address(3) }
    }
}

/// The running sandbox upstreams.
#[derive(Debug)]
pub struct Sandbox {
    addresses: SandboxAddresses,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts the four servers on the current runtime.
    ///
    /// # Errors
    /// An address cannot be had.
    pub async fn start(addresses: SandboxAddresses, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let catalog = TcpListener::bind(addresses.catalog).await?;
        let order = TcpListener::bind(addresses.order).await?;
        let logistics = TcpListener::bind(addresses.logistics).await?;
        let payment = TcpListener::bind(addresses.payment).await?;
        let addresses = SandboxAddresses {
            catalog: catalog.local_addr()?,
            order: order.local_addr()?,
            logistics: logistics.local_addr()?,
            payment: payment.local_addr()?,
        };
        let world = World::new(clock, format!("http://{}/pay", addresses.payment));
        let stop = CancellationToken::new();
        let servers = vec![
            serve(catalog, catalog::router(world.clone()), &stop),
            serve(order, orders::router(world.clone()), &stop),
            serve(logistics, logistics::router(world.clone()), &stop),
            serve(payment, payments::router(world), &stop),
        ];
        Ok(Self { addresses, stop, servers })
    }

    /// Where they are.
    #[must_use]
    pub fn addresses(&self) -> SandboxAddresses {
        self.addresses
    }

    /// Stops them.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for server in self.servers {
            if server.await.is_err() {
                tracing::error!("a sandbox upstream died");
            }
        }
    }
}

fn serve(listener: TcpListener, router: Router, stop: &CancellationToken) -> JoinHandle<()> {
    let router = router.route("/healthz", get(|| async { "ok" })).layer(DefaultBodyLimit::max(MAX_BODY));
    let stop = stop.clone();
    tokio::spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "a sandbox upstream ended");
        }
    })
}
