//! The `issuers` section of `platform.yaml`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::expression::{Declared, Expression, Wanted};
use super::super::file::issuers::{IssuerEntry, TokenAlgorithmName};
use super::super::issuer::{ForeignIssuer, TokenAlgorithm};
use super::super::load::Document;
use super::basics::duration;
use super::set::Compiling;
use super::token_source::{OPEN_URL, Section};
use crate::config::service_url::ServiceUrl;
use crate::domain::location::Location;

/// Most other issuers: each has its keys kept fresh by a task of its own.
const MAX_ISSUERS: usize = 50;
/// What tokens must say to be, unless the issuer says otherwise: access tokens (RFC 9068, section 4). An ID token says JWT, or nothing
/// (RFC 8725, section 3.11).
const TYPE: &str = "at+jwt";
/// For how long a token may be good, unless the issuer says otherwise: what authorization servers give for longest without being told.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Longest such type, in bytes.
const MAX_TYPE: usize = 64;

/// The other issuers; `None` if what stands there is wrong, which is noted.
pub(super) fn issuers(
    compiling: &mut Compiling<'_>,
    document: &Document,
    entries: &[IssuerEntry],
) -> Option<Vec<Arc<ForeignIssuer>>> {
    if entries.len() > MAX_ISSUERS {
        let message = format!("there may be {MAX_ISSUERS} other issuers");
        compiling.wrong(document, &format!("/issuers/{MAX_ISSUERS}"), message, None);
        return None;
    }
    let mut named: HashMap<String, Location> = HashMap::new();
    let mut issuers = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let pointer = format!("/issuers/{place}");
        let mut section = Section { compiling, document, pointer: &pointer };
        let Some(issuer) = issuer(&mut section, entry) else { continue };
        let name = issuer.issuer.as_str();
        match named.get(name) {
            // What is left open may be one or the other.
            Some(first) if name != OPEN_URL => {
                compiling.taken(
                    document,
                    &format!("{pointer}/issuer"),
                    &format!("section of issuer {name}"),
                    first,
                );
            }
            Some(_) | None => {
                named.insert(name.to_owned(), issuer.source.clone());
                issuers.push(Arc::new(issuer));
            }
        }
    }
    (issuers.len() == entries.len()).then_some(issuers)
}

fn issuer(section: &mut Section<'_, '_>, entry: &IssuerEntry) -> Option<ForeignIssuer> {
    let issuer = section.url("issuer", &entry.issuer).and_then(|issuer| plain(section, issuer));
    let keys = section.url("keys", &entry.keys);
    let audience = section.text("audience", &entry.audience);
    let types = types(section, entry.types.as_deref());
    let algorithms = algorithms(section, &entry.algorithms);
    let max_lifetime = max_lifetime(section, entry);
    let app = expression(section, "app", &entry.app, Wanted::Identifier);
    let merchant =
        entry.merchant.as_ref().map(|text| expression(section, "merchant", text, Wanted::OptionalIdentifier));
    let scopes = expression(section, "scopes", &entry.scopes, Wanted::Scopes);
    let merchant = match merchant {
        Some(merchant) => Some(merchant?),
        None => None,
    };
    Some(ForeignIssuer {
        issuer: issuer?,
        keys: keys?,
        audience: audience?,
        algorithms: algorithms?,
        types: types?,
        max_lifetime: max_lifetime?,
        app: app?,
        merchant,
        scopes: scopes?,
        source: section.document.location(&format!("{}/issuer", section.pointer)),
    })
}

/// A name that can stand in a label of a metric and in a log.
fn plain(section: &mut Section<'_, '_>, issuer: ServiceUrl) -> Option<ServiceUrl> {
    if issuer.has_query() {
        section.wrong("issuer", "an issuer has no query (RFC 8414, section 2)".to_owned(), None);
        return None;
    }
    if issuer.as_str().contains(['"', '\\']) {
        section.wrong("issuer", "an issuer has no quotes and no backslashes".to_owned(), None);
        return None;
    }
    Some(issuer)
}

fn algorithms(section: &mut Section<'_, '_>, names: &[TokenAlgorithmName]) -> Option<Vec<TokenAlgorithm>> {
    if names.is_empty() {
        let message = "by nothing no token is signed".to_owned();
        section.wrong("algorithms", message, Some("write it like [RS256]"));
        return None;
    }
    let algorithm = |name: &TokenAlgorithmName| match name {
        TokenAlgorithmName::ES256 => TokenAlgorithm::Es256,
        TokenAlgorithmName::EdDSA => TokenAlgorithm::EdDsa,
        TokenAlgorithmName::PS256 => TokenAlgorithm::Ps256,
        TokenAlgorithmName::RS256 => TokenAlgorithm::Rs256,
    };
    Some(names.iter().map(algorithm).collect())
}

fn types(section: &mut Section<'_, '_>, given: Option<&[String]>) -> Option<Vec<String>> {
    let Some(given) = given else { return Some(vec![TYPE.to_owned()]) };
    if given.is_empty() {
        let message = "a token is of one type or another".to_owned();
        section.wrong("types", message, Some("write it like [at+jwt], or leave it out"));
        return None;
    }
    let mut types = Vec::new();
    for (place, text) in given.iter().enumerate() {
        let lower = text.to_ascii_lowercase();
        let short = lower.strip_prefix("application/").unwrap_or(&lower);
        let is_type = !short.is_empty()
            && short.len() <= MAX_TYPE
            && short.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
        match is_type {
            true => types.push(short.to_owned()),
            false => {
                let message = format!("{text:?} is no media type");
                section.wrong(&format!("types/{place}"), message, Some("write it like at+jwt"));
            }
        }
    }
    (types.len() == given.len()).then_some(types)
}

fn max_lifetime(section: &mut Section<'_, '_>, entry: &IssuerEntry) -> Option<Duration> {
    let Some(given) = &entry.max_lifetime else { return Some(MAX_LIFETIME) };
    duration(section.compiling, section.document, &format!("{}/max_lifetime", section.pointer), given)
}

fn expression(section: &mut Section<'_, '_>, field: &str, text: &str, wanted: Wanted) -> Option<Expression> {
    let pointer = format!("{}/{field}", section.pointer);
    let (document, declared) = (section.document, Declared::for_claims());
    let compiled = Expression::compile(text, document.location(&pointer), &declared, wanted);
    compiled
        .map_err(|error| {
            let place = (pointer.as_str(), text, error.offset.unwrap_or(0));
            section.compiling.wrong_within(document, place, error.message, error.help);
        })
        .ok()
}
