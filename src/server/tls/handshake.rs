//! TLS handshakes of one core. The state of one is made when its first byte has come, so that a peer that is silent costs
//! no more than in clear text; its time counts from the connection's beginning.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsAcceptor;

use super::certificates::{Asks, Certificates};
use super::in_clear;
use crate::domain::door::Door;
use crate::domain::time::Timestamp;
use crate::gateway::watch::Watch;
use crate::gateway::worker::Worker;
use crate::server::paced::Paced;
use crate::server::socket::Socket;

/// How a record of a handshake begins (RFC 8446, section 5.1): no method of HTTP does so.
const HANDSHAKE: u8 = 22;
/// What TLS keeps of an answer that its client does not take yet.
const SEND_BUFFER: usize = 64 << 10;
/// What is read at most of a request in clear text, so that its answer is not lost to a reset.
const UNREAD: usize = 64 << 10;

/// Makes handshakes with the certificates in force.
pub(in crate::server) struct Handshakes {
    certificates: Arc<Certificates>,
    asks: Asks,
    version: Cell<u64>,
    acceptor: RefCell<TlsAcceptor>,
}

/// Why there is no connection by TLS.
#[derive(Debug, thiserror::Error)]
enum Missed {
    /// Nothing came: it looked whether somebody listens, or the core stops.
    #[error("nothing came")]
    Silence,
    #[error("it began in clear text")]
    ClearText,
    #[error("it took too long")]
    Late,
    #[error(transparent)]
    Failed(io::Error),
}

impl Handshakes {
    /// Handshakes with `certificates`, at a door that asks so.
    pub(in crate::server) fn new(certificates: Arc<Certificates>, asks: Asks) -> Self {
        let version = Cell::new(certificates.version());
        let acceptor = RefCell::new(certificates.config(asks).into());
        Self { certificates, asks, version, acceptor }
    }

    /// The connection by TLS that comes of `stream`, and by which door it came; `None` if none does, which is counted.
    pub(in crate::server) async fn shake(&self, worker: &Worker, stream: Paced) -> Option<(Socket, Door)> {
        let watch = worker.watches.watch();
        let time = worker.shared.bounds.handshake_time;
        let shaken = in_time(&watch, time, self.begin(worker, &watch, stream)).await;
        let counters = &worker.counters;
        match shaken.unwrap_or(Err(Missed::Late)) {
            Ok(stream) => {
                counters.tls_handshakes.add(1);
                let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
                counters.tls_resumed.add(u64::from(is_resumed));
                let door = self.door(&stream, worker.shared.clock.now());
                Some((Socket::Tls(stream), door))
            }
            Err(Missed::Silence) => None,
            Err(error) => {
                counters.tls_failed.add(1);
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
        }
    }

    async fn begin(&self, worker: &Worker, watch: &Watch, mut stream: Paced) -> Result<TlsStream, Missed> {
        match first_byte(&stream, watch).await {
            None => Err(Missed::Silence),
            Some(HANDSHAKE) => {
                let accepting =
                    self.acceptor().accept_with(stream, |tls| tls.set_buffer_limit(Some(SEND_BUFFER)));
                accepting.await.map(Box::new).map_err(Missed::Failed)
            }
            Some(_) => {
                // Whoever leaves without it does not miss it.
                let _ = refuse(worker, &mut stream).await;
                Err(Missed::ClearText)
            }
        }
    }

    /// The door, with the certificate that the client showed. Of a session that is resumed it is the one of its beginning.
    fn door(&self, stream: &TlsStream, now: Timestamp) -> Door {
        match self.asks {
            Asks::Nothing => Door::Front,
            Asks::Certificate => {
                let shown = stream.get_ref().1.peer_certificates();
                let shown = shown.and_then(|shown| self.certificates.look_at_client(shown, now));
                Door::Machines(shown.map(Arc::new))
            }
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let version = self.certificates.version();
        if self.version.replace(version) != version {
            *self.acceptor.borrow_mut() = self.certificates.config(self.asks).into();
        }
        self.acceptor.borrow().clone()
    }
}

type TlsStream = Box<tokio_rustls::server::TlsStream<Paced>>;

/// The first byte, which is left where it is; `None` if none comes, or the core stops before one does.
async fn first_byte(stream: &Paced, watch: &Watch) -> Option<u8> {
    std::future::poll_fn(|context| {
        let mut byte = [0];
        match stream.stream().poll_peek(context, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(peeked) => Poll::Ready(peeked.ok().filter(|length| *length > 0).map(|_| byte[0])),
            Poll::Pending if watch.is_stopping() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Answers whoever speaks in clear text, and reads some of what it sends on.
async fn refuse(worker: &Worker, stream: &mut Paced) -> io::Result<()> {
    stream.write_all(&in_clear::refusal(worker)).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    let mut left = UNREAD;
    while left > 0 {
        match stream.read(&mut unread).await? {
            0 => break,
            length => left = left.saturating_sub(length),
        }
    }
    Ok(())
}

/// What `future` gives; `None` if it takes longer than `time`.
async fn in_time<T>(watch: &Watch, time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        watch.remember(context.waker());
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if watch.is_late() => Poll::Ready(None),
            Poll::Pending => {
                watch.expect(time);
                Poll::Pending
            }
        }
    })
    .await
}
