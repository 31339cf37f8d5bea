//! Whether a request is about the merchant whose grant is behind the call, where its route says in which place that stands. What
//! an upstream could read in another way is refused: a name that is there twice, in another case, in a body that is no plain JSON.
//!
//! A body is kept until it has come and was looked at: the upstream gets nothing of one that is about another merchant.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, request};
use memchr::memmem;

use super::json_member::{self, Found};
use super::{alike, fields};
use crate::domain::id::MerchantId;
use crate::domain::merchant_field::MerchantField;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::PathParameters;

const CONTENT_TYPE: &str = "content-type";
const CONTENT_ENCODING: &str = "content-encoding";

const MISSING: &str = "is missing or empty";
const TWICE: &str = "is there more than once, or under a name that can be taken for it";
const NO_TEXT: &str = "is not a text";
const NOT_JSON: &str = "cannot be looked for, as the body is not JSON";
const NO_JSON_TYPE: &str = "cannot be looked for, as Content-Type is not application/json in UTF-8";
const NOMINATED: &str = "cannot be looked for, as Connection takes away what the body is";
const FORM: &str = "cannot be looked for, as a form may have it, too";
const BAD_ESCAPE: &str = "cannot be looked for, as the query has a % that escapes nothing";
const CODED: &str = "cannot be looked for, as the body has a Content-Encoding";

/// What must be so of a body before any of it goes on.
#[derive(Debug)]
pub struct BodyNames<'s> {
    field: &'s Arc<MerchantField>,
    merchant: MerchantId,
}

/// Checks what the head of a request names, or says of the body that names it; gives what the body has yet to name.
///
/// # Errors
/// [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`].
pub fn check<'s>(
    field: &'s Arc<MerchantField>,
    merchant: &MerchantId,
    (parts, parameters): (&request::Parts, &PathParameters<'_, '_>),
) -> Result<Option<BodyNames<'s>>, Refusal> {
    let is_it = match &**field {
        MerchantField::Path(name) => in_path(parameters.get(name).unwrap_or_default(), merchant),
        MerchantField::Query(name) => check_no_form(&parts.headers)
            .and_then(|()| in_query(parts.uri.query().unwrap_or_default(), name, merchant)),
        MerchantField::Body(_) => check_kind(&parts.headers).map(|()| true),
    };
    decided(field, is_it)?;
    let is_in_body = matches!(**field, MerchantField::Body(_));
    Ok(is_in_body.then(|| BodyNames { field, merchant: merchant.clone() }))
}

/// Whether it is the merchant, or why that cannot be told.
type IsIt = Result<bool, &'static str>;

fn decided(field: &Arc<MerchantField>, is_it: IsIt) -> Result<(), Refusal> {
    match is_it {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::MerchantMismatch(field.clone())),
        Err(why) => Err(Refusal::MerchantUnclear(field.clone(), why)),
    }
}

/// The path is in its normal form, in which an escape stands for one character, and no pattern takes an empty segment.
fn in_path(value: &str, merchant: &MerchantId) -> IsIt {
    if value.is_empty() {
        return Err(MISSING);
    }
    Ok(percent_encoding::percent_decode_str(value).eq(merchant.as_str().bytes()))
}

fn in_query(query: &str, name: &str, merchant: &MerchantId) -> IsIt {
    if !alike::is_well_escaped(query) {
        return Err(BAD_ESCAPE);
    }
    let named = alike::names(query).filter(|found| alike::may_be_taken_for(found, name)).count();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
    match (named, values.next()) {
        (0 | 1, None) => Err(MISSING),
        (0 | 1, Some((_, value))) if value.is_empty() => Err(MISSING),
        (0 | 1, Some((_, value))) => Ok(value == merchant.as_str()),
        (_, _) => Err(TWICE),
    }
}

impl BodyNames<'_> {
    /// Looks at a body that is all there.
    ///
    /// # Errors
    /// [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`].
    pub fn look_at(&self, body: &[u8]) -> Result<(), Refusal> {
        let MerchantField::Body(names) = &**self.field else { return Ok(()) };
        let is_it = match json_member::find(body, names, self.merchant.as_str()) {
            Ok(Found::Wanted) => Ok(true),
            Ok(Found::Another) => Ok(false),
            Ok(Found::Nothing) => Err(MISSING),
            Ok(Found::NoText) => Err(NO_TEXT),
            Ok(Found::LikeIt) => Err(TWICE),
            Err(json_member::NotJson) if body.is_empty() => Err(MISSING),
            Err(json_member::NotJson) => Err(NOT_JSON),
        };
        decided(self.field, is_it)
    }
}

/// Whether a body is what it looks like: an upstream would undo a coding, and may read another type in another way. A form can be
/// written that is JSON too.
fn check_kind(headers: &HeaderMap) -> Result<(), &'static str> {
    let is_kind =
        |name: &str| [CONTENT_TYPE, CONTENT_ENCODING].iter().any(|kind| alike::is_alike(name, kind));
    if fields::nominated(headers).iter().any(|name| is_kind(name.as_str())) {
        return Err(NOMINATED);
    }
    if like(headers, CONTENT_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(CODED);
    }
    let mut types = like(headers, CONTENT_TYPE);
    match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(only)), None) if is_json(only) => Ok(()),
        _ => Err(NO_JSON_TYPE),
    }
}

/// A form's fields are to many upstreams as good as the query's, or better.
fn check_no_form(headers: &HeaderMap) -> Result<(), &'static str> {
    let is_form = |media_type: &HeaderValue| {
        let media_type = media_type.as_bytes().to_ascii_lowercase();
        [&b"form-urlencoded"[..], b"multipart/"].iter().any(|form| memmem::find(&media_type, form).is_some())
    };
    if like(headers, CONTENT_TYPE).any(is_form) { Err(FORM) } else { Ok(()) }
}

/// The values of a field, whatever an upstream behind CGI would take for it.
fn like<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h HeaderValue> {
    headers.iter().filter(move |(found, _)| alike::is_alike(found.as_str(), name)).map(|(_, value)| value)
}

/// Whether it is that type to whoever reads it, also to who looks for another one anywhere in it.
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let is_token =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_plain = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some((name, value)) => is_token(name) && is_token(value),
        None => parameter.is_empty(),
    };
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) && parts.all(is_plain)
}

#[cfg(test)]
mod tests;
