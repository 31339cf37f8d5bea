//! The doors of a core: its listening sockets, in clear text and by TLS.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};

use super::tls::certificates::{Asks, Certificates};
use super::tls::handshake::Handshakes;

/// A core's sockets before its runtime has them. There is at least one.
pub(super) struct Listeners {
    /// For clear text.
    pub(super) plain: Option<StdListener>,
    /// For TLS.
    pub(super) tls: Option<(StdListener, Arc<Certificates>)>,
    /// For TLS with certificates of clients.
    pub(super) mutual: Option<(StdListener, Arc<Certificates>)>,
}

/// A core's listening sockets.
pub(super) struct Doors {
    doors: Vec<(TcpListener, Entry)>,
    /// Which is asked first the next time, so that none keeps another from its turn.
    first: Cell<usize>,
}

/// What is spoken behind a door.
#[derive(Clone)]
pub(super) enum Entry {
    /// Clear text.
    Plain,
    /// TLS.
    Tls(Rc<Handshakes>),
}

/// A connection that came in.
pub(super) struct Arrival {
    /// The connection.
    pub(super) stream: TcpStream,
    /// Where it comes from.
    pub(super) address: SocketAddr,
    /// What is spoken on it.
    pub(super) entry: Entry,
}

impl Doors {
    /// Opens the doors on the current runtime.
    ///
    /// # Errors
    /// The runtime does not take a socket.
    pub(super) fn open(listeners: Listeners) -> io::Result<Self> {
        let mut doors = Vec::new();
        if let Some(listener) = listeners.plain {
            doors.push((TcpListener::from_std(listener)?, Entry::Plain));
        }
        for (tls, asks) in [(listeners.tls, Asks::Nothing), (listeners.mutual, Asks::Certificate)] {
            if let Some((listener, certificates)) = tls {
                let handshakes = Rc::new(Handshakes::new(certificates, asks));
                doors.push((TcpListener::from_std(listener)?, Entry::Tls(handshakes)));
            }
        }
        Ok(Self { doors, first: Cell::new(0) })
    }

    /// Waits for a connection at any door.
    ///
    /// # Errors
    /// One could not be accepted, as when the process has no descriptor left.
    pub(super) async fn accept(&self) -> io::Result<Arrival> {
        std::future::poll_fn(|context| {
            let first = self.first.get();
            let (before, after) = self.doors.split_at(first);
            for (door, (listener, entry)) in after.iter().chain(before).enumerate() {
                if let Poll::Ready(accepted) = listener.poll_accept(context) {
                    self.first.set((first + door + 1) % self.doors.len());
                    let entry = entry.clone();
                    return Poll::Ready(accepted.map(|(stream, address)| Arrival { stream, address, entry }));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Takes a connection that waits in the kernel, if any does.
    pub(super) fn accept_waiting(&self) -> Option<Arrival> {
        self.accept().now_or_never()?.ok()
    }
}
