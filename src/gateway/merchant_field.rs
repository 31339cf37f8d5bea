//! Whether a request is about the merchant whose grant is behind the call, where its route says in which place that stands. What
//! an upstream could read in another way is refused: a name that is there twice, in another case, in a body that is no plain JSON.
//!
//! A body is kept until it has come and was looked at: the upstream gets nothing of one that is about another merchant.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, request};

use super::json_member::{self, Found};
use super::recording;
use super::upload::Upload;
use crate::domain::id::MerchantId;
use crate::domain::merchant_field::MerchantField;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::PathParameters;

const MISSING: &str = "is missing or empty";
const TWICE: &str = "is there more than once, or under a name that can be taken for it";
const NO_TEXT: &str = "is not a text";
const NOT_JSON: &str = "cannot be looked for, as the body is not JSON";
const NO_JSON_TYPE: &str = "cannot be looked for, as Content-Type is not application/json in UTF-8";
const CODED: &str = "cannot be looked for, as the body has a Content-Encoding";

/// What must be so of a body before any of it goes on.
#[derive(Debug)]
pub struct BodyNames<'s> {
    field: &'s Arc<MerchantField>,
    merchant: MerchantId,
}

/// Checks what the head of a request names; gives what its body has yet to name.
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
        MerchantField::Query(name) => in_query(parts.uri.query().unwrap_or_default(), name, merchant),
        MerchantField::Body(_) => return Ok(Some(BodyNames { field, merchant: merchant.clone() })),
    };
    decided(field, is_it).map(|()| None)
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
    // Some servers take a semicolon for a separator, too.
    let pieces = query.split(['&', ';']).flat_map(|piece| form_urlencoded::parse(piece.as_bytes()));
    let named = pieces.filter(|(found, _)| may_be_taken_for(found, name)).count();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
    match (named, values.next()) {
        (0 | 1, None) => Err(MISSING),
        (0 | 1, Some((_, value))) if value.is_empty() => Err(MISSING),
        (0 | 1, Some((_, value))) => Ok(value == merchant.as_str()),
        (_, _) => Err(TWICE),
    }
}

/// Whether some server would take `found` for the parameter `name`: in another case, as an entry of it (`name[]`), cut off at a
/// zero byte, or with points and blanks for underscores.
fn may_be_taken_for(found: &str, name: &str) -> bool {
    let base = found.trim_start().split(['[', '\0']).next().unwrap_or_default();
    let folded = |byte: u8| match byte {
        b'.' | b' ' => b'_',
        byte => byte.to_ascii_lowercase(),
    };
    base.bytes().map(folded).eq(name.bytes().map(folded))
}

impl BodyNames<'_> {
    /// Reads a body to its end and looks at it; gives it to be sent on.
    ///
    /// # Errors
    /// [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`]; what the bounds of the body say.
    pub(super) async fn read(&self, upload: Upload, headers: &HeaderMap) -> Result<Upload, Refusal> {
        self.check_kind(headers)?;
        let body = upload.whole().await?;
        self.look_at(&body)?;
        Ok(Upload::Whole(body))
    }

    /// Looks at what a head says of the body.
    ///
    /// # Errors
    /// [`Refusal::MerchantUnclear`].
    pub fn check_kind(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        check_kind(headers).or_else(|why| decided(self.field, Err(why)))
    }

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
    if recording::coding(headers).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(CODED);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(only)), None) if is_json(only) => Ok(()),
        _ => Err(NO_JSON_TYPE),
    }
}

fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_kind = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    };
    is_kind && parts.all(is_utf8)
}

#[cfg(test)]
mod tests;
