//! A form (`application/x-www-form-urlencoded`) that is read whole before its call goes on, since what stands in it may sign the call.
//! It goes to the upstream as it came, but for a signature that ends here.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::body_room::Held;
use super::pipeline::Peer;
use super::upload::{Upload, UploadBounds, UploadOutcome};
use super::worker::Worker;
use crate::credential::parameter_signature::without;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureMistake::Malformed;

/// Longest form, in bytes, unless its route takes less.
pub(super) const MOST: u64 = 256 << 10;

/// A form that was read.
#[derive(Debug)]
pub(super) struct Form {
    text: String,
    held: Held,
}

/// Whether the fields of a request say that its body is a form, as it stands and in UTF-8.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else { return false };
    let mut parts = media_type.to_str().unwrap_or_default().split(';').map(str::trim);
    let is_form =
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let is_utf_8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    };
    is_form && parts.all(is_utf_8) && !headers.contains_key(CONTENT_ENCODING)
}

/// Reads a form of at most [`MOST`] or `max` bytes.
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
    let mut upload = Upload::new((body, version), bounds, outcome.clone(), peer.raw_head.clone());
    let (mut bytes, mut held) = (Vec::new(), Held::none(&worker.shared.body_room, &peer.address));
    while let Some(frame) = upload.frame().await {
        let Ok(frame) = frame else {
            let refusal = outcome.borrow_mut().refusal.take();
            return Err(
                refusal.unwrap_or(Refusal::MessageMalformed("The body broke off or is not well framed."))
            );
        };
        let Ok(data) = frame.into_data() else { continue };
        held.add(data.len())?;
        bytes.extend_from_slice(&data);
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        let detail = "the form is not UTF-8: escape what is not ASCII, as %E8%8C%B6";
        Refusal::SignatureInvalid(Malformed, detail.to_owned())
    })?;
    Ok(Some(Form { text, held }))
}

impl Form {
    /// The form as it came.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The form without the parameter at `place`.
    pub(super) fn without(self, place: &Range<usize>) -> Self {
        Self { text: without(&self.text, place).into_owned(), held: self.held }
    }

    /// What goes to the upstream; its room is free once that is gone.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_is_one_by_its_type_in_utf_8_and_not_compressed() {
        for (fields, is_form) in [
            (&[("content-type", "application/x-www-form-urlencoded")][..], true),
            (&[("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")], true),
            (&[("content-type", "application/x-www-form-urlencoded;charset=\"utf-8\"")], true),
            (&[("content-type", "application/x-www-form-urlencoded;charset=GBK")], false),
            (&[("content-type", "application/x-www-form-urlencoded2")], false),
            (&[("content-type", "multipart/form-data; boundary=a")], false),
            (&[("content-type", "application/json")], false),
            (&[], false),
            (
                &[
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("content-type", "application/x-www-form-urlencoded"),
                ],
                false,
            ),
            (&[("content-type", "application/x-www-form-urlencoded"), ("content-encoding", "gzip")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(super::is_form(&headers), is_form, "{fields:?}");
        }
    }
}
