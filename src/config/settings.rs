//! What a process is told at its start, and the bounds within which it serves.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::public_url::PublicUrl;
use crate::domain::id::NodeId;
use crate::domain::spiffe_id::TrustDomain;

/// How partners are served by TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// Where they connect.
    pub listen: SocketAddr,
    /// The folder in which certificates and their keys lie.
    pub certificates: PathBuf,
    /// How partners' machines are served that show certificates of their own.
    pub mutual: Option<MutualTlsSettings>,
}

/// How partners' machines are served that show certificates of their own (RFC 8705): at a door of its own, since a browser that
/// is asked for a certificate asks its user.
#[derive(Debug, Clone)]
pub struct MutualTlsSettings {
    /// Where they connect.
    pub listen: SocketAddr,
    /// The authorities that vouch for them, in PEM; without it, only what apps have registered themselves is known of them.
    pub client_ca: Option<PathBuf>,
    /// Of trust domains, the authorities that alone vouch for their SPIFFE ids, in PEM, and for nothing else.
    pub trust_domains: Vec<(TrustDomain, PathBuf)>,
    /// The certificates that authorities took back: revocation lists, in PEM or DER.
    pub revocation_lists: Vec<PathBuf>,
    /// The address by which they know this door; without one, the host of the public URL with the port that it listens on.
    pub public_url: Option<PublicUrl>,
}

/// Settings of `tollgate dev`.
#[derive(Debug, Clone)]
pub struct DevSettings {
    /// Port for partners; 0 picks a free one.
    pub port: u16,
    /// Port for administrators; 0 picks a free one.
    pub admin_port: u16,
    /// TLS beside clear text.
    pub tls: Option<TlsSettings>,
    /// The data folder; without one, a temporary folder that is removed at the end.
    pub data: Option<PathBuf>,
    /// The policy folder.
    pub policies: PathBuf,
    /// A file of authorities that are believed beside everyone's when other servers are called.
    pub authorities: Option<PathBuf>,
    /// Where to write what a client needs to know, once it serves.
    pub ready_file: Option<PathBuf>,
    /// How many cores serve.
    pub workers: NonZeroUsize,
}

/// Settings of `tollgate serve`.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Where partners connect in clear text. There is this, `tls`, or both.
    pub listen: Option<SocketAddr>,
    /// How they are served by TLS.
    pub tls: Option<TlsSettings>,
    /// Where proxies stand that say who calls through them (`X-Forwarded-For`, `X-Forwarded-Proto`).
    pub trusted_proxies: Vec<IpNet>,
    /// Where administrators connect.
    pub admin_listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// The policy folder.
    pub policies: PathBuf,
    /// How many cores serve.
    pub workers: NonZeroUsize,
    /// The node's name; its journal carries it.
    pub node: NodeId,
    /// The store's address; without one, SQLite in the data folder.
    pub store: Option<String>,
    /// The file of the key that seals secrets in the store; without one, it lies in the data folder, and is made there.
    pub sealing_key_file: Option<PathBuf>,
    /// The address by which the world knows this gateway; without one, the one it listens on, which is this machine's.
    /// One that is not secure was asked for explicitly.
    pub public_url: Option<PublicUrl>,
    /// A file of authorities that are believed beside everyone's when other servers are called.
    pub authorities: Option<PathBuf>,
    /// Tells when the process serves, as `ready_file` of [`DevSettings`] does.
    pub ready_file: Option<PathBuf>,
}

/// Bounds of the data plane, each with what happens beyond it.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Bytes of request line and header fields; beyond: 431.
    pub head_bytes: usize,
    /// How long a request head may take, also the longest idle time between requests; beyond: closed.
    pub head_time: Duration,
    /// How long a TLS handshake may take from the connection's beginning; beyond: closed.
    pub handshake_time: Duration,
    /// Connections of each core, handshakes among them; beyond: new ones wait in the kernel's backlog.
    pub connections_per_worker: usize,
    /// HTTP/2 streams of a connection; beyond: refused by the protocol.
    pub streams_per_connection: u32,
    /// Every such span a body must have made `body_progress` bytes of progress; beyond: 408.
    pub body_time: Duration,
    /// Bytes of progress in each `body_time`, unless the body ends.
    pub body_progress: u64,
    /// How long an upstream may be silent within a response body; beyond: the answer is cut.
    pub upstream_silence: Duration,
    /// How long a client may refuse to take any byte; beyond: closed.
    pub write_stall: Duration,
    /// How long an idle upstream connection is kept.
    pub upstream_idle: Duration,
    /// Idle upstream connections that a core keeps for each endpoint.
    pub idle_per_endpoint: usize,
    /// Limiter cells of the process; beyond: the one spent soonest is forgotten.
    pub limiter_cells: usize,
    /// Access tokens whose verification is remembered; beyond: the least used is verified again.
    pub cached_tokens: u64,
    /// API keys that are remembered; beyond: those that were not used lately are looked up again.
    pub cached_keys: usize,
    /// How long what is remembered of a credential stands without news from the store of what has changed there.
    pub credential_time: Duration,
    /// For how long beyond that it is believed while the store is away.
    pub credential_grace: Duration,
    /// Longest body of a call to the gateway's own endpoints, such as the OAuth2 server; beyond: 413. It must be there
    /// within one `body_time`; beyond: 408.
    pub control_body: u64,
    /// Such calls under way at once, of all cores, and a quarter of it for one network; beyond: 503.
    pub control_calls: usize,
    /// How long an orderly stop waits for requests in flight.
    pub drain_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            head_time: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            connections_per_worker: 20_000,
            streams_per_connection: 128,
            body_time: Duration::from_secs(20),
            body_progress: 4 * 1024,
            upstream_silence: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            upstream_idle: Duration::from_secs(30),
            idle_per_endpoint: 256,
            limiter_cells: 1_000_000,
            cached_tokens: 200_000,
            cached_keys: 2_000_000,
            credential_time: Duration::from_secs(60),
            credential_grace: Duration::from_secs(600),
            control_body: 64 * 1024,
            control_calls: 1_024,
            drain_time: Duration::from_secs(11),
        }
    }
}
