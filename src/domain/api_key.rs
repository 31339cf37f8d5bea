//! The format of API keys: `tg_live_` or `tg_test_`, 256 random bits and a checksum, all in base 62.
//!
//! The checksum lets a leak scanner, and the gateway, tell a real key from noise without a look-up.
//! Only the SHA-256 of a key is ever stored: 256 random bits need no slow hash.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::identity::Environment;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256.
const SECRET_LENGTH: usize = 43;
/// 62^6 > 2^32.
const CHECKSUM_LENGTH: usize = 6;
const PREFIX_LENGTH: usize = 8;
/// Length of every API key, in bytes.
pub const API_KEY_LENGTH: usize = PREFIX_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH;

/// What the ids of API keys begin with, which are no secrets.
pub const KEY_ID_PREFIX: &str = "key_";

/// SHA-256 of an API key: what the store keeps and looks up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Another hash, as rare as this one, that is of no key: only bytes that cannot be sent as one have it.
    #[must_use]
    pub fn of_no_key(&self) -> Self {
        hash(&self.0)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// A text that is not an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// Neither `tg_live_` nor `tg_test_` in front.
    #[error("an API key begins with tg_live_ or tg_test_")]
    Prefix,
    /// Wrong length or a character outside base 62.
    #[error("an API key has {API_KEY_LENGTH} characters: a prefix, then letters and digits")]
    Shape,
    /// The last six characters do not fit the rest.
    #[error("the API key's checksum does not fit: it is mistyped or cut")]
    Checksum,
}

/// A well-formed API key. Whether it is known is for the store to say.
pub struct ApiKey {
    text: Zeroizing<String>,
    environment: Environment,
}

impl ApiKey {
    /// Makes a key from 32 random bytes.
    #[must_use]
    pub fn from_random(environment: Environment, random: &[u8; 32]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(API_KEY_LENGTH));
        text.push_str(prefix(environment));
        push_base62(&mut text, random, SECRET_LENGTH);
        let checksum = crc32c::crc32c(text.as_bytes());
        push_base62(&mut text, &checksum.to_be_bytes(), CHECKSUM_LENGTH);
        Self { text, environment }
    }

    /// The key itself: to be shown once to its owner, and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The environment that the prefix names.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// What the store keeps.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        hash(self.text.as_bytes())
    }

    /// Checks the shape and checksum of `text` and gives its hash, without a copy of it.
    ///
    /// # Errors
    /// [`InvalidApiKey`] if it cannot be a key that this program made.
    pub fn check(text: &str) -> Result<(Environment, KeyHash), InvalidApiKey> {
        let environment = [Environment::Live, Environment::Sandbox]
            .into_iter()
            .find(|environment| text.starts_with(prefix(*environment)))
            .ok_or(InvalidApiKey::Prefix)?;
        let body = text.as_bytes().get(PREFIX_LENGTH..).unwrap_or_default();
        if text.len() != API_KEY_LENGTH || !body.iter().all(u8::is_ascii_alphanumeric) {
            return Err(InvalidApiKey::Shape);
        }
        let (signed, checksum) = text.split_at(API_KEY_LENGTH - CHECKSUM_LENGTH);
        let mut expected = String::with_capacity(CHECKSUM_LENGTH);
        push_base62(&mut expected, &crc32c::crc32c(signed.as_bytes()).to_be_bytes(), CHECKSUM_LENGTH);
        if expected != checksum {
            return Err(InvalidApiKey::Checksum);
        }
        Ok((environment, hash(text.as_bytes())))
    }
}

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        let (environment, _) = Self::check(text)?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), environment })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", prefix(self.environment))
    }
}

fn prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "tg_live_",
        Environment::Sandbox => "tg_test_",
    }
}

fn hash(text: &[u8]) -> KeyHash {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    KeyHash(bytes)
}

/// Writes the big-endian number `bytes` in exactly `width` base-62 digits.
fn push_base62(text: &mut String, bytes: &[u8], width: usize) {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = Zeroizing::new(vec![ALPHABET[0]; width]);
    for digit in digits.iter_mut().rev() {
        let mut remainder: u32 = 0;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_that_was_made_is_taken_and_a_changed_one_is_not(random: [u8; 32], at in 0..API_KEY_LENGTH) {
            let key = ApiKey::from_random(Environment::Live, &random);
            prop_assert_eq!(key.reveal().len(), API_KEY_LENGTH);
            prop_assert_eq!(ApiKey::check(key.reveal()).unwrap(), (Environment::Live, key.hash()));
            let mut changed = key.reveal().to_owned().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            prop_assert!(ApiKey::check(std::str::from_utf8(&changed).unwrap()).is_err());
        }

        #[test]
        fn any_text_is_checked_without_panic(text in ".{0,80}") {
            let _ = ApiKey::check(&text);
        }
    }

    #[test]
    fn a_key_is_never_shown_by_debug() {
        let key = ApiKey::from_random(Environment::Sandbox, &[7; 32]);
        assert_eq!(format!("{key:?}"), "tg_test_…");
    }
}
