//! What a call of an endpoint brings beside its form.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::domain::door::Door;

/// A call of an endpoint, without its form.
pub struct Call {
    /// Its header fields.
    pub headers: HeaderMap,
    /// The path that was called.
    pub path: String,
    /// By which door it came, with the certificate that the client showed when it connected.
    pub door: Door,
}

/// Without what its fields say: some of it is secret.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        let call = &mut f.debug_struct("Call");
        call.field("headers", &names).field("path", &self.path).field("door", &self.door).finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            headers: parts.headers.clone(),
            path: parts.uri.path().to_owned(),
            door: parts.extensions.get::<Door>().cloned().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn what_a_call_is_shown_as_has_none_of_its_secrets() {
        let basic = HeaderValue::from_static("Basic c2VjcmV0");
        let headers = HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, basic)]);
        let shown = format!("{:?}", Call { headers, path: "/oauth/token".to_owned(), door: Door::Front });
        assert!(shown.contains("authorization") && !shown.contains("c2VjcmV0"), "{shown}");
    }
}
