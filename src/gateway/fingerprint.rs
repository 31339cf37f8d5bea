//! What tells that a call is another one again: the same app, merchant, route, method and target, the same `Idempotency-Key`, and the
//! same body of the same type and coding, hashed as it goes by. Only calls that bring a key to a route whose meter goes by one are hashed.

use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderName, request};

use super::body_kind;
use super::fields::nominated;
use super::recording::Call;
use crate::domain::usage::Idempotency;
use crate::policy::snapshot::Meter;

/// The field in which a caller names a call that it may send again (draft-ietf-httpapi-idempotency-key-header).
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in bytes. A longer one is passed on, and tells nothing here.
const MAX_KEY: usize = 255;

/// The fingerprint of a call whose body is still coming.
pub struct Fingerprint {
    context: Context,
    kept_for: std::time::Duration,
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint")
    }
}

impl Fingerprint {
    /// Begins with the head of a call, if it brings a key.
    /// `query` is the one that the upstream sees.
    pub(super) fn begin(
        call: &Call,
        meter: &Meter,
        (head, query): (&request::Parts, &str),
    ) -> Option<Box<Self>> {
        let kept_for = meter.idempotent_for?;
        let key = key(head)?;
        let caller = &call.identity.as_ref()?.caller;
        let merchant = caller.merchant.as_ref().map_or("", |merchant| merchant.as_str());
        let mut context = Context::new(&SHA256);
        for part in [
            caller.app.id.as_str().as_bytes(),
            merchant.as_bytes(),
            call.route()?.name.as_str().as_bytes(),
            head.method.as_str().as_bytes(),
            head.uri.path().as_bytes(),
            query.as_bytes(),
            key,
        ] {
            // Each behind its length, so that no two calls are hashed alike.
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        // What the same bytes are depends on these.
        for value in body_kind::telling(&head.headers) {
            context.update(&(value.len() as u64).to_le_bytes());
            context.update(value.as_bytes());
        }
        Some(Box::new(Self { context, kept_for }))
    }

    /// Sees more of the body.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// The body has ended.
    pub(super) fn end(self) -> Option<Idempotency> {
        let digest = self.context.finish();
        let digest = *digest.as_ref().first_chunk()?;
        Some(Idempotency { digest, kept_for: self.kept_for })
    }
}

/// The one key that the upstream sees, too.
fn key(head: &request::Parts) -> Option<&[u8]> {
    let mut keys = head.headers.get_all(IDEMPOTENCY_KEY).iter();
    let (key, None) = (keys.next()?.as_bytes(), keys.next()) else { return None };
    let is_key = (1..=MAX_KEY).contains(&key.len()) && !nominated(&head.headers).contains(&IDEMPOTENCY_KEY);
    is_key.then_some(key)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key_of(fields: &[(&str, &str)]) -> Option<Vec<u8>> {
        let mut request = Request::builder();
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        key(&parts).map(<[u8]>::to_vec)
    }

    #[test]
    fn a_key_is_there_once_and_goes_on_to_the_upstream() {
        let long = "x".repeat(256);
        for (fields, expected) in [
            (&[("Idempotency-Key", "\"a-1\"")][..], Some("\"a-1\"")),
            (&[("idempotency-key", "a-1"), ("connection", "keep-alive")], Some("a-1")),
            (&[], None),
            (&[("Idempotency-Key", "")], None),
            (&[("Idempotency-Key", &long)], None),
            (&[("Idempotency-Key", "a"), ("Idempotency-Key", "a")], None),
            (&[("Idempotency-Key", "a"), ("Connection", "Idempotency-Key")], None),
        ] {
            assert_eq!(key_of(fields).as_deref(), expected.map(str::as_bytes), "{fields:?}");
        }
    }
}
