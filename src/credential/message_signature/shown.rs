//! What of a signature base is shown to whoever sent a request that its signature does not fit, so that he finds what differs.
//!
//! Invariant: of fields only the values of those are shown that describe a message or ask for a form of its answer. Any field can be
//! covered: a credential or cookie, which has no place in an answer that is passed on to find the mistake, or what a proxy before the
//! gateway has added for its ears alone. Of all others the length is told. The method, the target and the parameters of the
//! signature, in which the gateway looks for no credential, are shown as they came.

use super::component::Component;

/// Longest that is shown, in bytes.
const LONGEST: usize = 8 << 10;
/// Fields whose values are shown.
const SHOWN: [&str; 18] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-digest",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "digest",
    "host",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "range",
    "repr-digest",
    "user-agent",
];

/// The value of a component as it is shown.
pub(super) fn value(component: &Component, value: String) -> String {
    match component.field_name() {
        Some(name) if !SHOWN.contains(&name.as_str()) => format!("({} bytes, not shown)", value.len()),
        Some(_) | None => value,
    }
}

/// A base as far as it is shown.
pub(super) fn bounded(mut base: String) -> Box<str> {
    let whole = base.len();
    if whole > LONGEST {
        base.truncate(base.floor_char_boundary(LONGEST));
        base.push_str(&format!("… (of {whole} bytes)"));
    }
    base.into()
}
