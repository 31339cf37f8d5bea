//! Answers with personal data that is not for every caller: it leaves masked, and an answer in which it cannot be masked does not
//! leave. Whoever has the scopes gets the answer as it came.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Body;
use uuid::Uuid;

use super::answer::Answer;
use super::durable;
use super::fields::remove_where;
use super::pipeline::Telling;
use super::recording::{Call, Recording};
use super::upload::Upload;
use super::view::View;
use crate::domain::refusal::Refusal;
use crate::domain::scope::ScopeSet;
use crate::masking::fields::Rules;
use crate::masking::masker::{Form, Masker};
use crate::masking::unmaskable::Unmaskable;
use crate::policy::snapshot::Route;
use crate::upstream::answer_head::AnswerHead;
use crate::upstream::exchange::Exchange;

/// The status of an answer that is a part of another (RFC 9110, section 15.3.7).
const PARTIAL_CONTENT: u16 = 206;
/// What an answer depends on that is masked for some: by what a caller proves itself, so that no cache gives one's to another.
const BY_CREDENTIAL: HeaderValue = HeaderValue::from_static("authorization, x-api-key, signature-input");
/// For the caller's own cache, which asks each time whether it is still so.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The rules by which the answer of a call is masked.
pub(super) fn rules(call: &Call) -> Rules {
    let Some(mask) = call.route().and_then(|route| route.mask.as_ref()) else { return Rules::NONE };
    match &call.identity {
        Some(identity) => mask.rules_for(&identity.caller.scopes),
        None => mask.rules_for(&ScopeSet::none()),
    }
}

/// The scopes by which personal data left in an answer of the upstream's of so many bytes, with a blank between two. What is not
/// looked at cannot be known: whoever has a scope is taken to have got what it lets through.
pub(super) fn disclosed(call: &Call, bytes: u64) -> Cow<'_, str> {
    let mask = call.route().and_then(|route| route.mask.as_ref()).filter(|_| bytes > 0);
    match (mask, &call.identity) {
        (Some(mask), Some(identity)) => mask.lifted_by(&identity.caller.scopes),
        (None, _) | (_, None) => Cow::Borrowed(""),
    }
}

/// Masks the body of an answer.
pub struct Masking {
    masker: Masker,
    view: Rc<View>,
    route: usize,
    call: Uuid,
}

impl Masking {
    /// What may leave of the next piece of the body, which may be its last; it may be nothing.
    ///
    /// # Errors
    /// [`Unmaskable`], of which the log is told: nothing more may leave.
    pub fn piece(&mut self, piece: Bytes, is_last: bool) -> Result<Bytes, Unmaskable> {
        let Self { masker, view, route, call } = self;
        let Some((route, mask)) =
            view.snapshot.routes.get(*route).and_then(|route| Some((route, route.mask.as_ref()?)))
        else {
            return Err(Unmaskable::Incomplete);
        };
        let left = masker.mask(&mask.fields, piece);
        let left = if is_last { left.and_then(|left| masker.end().map(|()| left)) } else { left };
        left.inspect_err(|why| tell(route, call, &why.to_string()))
    }
}

/// For the platform to mend.
fn tell(route: &Route, request_id: &Uuid, why: &str) {
    tracing::warn!(route = %route.name, %request_id, why, "an answer cannot be masked and is not let through");
}

/// Prepares an answer whose route masks some of it: its fields no longer speak of bytes that do not leave.
///
/// # Errors
/// [`Refusal::AnswerUnmaskable`]: it has a body that cannot be masked.
pub(super) fn begin(
    call: &Call,
    head: &mut AnswerHead,
    exchange: &Exchange<Upload>,
) -> Result<Option<Box<Masking>>, Refusal> {
    let Some(route) = call.route().filter(|route| route.mask.is_some()) else { return Ok(None) };
    head.headers.append(VARY, BY_CREDENTIAL);
    keep_from_caches(&mut head.headers);
    let rules = rules(call);
    if rules.is_empty() {
        return Ok(None);
    }
    let form = form(head);
    remove_where(&mut head.headers, is_of_other_bytes);
    if exchange.is_end_stream() {
        return Ok(None);
    }
    let form = form.map_err(|why| {
        tell(route, &call.id, why);
        Refusal::AnswerUnmaskable(why)
    })?;
    let (masker, view) = (Masker::new(rules, form), call.view.clone());
    Ok(Some(Box::new(Masking { masker, view, route: route.index, call: call.id })))
}

/// Has no cache that many share keep an answer, whatever the upstream says: some do not look at `Vary`, and RFC 9111, section 3.5,
/// is about `Authorization` alone.
fn keep_from_caches(headers: &mut HeaderMap) {
    let is_kept_by_none = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case("no-store")))
    };
    if !headers.get_all(CACHE_CONTROL).iter().any(is_kept_by_none) {
        headers.insert(CACHE_CONTROL, PRIVATE);
    }
    for name in ["cdn-cache-control", "surrogate-control"] {
        headers.remove(name);
    }
}

/// Gives the answer to a call of a route that masks, once the first of it is masked: what turns out to be no JSON right away is
/// refused.
pub(super) async fn answer(
    mut recording: Recording,
    told: Telling,
    (mut head, mut exchange): (AnswerHead, Box<Exchange<Upload>>),
) -> Response<Answer> {
    let begun = match begin(&recording.call, &mut head, &exchange) {
        Ok(None) => return told.answer(head, Answer::relay(exchange, recording)),
        Ok(Some(mut masking)) => {
            first(&mut recording, &mut exchange, &mut masking).await.map(|ahead| (ahead, masking))
        }
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok((ahead, masking)) => {
            told.answer(head, Answer::relay_masked(exchange, recording, (ahead, masking)))
        }
        Err(refusal) => told.refuse_under_way(recording, &refusal),
    }
}

/// Reads a body until something of it may leave, or it has ended.
async fn first(
    recording: &mut Recording,
    exchange: &mut Exchange<Upload>,
    masking: &mut Masking,
) -> Result<Bytes, Refusal> {
    let silence = recording.worker().shared.bounds.upstream_silence;
    loop {
        let frame = durable::next(exchange, &recording.call.upload, silence).await;
        let frame =
            frame.map_err(|end| durable::broken(end, &recording.call).unwrap_or(Refusal::UpstreamBroken))?;
        let (data, is_over) = match frame {
            Some(frame) => (frame.into_data().unwrap_or_default(), exchange.is_end_stream()),
            None => (Bytes::new(), true),
        };
        recording.saw(&data);
        let left = masking.piece(data, is_over).map_err(malformed)?;
        if is_over || !left.is_empty() {
            return Ok(left);
        }
    }
}

/// The refusal of an answer of which nothing has left.
pub(super) fn malformed(_: Unmaskable) -> Refusal {
    Refusal::AnswerUnmaskable("the upstream's answer is not well-formed JSON")
}

/// Whether a field speaks of the body as it was: of its bytes, or of when they are the same again. By such a field a caller that
/// gets more scopes would take what it has for up to date.
fn is_of_other_bytes(name: &HeaderName) -> bool {
    match *name {
        ACCEPT_RANGES | CONTENT_LENGTH | CONTENT_RANGE | ETAG | LAST_MODIFIED => true,
        _ => matches!(
            name.as_str(),
            "content-digest"
                | "content-md5"
                | "digest"
                | "repr-digest"
                | "unencoded-digest"
                | "signature"
                | "signature-input"
        ),
    }
}

/// How many JSON texts the body is, or why it cannot be masked.
fn form(head: &AnswerHead) -> Result<Form, &'static str> {
    let headers = &head.headers;
    if head.status.as_u16() == PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE) {
        return Err("the upstream's answer is a part of another");
    }
    let is_plain = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Err("the upstream's answer is compressed");
    }
    content_type(headers).and_then(of_type).ok_or("the upstream's answer is not said to be JSON in UTF-8")
}

/// The one type that the fields name.
fn content_type(headers: &HeaderMap) -> Option<&str> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (first, None) = (types.next()?, types.next()) else { return None };
    first.to_str().ok()
}

/// How many JSON texts a body of that type is; `None` if it is not JSON, or not in UTF-8. A type that is built on JSON may have an
/// answer inside of another, where no field would be found.
fn of_type(text: &str) -> Option<Form> {
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    };
    let mut charsets = parameters.split(';').filter_map(charset);
    if !charsets.all(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")) {
        return None;
    }
    let kind = kind.trim();
    let kind = match kind.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(kind.to_ascii_lowercase()),
        false => Cow::Borrowed(kind),
    };
    match &*kind {
        "application/json" | "text/json" | "application/problem+json" => Some(Form::Text),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines"
        | "application/stream+json" => Some(Form::Lines),
        "application/json-seq" => Some(Form::Sequence),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_says_whether_it_is_json_and_how_many_texts() {
        for (text, form) in [
            ("application/json", Some(Form::Text)),
            ("Application/JSON ; Charset=\"UTF-8\"; x=y", Some(Form::Text)),
            ("application/problem+json", Some(Form::Text)),
            ("application/vnd.api+json", None),
            ("application/hal+json;v=2", None),
            ("application/x-ndjson", Some(Form::Lines)),
            ("application/json-seq", Some(Form::Sequence)),
            ("application/stream+json;charset=utf-8", Some(Form::Lines)),
            ("application/json; charset=gbk", None),
            ("application/json; charset=utf-8; charset=utf-16", None),
            ("text/html", None),
            ("application/jsonp", None),
            ("text/event-stream", None),
            ("", None),
        ] {
            assert_eq!(of_type(text), form, "{text}");
        }
    }
}
