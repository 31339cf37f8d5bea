//! Whether an answer is one in which members can be found by their names: JSON, in UTF-8, whole and as it is.

use std::borrow::Cow;

use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::domain::media_type::MediaType;
use crate::masking::masker::Form;
use crate::upstream::answer_head::AnswerHead;

/// The status of an answer that is a part of another (RFC 9110, section 15.3.7).
const PARTIAL_CONTENT: u16 = 206;

/// How many JSON texts the body is, or why it cannot be masked.
pub(super) fn form(head: &AnswerHead) -> Result<Form, &'static str> {
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
    if text == "application/json" {
        return Some(Form::Text);
    }
    let found = MediaType::read(text)?;
    let is_text =
        |charset: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known));
    if !found.charset().is_none_or(is_text) {
        return None;
    }
    let kind = found.name();
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
            ("application/json; charset =gbk", None),
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
