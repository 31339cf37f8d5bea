//! Where partners connect: in clear text, by TLS, or both.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::doors::Listeners;
use super::error::ServerError;
use super::listener;
use super::node::NodeSettings;
use super::tls::certificates::Certificates;
use crate::domain::time::Clock;

/// The addresses at which partners connect. There is at least one.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// In clear text.
    pub plain: Option<SocketAddr>,
    /// By TLS.
    pub tls: Option<SocketAddr>,
    /// By TLS, with certificates of their own.
    pub mutual: Option<SocketAddr>,
}

impl Addresses {
    /// By TLS if it is spoken, else in clear text.
    #[must_use]
    pub fn url(&self) -> String {
        let tls = self.tls.map(|address| format!("https://{address}"));
        tls.or_else(|| self.plain_url()).unwrap_or_default()
    }

    /// By TLS with certificates of clients, if it is spoken so.
    #[must_use]
    pub fn mutual_url(&self) -> Option<String> {
        self.mutual.map(|address| format!("https://{address}"))
    }

    /// In clear text, if it is spoken.
    #[must_use]
    pub fn plain_url(&self) -> Option<String> {
        self.plain.map(|address| format!("http://{address}"))
    }
}

/// The sockets of all cores, and what TLS is spoken with.
pub(super) struct Front {
    /// Where they listen.
    pub(super) addresses: Addresses,
    /// What TLS is spoken with.
    pub(super) certificates: Option<Arc<Certificates>>,
    /// The sockets of each core.
    pub(super) listeners: Vec<Listeners>,
}

impl Front {
    /// Listens where `settings` say, and reads the certificates. Reads files, at the start alone.
    ///
    /// # Errors
    /// [`ServerError::Listen`], or [`ServerError::Certificates`].
    pub(super) fn open(settings: &NodeSettings, clock: Arc<dyn Clock>) -> Result<Self, ServerError> {
        let cores = settings.workers.max(1);
        let tls = settings.tls.as_ref();
        let certificates = tls.map(|tls| Certificates::open(tls, clock)).transpose()?.map(Arc::new);
        let (plain, plain_sockets) = listen(settings.listen, cores)?;
        let mutual = tls.and_then(|tls| tls.mutual.as_ref());
        let (mutual, mutual_sockets) = listen(mutual.map(|mutual| mutual.listen), cores)?;
        let (tls, tls_sockets) = listen(tls.map(|tls| tls.listen), cores)?;
        let with = |socket: Option<TcpListener>| Some((socket?, certificates.clone()?));
        let sockets = plain_sockets.into_iter().zip(tls_sockets).zip(mutual_sockets);
        let listeners =
            sockets.map(|((plain, tls), mutual)| Listeners { plain, tls: with(tls), mutual: with(mutual) });
        let listeners = listeners.collect();
        Ok(Self { addresses: Addresses { plain, tls, mutual }, certificates, listeners })
    }
}

/// The address by which partners' machines know the door that asks for their certificates, if there is one: what the settings
/// say, else the host of `issuer` with the port of that door.
pub(super) fn mutual_base(settings: &NodeSettings, addresses: &Addresses, issuer: &str) -> Option<String> {
    let mutual = settings.tls.as_ref()?.mutual.as_ref()?;
    if let Some(url) = &mutual.public_url {
        return Some(url.to_string());
    }
    let address = addresses.mutual?;
    Some(format!("https://{}:{}", host_of(issuer), address.port()))
}

/// The host of an issuer's address, in lower case.
pub(super) fn host_of(issuer: &str) -> String {
    let authority = issuer.split_once("://").map_or(issuer, |(_, authority)| authority);
    let host = authority.parse::<http::uri::Authority>().map(|authority| authority.host().to_owned());
    host.unwrap_or_else(|_| authority.to_owned()).to_ascii_lowercase()
}

type Sockets = Vec<Option<TcpListener>>;

/// A socket for each core, or none for any.
fn listen(address: Option<SocketAddr>, cores: usize) -> Result<(Option<SocketAddr>, Sockets), ServerError> {
    let Some(address) = address else { return Ok((None, (0..cores).map(|_| None).collect())) };
    let sockets = listener::listen(address, cores)
        .map_err(|source| ServerError::Listen { address: address.to_string(), source })?;
    let address = sockets[0].local_addr().map_err(ServerError::Threads)?;
    Ok((Some(address), sockets.into_iter().map(Some).collect()))
}
