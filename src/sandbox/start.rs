//! The four servers: bound, served, stopped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::problem::Refused;
use super::world::World;
use super::{catalog, logistics, orders, payments};
use crate::domain::time::Clock;

/// Longest request body, in bytes.
const MAX_BODY: usize = 256 << 10;
/// How long calls under way have to end when the sandbox stops.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// The running sandbox upstreams. They stop when this is dropped; what they know ends with them.
#[derive(Debug)]
pub struct Sandbox {
    addresses: SandboxAddresses,
    stop: DropGuard,
    servers: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts the four servers on the current runtime.
    ///
    /// # Errors
    /// An address that cannot be had, and why.
    pub async fn start(
        addresses: SandboxAddresses,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let (catalog, catalog_address) = bind(addresses.catalog).await?;
        let (order, order_address) = bind(addresses.order).await?;
        let (logistics, logistics_address) = bind(addresses.logistics).await?;
        let (payment, payment_address) = bind(addresses.payment).await?;
        let addresses = SandboxAddresses {
            catalog: catalog_address,
            order: order_address,
            logistics: logistics_address,
            payment: payment_address,
        };
        let world = World::new(clock, &format!("http://{}/pay", addresses.payment));
        let stop = CancellationToken::new();
        let servers = vec![
            serve(catalog, catalog::router(world.clone()), &stop),
            serve(order, orders::router(world.clone()), &stop),
            serve(logistics, logistics::router(world.clone()), &stop),
            serve(payment, payments::router(world), &stop),
        ];
        Ok(Self { addresses, stop: stop.drop_guard(), servers })
    }

    /// Where they are.
    #[must_use]
    pub fn addresses(&self) -> SandboxAddresses {
        self.addresses
    }

    /// Stops them: no new connections, and calls under way have five seconds to end.
    pub async fn shutdown(self) {
        drop(self.stop);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for mut server in self.servers {
            match tokio::time::timeout_at(deadline, &mut server).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a sandbox upstream died"),
                Err(_) => server.abort(),
            }
        }
    }
}

/// A listener with the address that it got.
async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), (SocketAddr, io::Error)> {
    let failed = |error| (address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn serve(listener: TcpListener, router: Router, stop: &CancellationToken) -> JoinHandle<()> {
    let router = router
        .route("/healthz", get(|| async { "ok" }))
        .fallback(|| async { Refused::NoRoute })
        .method_not_allowed_fallback(|| async { Refused::NoMethod })
        .layer(DefaultBodyLimit::max(MAX_BODY));
    let stop = stop.clone();
    tokio::spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "a sandbox upstream ended");
        }
    })
}
