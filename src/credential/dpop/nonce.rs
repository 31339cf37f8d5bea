//! Nonces that a proof must have where a server wants to know for itself when it was made (RFC 9449, sections 8 and 9).
//!
//! A nonce is the time at which it was made, and a MAC of it. So nothing is kept of it, and each node that has the platform's
//! sealing key takes the nonces of all.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::time::Timestamp;

/// So long a nonce is good, from when it was first told: long enough for a client that calls now and then to be challenged
/// seldom.
pub(super) const LIFE: Duration = Duration::from_secs(150);
/// So far the clock of another node may go ahead.
const AHEAD: Duration = Duration::from_secs(30);
/// Characters of a nonce: eight bytes of time, sixteen of the MAC.
const LENGTH: usize = 32;

/// Makes nonces and knows them again.
#[derive(Debug)]
pub struct Nonces(Key);

impl Nonces {
    /// By a key that all nodes of the platform have.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// The nonce of the second `now`: it says that what has it was made in it or later.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> String {
        let seconds = now.as_seconds().to_be_bytes();
        let mac = hmac::sign(&self.0, &seconds);
        URL_SAFE_NO_PAD.encode([&seconds[..], &mac.as_ref()[..16]].concat())
    }

    /// When `nonce` was made, if it is one of ours that is good at `now`.
    pub(super) fn made_at(&self, nonce: &str, now: Timestamp) -> Option<Timestamp> {
        let bytes = Some(nonce).filter(|nonce| nonce.len() == LENGTH)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok()?;
        let (seconds, mac) = bytes.split_first_chunk::<8>()?;
        let expected = hmac::sign(&self.0, seconds);
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..16], mac).ok()?;
        let made_at = Timestamp::from_seconds(i64::from_be_bytes(*seconds));
        (now < made_at.plus(LIFE) && made_at <= now.plus(AHEAD)).then_some(made_at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_015);

    #[test]
    fn a_nonce_is_good_for_a_while_on_every_node_of_the_platform() {
        let (one, other) = (Nonces::new(&[7; 32]), Nonces::new(&[7; 32]));
        let nonce = one.at(NOW);
        assert_eq!(nonce.len(), LENGTH);
        assert_eq!(nonce, other.at(NOW));
        assert_ne!(nonce, other.at(NOW.plus(Duration::from_secs(1))));
        assert_eq!(other.made_at(&nonce, NOW.plus(Duration::from_secs(149))), Some(NOW));
        assert!(other.made_at(&nonce, NOW.plus(LIFE)).is_none());
        assert!(other.made_at(&nonce, Timestamp::from_seconds(NOW.as_seconds() - 60)).is_none());
        assert!(Nonces::new(&[8; 32]).made_at(&nonce, NOW).is_none());
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_nonce(text in ".{0,40}", bytes in prop::collection::vec(any::<u8>(), 24..25)) {
            let nonces = Nonces::new(&[7; 32]);
            prop_assert!(nonces.made_at(&text, NOW).is_none());
            prop_assert!(nonces.made_at(&URL_SAFE_NO_PAD.encode(bytes), NOW).is_none());
        }
    }
}
