//! What a call of an endpoint brings beside its form.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::domain::client_certificate::ClientCertificate;

/// A call of an endpoint, without its form.
#[derive(Debug)]
pub struct Call {
    /// Its header fields.
    pub headers: HeaderMap,
    /// The path that was called.
    pub path: String,
    /// The certificate that the client showed when it connected.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            headers: parts.headers.clone(),
            path: parts.uri.path().to_owned(),
            certificate: parts.extensions.get::<Arc<ClientCertificate>>().cloned(),
        })
    }
}
