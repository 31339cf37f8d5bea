//! Whether a request is about the merchant whose grant is behind the call, where its route says in which place that stands. What
//! an upstream could read in another way is refused: a name that is there twice, in another case, in a body that is no plain JSON.
//!
//! A body is kept until it has come and was looked at: the upstream gets nothing of one that is about another merchant.

use std::sync::Arc;

use http::{HeaderMap, request};

use super::body_kind::{self, Unclear};
use super::json_member::{self, Found};
use crate::credential::message_signature::Body;
use crate::domain::alike;
use crate::domain::id::MerchantId;
use crate::domain::merchant_field::MerchantField;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::PathParameters;

const MISSING: &str = "is missing or empty";
const TWICE: &str = "is there more than once, or under a name that can be taken for it";
const NO_TEXT: &str = "is not a text";
const NOT_JSON: &str = "cannot be looked for, as the body is not JSON";
const NO_JSON_TYPE: &str = "cannot be looked for, as Content-Type is not application/json in UTF-8";
const NOMINATED: &str = "cannot be looked for, as Connection takes away what the body is";
const FORM: &str = "cannot be looked for, as a form may have it, too";
const UNTYPED: &str = "cannot be looked for, as a body that one Content-Type does not say to be another may be a form, which may have it, too";
const BAD_ESCAPE: &str = "cannot be looked for, as the query has a % that escapes nothing";
const CODED: &str = "cannot be looked for, as the body has a Content-Encoding";

/// What must be so of a body before any of it goes on.
#[derive(Debug)]
pub struct BodyNames<'s> {
    field: &'s Arc<MerchantField>,
    merchant: MerchantId,
}

/// Checks what the head of a request names, or says of the body that names it; gives what the body has yet to name, and `body` is whether
/// there is one.
///
/// # Errors
/// [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`].
pub fn check<'s>(
    field: &'s Arc<MerchantField>,
    merchant: &MerchantId,
    (parts, parameters, body): (&request::Parts, &PathParameters<'_, '_>, Body),
) -> Result<Option<BodyNames<'s>>, Refusal> {
    let is_it = match &**field {
        MerchantField::Path(name) => in_path(parameters.get(name).unwrap_or_default(), merchant),
        MerchantField::Query(name) => check_no_form(&parts.headers, body)
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

/// Whether a body is what it looks like: an upstream may read another type in another way. A form can be written that is JSON too.
fn check_kind(headers: &HeaderMap) -> Result<(), &'static str> {
    let found = body_kind::of_plain(headers).map_err(|unclear| match unclear {
        Unclear::Nominated => NOMINATED,
        Unclear::Coded => CODED,
        Unclear::Untyped => NO_JSON_TYPE,
    })?;
    let is_json = found.is("application/json") && found.is_utf_8() && found.is_plain();
    if is_json && !body_kind::says_form(headers) { Ok(()) } else { Err(NO_JSON_TYPE) }
}

/// A form's fields are to many upstreams as good as the query's, or better.
fn check_no_form(headers: &HeaderMap, body: Body) -> Result<(), &'static str> {
    match body_kind::says_form(headers) {
        true => Err(FORM),
        false if body_kind::is_typed(headers, body) => Ok(()),
        false => Err(UNTYPED),
    }
}

#[cfg(test)]
mod tests;
