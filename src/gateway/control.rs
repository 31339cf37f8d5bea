//! Calls to the gateway's own endpoints (the OAuth2 server …): they leave the core at once and are served on the
//! control plane's runtime, where a password may take its time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, request};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::ServiceExt;

use super::fields::{self, ConnectionFields};
use super::places::{Place, Places};
use crate::config::settings::Bounds;
use crate::domain::refusal::Refusal;

/// Longest answer of the gateway's own endpoints, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Documents that are made at once are one of so many parts of all places: they keep no login waiting.
const DOCUMENTS: usize = 8;

const TOO_MANY: Refusal = Refusal::Unavailable("Too many such calls are under way");
const NO_ANSWER: Refusal = Refusal::Unavailable("The control plane did not answer");

/// Why a body broke off, whatever it is that breaks.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Whether `path` is one of the gateway's own endpoints.
#[must_use]
pub fn is_own(path: &str) -> bool {
    path.starts_with("/oauth/")
        || matches!(
            path,
            "/.well-known/oauth-authorization-server"
                | "/.well-known/oauth-protected-resource"
                | "/.well-known/tollgate-proof-keys"
        )
}

/// The control plane as a core sees it.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    router: Router,
    runtime: tokio::runtime::Handle,
    places: Arc<Places>,
    documents: Arc<Places>,
    max_body: u64,
    body_time: Duration,
}

impl ControlPlane {
    /// Serves `router` on `runtime`, within `bounds`.
    #[must_use]
    pub fn new(router: Router, runtime: tokio::runtime::Handle, bounds: &Bounds) -> Self {
        let places = Arc::new(Places::new(bounds.control_calls));
        let documents = Arc::new(Places::new(bounds.control_calls.div_ceil(DOCUMENTS)));
        let (max_body, body_time) = (bounds.control_body, bounds.body_time);
        Self { router, runtime, places, documents, max_body, body_time }
    }

    /// Whether `path` is one of the gateway's own.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        is_own(path)
    }

    /// Serves a call. Its body is read here, as a whole and in one span of time: it is short, or refused.
    ///
    /// # Errors
    /// [`Refusal::BodyTooLarge`], [`Refusal::BodyTooSlow`], [`Refusal::MessageMalformed`] or [`Refusal::Unavailable`].
    pub async fn call<B>(
        &self,
        mut parts: request::Parts,
        body: B,
        connection: &ConnectionFields,
        request_id: &HeaderValue,
    ) -> Result<Response<Bytes>, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Broken>,
    {
        fields::set_own(&mut parts.headers, connection, request_id);
        parts.extensions.insert(connection.door.clone());
        let place = Places::take(&self.places, &connection.forwarded_for);
        let place = place.ok_or(TOO_MANY)?;
        let body = self.read(body).await?;
        self.serve(Request::from_parts(parts, AxumBody::from(body)), place).await
    }

    /// Has a document made that may take its time, for a call on `connection`. Such calls have places of their own. A caller that
    /// leaves does not give its place back while it is being made.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn make<T: Send + 'static>(
        &self,
        connection: &ConnectionFields,
        making: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Places::take(&self.documents, &connection.forwarded_for);
        let place = place.ok_or(TOO_MANY)?;
        let made = self.runtime.spawn(async move {
            let _place = place;
            making.await
        });
        made.await.map_err(|_| NO_ANSWER)
    }

    async fn read<B>(&self, body: B) -> Result<Bytes, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Broken>,
    {
        let limit = self.max_body;
        if body.size_hint().lower() > limit {
            return Err(Refusal::BodyTooLarge { limit });
        }
        let reading = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        match tokio::time::timeout(self.body_time, reading).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge { limit }),
            Ok(Err(_)) => Err(Refusal::MessageMalformed("The body broke off or is not well framed.")),
            Err(_) => Err(Refusal::BodyTooSlow),
        }
    }

    /// A caller that leaves does not give its place back while its call is still being served.
    async fn serve(&self, request: Request<AxumBody>, place: Place) -> Result<Response<Bytes>, Refusal> {
        let router = self.router.clone();
        let served = self.runtime.spawn(async move {
            let _place = place;
            let (parts, body) =
                router.oneshot(request).await.unwrap_or_else(|never| match never {}).into_parts();
            let bytes = axum::body::to_bytes(body, MAX_ANSWER).await.unwrap_or_default();
            Response::from_parts(parts, bytes)
        });
        served.await.map_err(|_| NO_ANSWER)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::convert::Infallible;

    use axum::routing::any;
    use futures_util::{FutureExt, stream};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::domain::door::Door;

    fn plane(bounds: &Bounds) -> ControlPlane {
        let router = Router::new().route("/oauth/token", any(|body: String| async { body }));
        ControlPlane::new(router, tokio::runtime::Handle::current(), bounds)
    }

    fn connection() -> ConnectionFields {
        let value = HeaderValue::from_static;
        let (forwarded_for, forwarded_proto) = (value("127.0.0.1"), value("http"));
        ConnectionFields { forwarded_for, forwarded_proto, door: Door::Front }
    }

    async fn call<B>(plane: &ControlPlane, body: B) -> Result<Response<Bytes>, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Broken>,
    {
        let (parts, ()) = Request::post("/oauth/token").body(()).unwrap().into_parts();
        plane.call(parts, body, &connection(), &HeaderValue::from_static("id")).await
    }

    /// A body that begins and never ends.
    fn endless() -> impl Body<Data = Bytes, Error = Infallible> {
        let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"grant_type=")))]);
        StreamBody::new(futures_util::StreamExt::chain(first, stream::pending()))
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_in_time_is_refused() {
        let bounds = Bounds { body_time: Duration::from_millis(10), ..Bounds::default() };
        assert_eq!(call(&plane(&bounds), endless()).await.err(), Some(Refusal::BodyTooSlow));
    }

    #[tokio::test]
    async fn beyond_the_bound_a_call_is_refused_at_once_and_a_place_comes_back() {
        let plane = plane(&Bounds { control_calls: 1, ..Bounds::default() });
        let mut waiting = Box::pin(call(&plane, endless()));
        assert!(waiting.as_mut().now_or_never().is_none());
        let refused = call(&plane, Full::<Bytes>::default()).await;
        assert!(matches!(refused, Err(Refusal::Unavailable(_))));
        drop(waiting);
        assert!(call(&plane, Full::<Bytes>::default()).await.is_ok());
    }

    #[tokio::test]
    async fn documents_that_take_their_time_keep_no_call_waiting() {
        let plane = plane(&Bounds { control_calls: 1, ..Bounds::default() });
        let connection = connection();
        let mut making = Box::pin(plane.make(&connection, std::future::pending::<()>()));
        assert!(making.as_mut().now_or_never().is_none());
        assert!(plane.make(&connection, async {}).await.is_err());
        assert!(call(&plane, Full::<Bytes>::default()).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_says_that_it_is_too_long_is_not_read() {
        let plane = plane(&Bounds { control_body: 4, ..Bounds::default() });
        assert_eq!(call(&plane, Full::from("1234")).await.unwrap().into_body(), "1234");
        let refused = call(&plane, Full::from("12345")).await.err();
        assert_eq!(refused, Some(Refusal::BodyTooLarge { limit: 4 }));
    }

    #[tokio::test]
    async fn only_the_paths_of_its_own_are_the_gateways() {
        let plane = plane(&Bounds::default());
        for (path, is_own) in [
            ("/oauth/token", true),
            ("/oauth/nothing", true),
            ("/.well-known/oauth-authorization-server", true),
            ("/.well-known/tollgate-proof-keys", true),
            ("/.well-known/oauth-authorization-server-2", false),
            ("/.well-known/oauth-authorization-server/x", false),
            ("/oauthx", false),
        ] {
            assert_eq!(plane.serves(path), is_own, "{path}");
        }
    }
}
