//! Nonces that a proof must have where a server wants to know for itself when it was made (RFC 9449, sections 8 and 9).
//!
//! A nonce is the time at which it was made, the process that made it, and a MAC of both. So nothing is kept of it, and each node
//! that has the platform's sealing key takes the nonces of all. Of its own a process knows for sure that it ran when they were made.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::time::Timestamp;

/// So long a nonce is good, from when it was first told: long enough for a client that calls now and then to be challenged
/// seldom.
pub(super) const LIFE: Duration = Duration::from_secs(150);
/// So far the clock of another node may go ahead.
pub(super) const AHEAD: Duration = Duration::from_secs(30);
/// Characters of a nonce: eight bytes of time, eight of the process, sixteen of the MAC.
const LENGTH: usize = 43;

/// Makes nonces and knows them again.
#[derive(Debug)]
pub struct Nonces {
    key: Key,
    process: [u8; 8],
}

/// A nonce of the platform that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// In which second it was made, by the clock of who made it.
    pub(super) made_at: Timestamp,
    /// Whether this process made it.
    pub(super) is_own: bool,
}

impl Nonces {
    /// By a key that all nodes of the platform have, of a process that has that number and no other has.
    #[must_use]
    pub fn new(key: &[u8; 32], process: [u8; 8]) -> Self {
        Self { key: Key::new(HMAC_SHA256, key), process }
    }

    /// The nonce of the second `now`: it says that what has it was made in it or later.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> String {
        let made = [now.as_seconds().to_be_bytes(), self.process].concat();
        let mac = hmac::sign(&self.key, &made);
        URL_SAFE_NO_PAD.encode([&made, &mac.as_ref()[..16]].concat())
    }

    /// What is known of `nonce`, if it is one of ours that is good at `now`.
    pub(super) fn known(&self, nonce: &str, now: Timestamp) -> Option<Known> {
        let bytes = Some(nonce).filter(|nonce| nonce.len() == LENGTH)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok()?;
        let (made, mac) = bytes.split_first_chunk::<16>()?;
        let expected = hmac::sign(&self.key, made);
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..16], mac).ok()?;
        let (seconds, process) = made.split_first_chunk::<8>()?;
        let made_at = Timestamp::from_seconds(i64::from_be_bytes(*seconds));
        let is_good = now < made_at.plus(LIFE) && made_at <= now.plus(AHEAD);
        is_good.then_some(Known { made_at, is_own: *process == self.process })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_015);

    #[test]
    fn a_nonce_is_good_for_a_while_on_every_node_of_the_platform() {
        let (one, other) = (Nonces::new(&[7; 32], [1; 8]), Nonces::new(&[7; 32], [2; 8]));
        let made_at = |nonce: &str, now| other.known(nonce, now).map(|known| known.made_at);
        let nonce = one.at(NOW);
        assert_eq!(nonce.len(), LENGTH);
        assert_ne!(nonce, one.at(NOW.plus(Duration::from_secs(1))));
        assert_eq!(made_at(&nonce, NOW.plus(Duration::from_secs(149))), Some(NOW));
        assert_eq!(made_at(&nonce, NOW.minus(AHEAD)), Some(NOW));
        assert_eq!(made_at(&nonce, NOW.plus(LIFE)), None);
        assert_eq!(made_at(&nonce, NOW.minus(AHEAD + Duration::from_micros(1))), None);
        assert_eq!(Nonces::new(&[8; 32], [1; 8]).known(&nonce, NOW), None);
    }

    #[test]
    fn a_process_knows_its_own_nonces_from_those_of_others_and_of_the_one_before_it() {
        let (one, other) = (Nonces::new(&[7; 32], [1; 8]), Nonces::new(&[7; 32], [2; 8]));
        let is_own = |by: &Nonces, nonce: &str| by.known(nonce, NOW).unwrap().is_own;
        assert!(is_own(&one, &one.at(NOW)) && !is_own(&other, &one.at(NOW)));
        let mut claimed = URL_SAFE_NO_PAD.decode(one.at(NOW)).unwrap();
        claimed[8..16].copy_from_slice(&[2; 8]);
        assert_eq!(other.known(&URL_SAFE_NO_PAD.encode(claimed), NOW), None);
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_nonce(text in ".{0,40}", bytes in prop::collection::vec(any::<u8>(), 32..33)) {
            let nonces = Nonces::new(&[7; 32], [1; 8]);
            prop_assert!(nonces.known(&text, NOW).is_none());
            prop_assert!(nonces.known(&URL_SAFE_NO_PAD.encode(bytes), NOW).is_none());
        }
    }
}
