//! The HTTPS client of the control plane. A call has one span of time in all and an answer of bounded length; a redirect is an
//! answer like any other and is not followed, no proxy is asked, and no cookie is kept.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::{TLS12, TLS13};

use super::authorities::{self, AuthoritiesError};
use crate::config::service_url::ServiceUrl;

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a call may take in all.
const CALL_TIME: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const MAX_ANSWER: usize = 256 << 10;
/// Longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// Idle connections kept for each server, and for how long.
const IDLE: (usize, Duration) = (2, Duration::from_secs(30));
/// As whom the gateway calls.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));

/// A call under way.
pub type Calling = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, CallError>> + Send>>;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The authorities.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    /// TLS itself is not to be had.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why a call brought no answer. No variant holds anything that was sent or came.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It took too long.
    #[error("there was no whole answer within {CALL_TIME:?}")]
    Late,
    /// The server cannot be reached, or its certificate is not believed.
    #[error("the server cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off.
    #[error("the answer broke off")]
    Broken,
    /// The answer is too long.
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
}

/// Calls other servers. Cheap to clone; belongs to the runtime that made it.
#[derive(Debug, Clone)]
pub struct Client {
    pooled: Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// A client that believes the authorities of everyone, and those in the file of `authorities`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(authorities: Option<&Path>) -> Result<Self, ClientError> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_root_certificates(authorities::believed(authorities)?)
            .with_no_client_auth();
        let mut sockets = HttpConnector::new();
        sockets.enforce_http(false);
        sockets.set_connect_timeout(Some(CONNECT_TIME));
        sockets.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(sockets);
        let (idle, idle_time) = IDLE;
        let pooled = Pooled::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle_time)
            .pool_max_idle_per_host(idle)
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        Ok(Self { pooled })
    }

    /// Reads the JSON document at `url`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn document(&self, url: &ServiceUrl) -> Result<Response<Vec<u8>>, CallError> {
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = url.uri().clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.call(request).await
    }

    /// Makes a call to the address of a [`ServiceUrl`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().insert(USER_AGENT, AGENT);
        let called = tokio::time::timeout(CALL_TIME, self.exchange(request)).await;
        called.unwrap_or(Err(CallError::Late))
    }

    /// [`Client::call`], as the `oauth2` crate takes it.
    pub fn caller(&self) -> impl Fn(Request<Vec<u8>>) -> Calling + use<> {
        let client = self.clone();
        move |request| {
            let client = client.clone();
            Box::pin(async move { client.call(request).await })
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Vec<u8>>, CallError> {
        let response = self.pooled.request(request).await.map_err(CallError::Unreachable)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| match error
            .is::<LengthLimitError>()
        {
            true => CallError::TooLong,
            false => CallError::Broken,
        })?;
        Ok(Response::from_parts(head, body.to_bytes().to_vec()))
    }
}
