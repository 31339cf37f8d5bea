//! What was seen of an upstream's answer so far: how long it is, and what its route's meter reads of it.

use http::HeaderMap;

use super::fields::coding;
use crate::metering::capture::Capture;
use crate::metering::evidence::named_headers;
use crate::policy::expression::Field;
use crate::policy::snapshot::Meter;

/// What was seen of an answer that has begun.
pub(super) struct Seen {
    /// The status that the upstream gave.
    pub(super) status: u16,
    /// Bytes of its body.
    pub(super) bytes: u64,
    /// What is kept of its body.
    pub(super) capture: Capture,
    /// Its `Content-Encoding`, if the meter reads its body.
    pub(super) coding: Option<String>,
    /// The fields of its head that the meter names. Boxed, for nearly none does.
    pub(super) headers: Option<Box<Field>>,
}

impl Seen {
    /// An answer that begins with this head.
    pub(super) fn begin(meter: Option<&Meter>, status: u16, head: &HeaderMap) -> Self {
        let mut seen = Self { status, bytes: 0, capture: Capture::nothing(), coding: None, headers: None };
        let Some(meter) = meter else { return seen };
        if meter.bodies.response.is_any() {
            seen.coding = coding(head);
            seen.capture = Capture::of(&meter.bodies.response, meter.max_capture, seen.coding.as_deref());
        }
        if !meter.headers.is_empty() {
            seen.headers = named_headers(&meter.headers, head).map(Box::new);
        }
        seen
    }

    /// Sees more of its body.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        self.capture.push(data);
    }
}
