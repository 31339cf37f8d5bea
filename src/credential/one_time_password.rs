//! One-time passwords (RFC 6238): six digits that an authenticator app shows for half a minute.
//!
//! HMAC-SHA-1, six digits and thirty seconds are what every authenticator app knows; many pass over anything else that they
//! are told. A password is good for its own time step and one to either side, for clocks that differ; each step's works once,
//! which is for the caller to keep ([`OneTimeSecret::step_of`]).

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::domain::random::{Random, RandomUnavailable};
use crate::domain::time::Timestamp;

/// Bytes of a secret: as many as SHA-1 gives (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;
/// Seconds of a time step.
const STEP: i64 = 30;
/// Digits of a password.
const DIGITS: usize = 6;
/// How many time steps the clocks may differ.
const DRIFT: i64 = 1;
/// RFC 4648, section 6.
const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a merchant's authenticator app and this platform share.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl OneTimeSecret {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn make(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        random.fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// The one of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Its bytes, to be sealed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// The text that a person types into an authenticator app.
    #[must_use]
    pub fn text(&self) -> String {
        let (mut text, mut buffer, mut bits) = (String::new(), 0_u32, 0_u32);
        for byte in &*self.0 {
            buffer = (buffer << 8 | u32::from(*byte)) & 0xfff;
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(BASE_32[(buffer >> bits & 31) as usize]));
            }
        }
        text
    }

    /// The URI that an authenticator app takes, of `account` at `issuer`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        // Quite a few apps know no other issuer than the one before the colon, so it has none in it.
        let issuer = issuer.replace(':', " ");
        format!(
            "otpauth://totp/{0}:{1}?secret={2}&issuer={0}&algorithm=SHA1&digits={DIGITS}&period={STEP}",
            encoded(&issuer),
            encoded(account),
            self.text()
        )
    }

    /// The time step whose password `typed` is: one of those about `now`. All of them are tried, whichever it is.
    #[must_use]
    pub fn step_of(&self, typed: &str, now: Timestamp) -> Option<i64> {
        let digits: String = typed.chars().filter(|char| *char != ' ').collect();
        let current = now.as_seconds().div_euclid(STEP);
        let steps = (-DRIFT..=DRIFT).map(|drift| current + drift);
        steps.fold(None, |found, step| {
            let is_it = verify_slices_are_equal(digits.as_bytes(), self.password(step).as_bytes()).is_ok();
            if is_it { Some(step) } else { found }
        })
    }

    /// The password of a time step (RFC 4226, section 5.3).
    fn password(&self, step: i64) -> String {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*self.0);
        let tag = sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = tag.last().map_or(0, |last| usize::from(last & 15));
        let word =
            tag.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
        let number = (word & 0x7fff_ffff) % 1_000_000;
        format!("{number:06}")
    }
}

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> OneTimeSecret {
        OneTimeSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn the_examples_of_rfc_6238_and_rfc_4226_come_out() {
        // RFC 6238, appendix B, has eight digits: the last six of them.
        for (seconds, password) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().password(seconds / 30), password, "{seconds}");
        }
        for (step, password) in [(0, "755224"), (1, "287082"), (9, "520489")] {
            assert_eq!(secret().password(step), password, "{step}");
        }
        assert_eq!(secret().text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_password_is_good_for_its_step_and_one_to_either_side() {
        let typed = secret().password(1_000);
        let at = |seconds| secret().step_of(&typed, Timestamp::from_seconds(seconds));
        assert_eq!(at(1_000 * 30 - 31), None);
        for seconds in [1_000 * 30 - 30, 1_000 * 30, 1_000 * 30 + 29, 1_000 * 30 + 59] {
            assert_eq!(at(seconds), Some(1_000), "{seconds}");
        }
        assert_eq!(at(1_000 * 30 + 60), None);
        let now = Timestamp::from_seconds(1_000 * 30);
        let (first, last) = typed.split_at(3);
        assert_eq!(secret().step_of(&format!("{first} {last}"), now), Some(1_000));
        for wrong in ["", "0", "000000", "0000000", "abcdef"] {
            assert_eq!(secret().step_of(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn the_uri_names_issuer_and_account_and_debug_tells_nothing() {
        assert_eq!(
            secret().uri("Demo: Platform", "茶 shop"),
            "otpauth://totp/Demo%20%20Platform:%E8%8C%B6%20shop?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Demo%20%20Platform&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(format!("{:?}", secret()), "OneTimeSecret(…)");
    }
}
