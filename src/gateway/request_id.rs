//! Request ids: UUID version 7 (RFC 9562), so that they sort by time. One maker for each core, without a lock.

use std::cell::{Cell, RefCell};

use http::HeaderValue;
use uuid::{Builder, Uuid};

use crate::domain::time::Timestamp;

/// Makes request ids on one core.
#[derive(Debug)]
pub struct RequestIds {
    random: RefCell<fastrand::Rng>,
    counter: Cell<u16>,
}

impl RequestIds {
    /// A maker whose ids differ from other cores' by its seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: RefCell::new(fastrand::Rng::with_seed(seed)), counter: Cell::new(0) }
    }

    /// The next id. Ids of one core and millisecond rise by a counter; they are unique, not secret.
    pub fn next(&self, now: Timestamp) -> Uuid {
        let counter = self.counter.get().wrapping_add(1) & 0x0fff;
        self.counter.set(counter);
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&counter.to_be_bytes());
        bytes[2..].copy_from_slice(&self.random.borrow_mut().u64(..).to_be_bytes());
        let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    /// A `traceparent` that begins a trace (W3C Trace Context, section 3.2).
    pub fn traceparent(&self, id: &Uuid) -> [u8; 55] {
        let span = self.random.borrow_mut().u64(1..);
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
        write_hex(&mut text[3..35], id.as_bytes());
        write_hex(&mut text[36..52], &span.to_be_bytes());
        text
    }
}

fn write_hex(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// An id as a header value.
#[must_use]
pub fn header_value(id: &Uuid) -> HeaderValue {
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = id.hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_a_traceparent_has_its_form() {
        let ids = RequestIds::new(7);
        let now = Timestamp::from_seconds(1_790_000_000);
        let (first, second) = (ids.next(now), ids.next(now));
        assert!(first < second);
        assert_eq!(first.get_version_num(), 7);
        let traceparent = ids.traceparent(&first);
        let parts: Vec<&str> = std::str::from_utf8(&traceparent).unwrap().split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
    }
}
