//! A form (`application/x-www-form-urlencoded`) that is read whole before its call goes on, since what stands in it may sign the call.
//! It goes to the upstream as it came, but for what ends here: a signature, and what that leaves out.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use http::{Method, Version, request};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::body_kind;
use super::body_room::{Held, PATIENCE};
use super::peer::Peer;
use super::upload::{Upload, UploadBounds, UploadOutcome};
use super::worker::Worker;
use crate::credential::parameter_signature::without;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::Malformed;
use crate::limit::cell::{network, site};

/// Longest form, in bytes, unless its route takes less.
pub(super) const MOST: u64 = 256 << 10;

/// A form that was read.
#[derive(Debug)]
pub(super) struct Form {
    held: Held,
    /// Whether something of it does not go on.
    pub(super) is_cut: bool,
}

/// Whether the body of a request is a form to whoever reads it, as it stands and in UTF-8. With other methods many servers do not look
/// for parameters in it.
pub(super) fn is_form(parts: &request::Parts) -> bool {
    let is_read = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    is_read
        && body_kind::of_plain(&parts.headers)
            .is_ok_and(|found| found.is("application/x-www-form-urlencoded") && found.is_utf_8())
}

/// Reads a form of at most [`MOST`] or `max` bytes, of a caller that has proved nothing yet: within a room of its own, and in
/// [`PATIENCE`].
///
/// # Errors
/// [`Refusal::BodyTooLarge`], [`Refusal::BodyTooSlow`], [`Refusal::MessageMalformed`], [`Refusal::Unavailable`] without room, and
/// [`Refusal::SignatureInvalid`] for one that is no text.
pub(super) async fn read(
    (worker, peer): (&Worker, &Peer),
    (body, version): (&mut Option<Incoming>, Version),
    max: u64,
) -> Result<Option<Form>, Refusal> {
    let limit = max.min(MOST);
    if body.as_ref().is_some_and(|body| body.size_hint().lower() > limit) {
        return Err(Refusal::BodyTooLarge { limit });
    }
    let Some(body) = body.take() else { return Ok(None) };
    let bounds = &worker.shared.bounds;
    let bounds = UploadBounds { max: limit, time: bounds.body_time, progress: bounds.body_progress };
    let outcome = Rc::new(RefCell::new(UploadOutcome::default()));
    let upload = Upload::new((body, version), bounds, outcome, peer.raw_head.clone());
    let network = network(peer.address);
    let held = Held::none(&worker.shared.form_room, &site(network), &network);
    let held = match worker.shared.signatures.have_held_from(peer.address) {
        true => held,
        false => held.of_a_stranger(),
    };
    let held = timeout(PATIENCE, upload.held(held)).await.map_err(|_| Refusal::BodyTooSlow)??;
    if std::str::from_utf8(held.as_ref()).is_err() {
        let detail = "the form is not UTF-8: escape what is not ASCII, as %E8%8C%B6";
        return Err(SignatureError::new(Malformed, detail).into());
    }
    Ok(Some(Form { held, is_cut: false }))
}

impl Form {
    /// The form as it came.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.held.as_ref()).unwrap_or_default()
    }

    /// The form without the parameters at `places`.
    pub(super) fn without(self, places: &[Range<usize>]) -> Self {
        let left = without(self.text(), places).into_bytes();
        Self { held: self.held.with(left), is_cut: true }
    }

    /// What goes to the upstream; its room is free once that is gone.
    pub(super) fn into_bytes(self) -> Bytes {
        self.held.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    fn is_form(method: &str, fields: &[(&str, &str)]) -> bool {
        let request = fields
            .iter()
            .fold(Request::builder().method(method), |request, (name, value)| request.header(*name, *value));
        super::is_form(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_form_is_one_by_its_type_in_utf_8_and_not_compressed() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let of_type = |media_type: &'static str| [("content-type", media_type)];
        for (media_type, expected) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", true),
            ("application/x-www-form-urlencoded;charset=\"utf-8\"", true),
            ("application/x-www-form-urlencoded;charset=GBK", false),
            ("application/x-www-form-urlencoded; charset =gbk", false),
            ("application/x-www-form-urlencoded; charset= gbk", false),
            ("application/x-www-form-urlencoded; charset=utf-8; charset=gbk", false),
            ("application/x-www-form-urlencoded2", false),
            ("multipart/form-data; boundary=a", false),
            ("application/json", false),
        ] {
            assert_eq!(is_form("POST", &of_type(media_type)), expected, "{media_type}");
        }
        for more in [
            form,
            ("content_type", "text/plain"),
            ("content-encoding", "gzip"),
            ("content_encoding", "gzip"),
            ("connection", "content-type"),
            ("connection", "close, Content-Encoding"),
        ] {
            assert!(!is_form("POST", &[form, more]), "{more:?}");
        }
        assert!(!is_form("POST", &[]));
        for (method, expected) in
            [("PUT", true), ("PATCH", true), ("GET", false), ("DELETE", false), ("QUERY", false)]
        {
            assert_eq!(is_form(method, &[form]), expected, "{method}");
        }
    }
}
