//! What becomes of a request body that nobody reads, because its call was refused before. A short one is read and dropped, so
//! that the connection can go on; of any other the answer says that it is the connection's last (RFC 9112, section 9.6).

use std::rc::Rc;

use http::header::{CONNECTION, EXPECT};
use http::{HeaderMap, HeaderValue, Version, request};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::peer::Peer;
use super::upload::{Upload, UploadBounds};
use super::worker::Worker;

/// Longest body that is read for nothing.
const MAX_UNREAD: u64 = 64 << 10;

/// Sees to the body of a refused request, whose answer has the fields `answer`.
pub(super) fn dispose(
    worker: &Worker,
    peer: &Peer,
    (parts, body): (&request::Parts, Incoming),
    answer: &mut HeaderMap,
) {
    // Of HTTP/2, only the stream ends.
    let ends_alone = body.is_end_stream() || parts.version == Version::HTTP_2;
    if ends_alone || answer.contains_key(CONNECTION) {
        return;
    }
    // Who expects to be told to go on sends no body after an answer.
    if body.size_hint().lower() > MAX_UNREAD || parts.headers.contains_key(EXPECT) {
        answer.insert(CONNECTION, HeaderValue::from_static("close"));
        return;
    }
    let bounds = &worker.shared.bounds;
    let bounds = UploadBounds { max: MAX_UNREAD, time: bounds.body_time, progress: bounds.body_progress };
    let mut unread = Upload::new((body, parts.version), bounds, Rc::default(), peer.raw_head.clone());
    // It ends with the body, or with what the bounds give a body, and the answer does not wait for it.
    tokio::task::spawn_local(async move { while let Some(Ok(_)) = unread.frame().await {} });
}
