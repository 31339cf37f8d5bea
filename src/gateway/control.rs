//! Calls to the gateway's own endpoints (the OAuth2 server …): they leave the core at once and are served on the
//! control plane's runtime, where a password may take its time.

use axum::Router;
use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::fields::{self, ConnectionFields};
use crate::domain::refusal::Refusal;

/// Longest answer of the gateway's own endpoints, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// The control plane as a core sees it.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    router: Router,
    runtime: tokio::runtime::Handle,
}

impl ControlPlane {
    /// Serves `router` on `runtime`.
    #[must_use]
    pub fn new(router: Router, runtime: tokio::runtime::Handle) -> Self {
        Self { router, runtime }
    }

    /// Whether `path` is one of the gateway's own.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        path.starts_with("/oauth/") || path.starts_with("/.well-known/oauth-authorization-server")
    }

    /// Serves a call with a body of up to `max_body` bytes.
    ///
    /// # Errors
    /// [`Refusal::BodyTooLarge`], [`Refusal::MessageMalformed`] or [`Refusal::Unavailable`].
    pub async fn call(
        &self,
        mut parts: request::Parts,
        body: Incoming,
        connection: &ConnectionFields,
        (request_id, max_body): (&HeaderValue, u64),
    ) -> Result<Response<Bytes>, Refusal> {
        fields::set_own(&mut parts.headers, connection, request_id);
        let limit = usize::try_from(max_body).unwrap_or(usize::MAX);
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Refusal::BodyTooLarge { limit: max_body }
            } else {
                Refusal::MessageMalformed("The body broke off or is not well framed.")
            }
        })?;
        let request = Request::from_parts(parts, AxumBody::from(body.to_bytes()));
        let router = self.router.clone();
        let served = self.runtime.spawn(async move {
            let (parts, body) =
                router.oneshot(request).await.unwrap_or_else(|never| match never {}).into_parts();
            let bytes = axum::body::to_bytes(body, MAX_ANSWER).await.unwrap_or_default();
            Response::from_parts(parts, bytes)
        });
        served.await.map_err(|_| Refusal::Unavailable("The control plane did not answer"))
    }
}
