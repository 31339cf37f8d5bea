//! What the fields of a request say that its body is, to whoever reads them: to an upstream behind CGI `Content_Type` says it too,
//! and what `Connection` names says it to none.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

use super::fields;
use crate::credential::message_signature::Body;
use crate::domain::alike;
use crate::domain::media_type::MediaType;
use crate::policy::body_reading::BodyReading;

/// Why it is not clear what a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclear {
    /// `Connection` takes away what says it.
    Nominated,
    /// It has a coding, which an upstream would undo.
    Coded,
    /// It has no type, several, or one that is not well-formed.
    Untyped,
}

/// The type of a body that is what it looks like.
pub(super) fn of_plain(headers: &HeaderMap) -> Result<MediaType<'_>, Unclear> {
    if are_nominated(headers, &[CONTENT_TYPE, CONTENT_ENCODING]) {
        return Err(Unclear::Nominated);
    }
    if like(headers, &CONTENT_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Unclear::Coded);
    }
    only_type(headers).ok_or(Unclear::Untyped)
}

/// Whether fields say that a body is a form, or may be one to whoever looks anywhere in them.
pub(super) fn says_form(headers: &HeaderMap) -> bool {
    like(headers, &CONTENT_TYPE).any(|value| {
        let text = value.as_bytes().to_ascii_lowercase();
        let forms = [&b"urlencoded"[..], b"url-encoded", b"multipart/"];
        forms.iter().any(|form| memmem::find(&text, form).is_some())
    })
}

/// Whether it is said what a body is, if there is one: what has no type, some servers take for a form.
pub(super) fn is_typed(headers: &HeaderMap, body: Body) -> bool {
    body == Body::Absent || (!are_nominated(headers, &[CONTENT_TYPE]) && only_type(headers).is_some())
}

/// Whether some server may read parameters in the body.
pub(super) fn may_be_form(headers: &HeaderMap, body: Body) -> bool {
    says_form(headers) || !is_typed(headers, body)
}

/// Whether every server reads the same parameters in a query, and none in the body in their place.
pub(super) fn is_query_clear(query: &str, headers: &HeaderMap, body: Body) -> bool {
    alike::is_clear(query) && !may_be_form(headers, body)
}

/// Why the upstream may take a body for something else than its meter does, if it may: then what one finds in it says nothing of what
/// the other does.
pub(super) fn mistaken(headers: &HeaderMap, reading: &BodyReading) -> Option<&'static str> {
    if are_nominated(headers, &[CONTENT_TYPE, CONTENT_ENCODING]) {
        return Some("the field Connection takes away what says what it is");
    }
    let is_twin = |found: &HeaderName| {
        found != CONTENT_ENCODING && alike::is_alike(found.as_str(), CONTENT_ENCODING.as_str())
    };
    if headers.keys().any(is_twin) {
        return Some("a field that is like Content-Encoding says of it what that does not");
    }
    let is_typed = like(headers, &CONTENT_TYPE).next().is_some();
    let only = one_type(headers);
    if is_typed && only.is_none() {
        return Some("its Content-Type is not well-formed, or there are several");
    }
    let is_coded = like(headers, &CONTENT_ENCODING).next().is_some();
    let is_known = match charset(headers) {
        Charset::Utf8 => true,
        // Of what is coded nobody has the bytes before its end.
        Charset::AlikeInAscii => !is_coded,
        Charset::Other => false,
    };
    if !is_known {
        return Some("its Content-Type names another charset than UTF-8");
    }
    match reading {
        BodyReading::Nothing => None,
        BodyReading::Form(_) if only.is_some_and(|only| only.is("application/x-www-form-urlencoded")) => None,
        BodyReading::Form(_) => Some("its Content-Type does not say that it is a form"),
        // What has no type is for its reader to look at: those that look for parameters in it are old.
        BodyReading::Json | BodyReading::Members(_) | BodyReading::Lines(_) => {
            says_form(headers).then_some(
                "its Content-Type says that it is a form, as that of curl -d does; whoever sends JSON has to say so (application/json)",
            )
        }
    }
}

/// The values of the fields that say what a body is: first its types, then its codings.
pub(super) fn telling(headers: &HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    like(headers, &CONTENT_TYPE).chain(like(headers, &CONTENT_ENCODING))
}

/// In which charset a body is, as far as it matters to a reader of UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// In UTF-8, or nothing is said.
    Utf8,
    /// In one that is the same in all bytes that are ASCII.
    AlikeInAscii,
    /// In another one.
    Other,
}

/// The charset that the type of a body names.
pub(super) fn charset(headers: &HeaderMap) -> Charset {
    let Some(charset) = one_type(headers).and_then(|only| only.charset()) else { return Charset::Utf8 };
    let charset = charset.to_ascii_lowercase();
    let alike = [
        "iso-8859-",
        "iso8859-",
        "latin",
        "windows-125",
        "cp125",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euc-",
    ];
    match charset.as_str() {
        "utf-8" | "utf8" => Charset::Utf8,
        "us-ascii" | "ascii" => Charset::AlikeInAscii,
        other if alike.iter().any(|known| other.starts_with(known)) => Charset::AlikeInAscii,
        _ => Charset::Other,
    }
}

fn are_nominated(headers: &HeaderMap, names: &[HeaderName]) -> bool {
    let nominated = fields::nominated(headers);
    nominated.iter().any(|found| names.iter().any(|name| alike::is_alike(found.as_str(), name.as_str())))
}

fn only_type(headers: &HeaderMap) -> Option<MediaType<'_>> {
    let mut types = like(headers, &CONTENT_TYPE);
    let (Some(only), None) = (types.next(), types.next()) else { return None };
    MediaType::read(only.to_str().ok()?)
}

/// The type that is named, however often.
fn one_type(headers: &HeaderMap) -> Option<MediaType<'_>> {
    let mut types = like(headers, &CONTENT_TYPE);
    let one = types.next()?;
    if types.all(|other| other == one) { MediaType::read(one.to_str().ok()?) } else { None }
}

/// The values of a field, whatever an upstream behind CGI would take for it.
fn like<'h>(headers: &'h HeaderMap, name: &'h HeaderName) -> impl Iterator<Item = &'h HeaderValue> {
    let is_like = |found: &HeaderName| alike::is_alike(found.as_str(), name.as_str());
    headers.iter().filter(move |(found, _)| is_like(found)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_body_is_what_it_looks_like_to_everyone_or_unclear() {
        let json = ("content-type", "application/json");
        for (fields, expected) in [
            (&[json][..], Ok("application/json")),
            (&[json, ("content-encoding", "Identity")], Ok("application/json")),
            (&[json, ("connection", "keep-alive, x-other")], Ok("application/json")),
            (&[json, ("connection", "Content-Type")], Err(Unclear::Nominated)),
            (&[json, ("connection", "close, CONTENT-ENCODING")], Err(Unclear::Nominated)),
            (&[json, ("connection", "content_type")], Err(Unclear::Nominated)),
            (&[json, ("content-encoding", "identity, gzip")], Err(Unclear::Coded)),
            (&[json, ("content_encoding", "br")], Err(Unclear::Coded)),
            (&[], Err(Unclear::Untyped)),
            (&[json, json], Err(Unclear::Untyped)),
            (&[json, ("content_type", "text/plain")], Err(Unclear::Untyped)),
            (&[("content-type", "application/json; charset =utf-8")], Err(Unclear::Untyped)),
        ] {
            let headers = headers(fields);
            assert_eq!(of_plain(&headers).map(|found| found.name()), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_body_that_its_upstream_may_take_for_something_else_is_not_read() {
        let (json, form) =
            (("content-type", "application/json"), ("content-type", "application/x-www-form-urlencoded"));
        let charset = |charset| ("content-type", charset);
        for (fields, as_json, as_form) in [
            (&[json][..], true, false),
            (&[form], false, true),
            (&[], true, false),
            (&[("content-type", "application/x-ndjson")], true, false),
            (&[("content-type", "text/plain")], true, false),
            (&[json, ("content-encoding", "gzip")], true, false),
            (&[json, ("content_encoding", "gzip")], false, false),
            (&[form, ("content_type", "application/json")], false, false),
            (&[json, json], true, false),
            (&[json, ("content-type", "text/plain")], false, false),
            (&[("content-type", "multipart/form-data; boundary=x")], false, false),
            (&[("content-type", "json")], false, false),
            (&[json, ("connection", "content-type")], false, false),
            (&[charset("application/json; charset=UTF-8")], true, false),
            (&[charset("application/json; charset=utf-7")], false, false),
            (&[charset("application/x-www-form-urlencoded; charset=utf8")], false, true),
            (&[charset("application/x-www-form-urlencoded; charset=GBK")], false, true),
            (&[charset("application/json; charset=ISO-8859-1")], true, false),
            (&[charset("application/json; charset=ascii"), ("content-encoding", "gzip")], false, false),
        ] {
            let headers = headers(fields);
            assert_eq!(mistaken(&headers, &BodyReading::Json).is_none(), as_json, "{fields:?}");
            assert_eq!(mistaken(&headers, &BodyReading::Form([].into())).is_none(), as_form, "{fields:?}");
        }
    }

    #[test]
    fn a_body_may_be_a_form_unless_one_type_says_that_it_is_none() {
        let json = ("content-type", "application/json");
        for (fields, with_body, without) in [
            (&[json][..], false, false),
            (&[("content-type", "application/octet-stream")], false, false),
            (&[("content-language", "form-urlencoded"), json], false, false),
            (&[("content-type", "Multipart/Form-Data; boundary=x")], true, true),
            (&[("content_type", "application/x-www-form-urlencoded")], true, true),
            (&[("content-type", "application/x-url-encoded")], true, true),
            (&[("content-type", "application/x-URLencoded")], true, true),
            (&[json, ("content_type", "application/x-www-form-urlencoded")], true, true),
            (&[], true, false),
            (&[("content-type", "")], true, false),
            (&[("content-type", "json")], true, false),
            (&[json, json], true, false),
            (&[json, ("connection", "Content-Type")], true, false),
            (&[json, ("connection", "Content-Encoding")], false, false),
        ] {
            let headers = headers(fields);
            assert_eq!(may_be_form(&headers, Body::Present), with_body, "{fields:?}");
            assert_eq!(may_be_form(&headers, Body::Absent), without, "{fields:?}");
        }
    }
}
