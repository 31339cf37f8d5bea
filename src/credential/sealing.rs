//! Secrets that the store keeps and must be able to give back, sealed by a key that it has not (AES-256-GCM).
//!
//! What a secret belongs to is authenticated with it, so that sealed secrets cannot be swapped.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::domain::random::{Random, RandomUnavailable};

/// The length of a sealing key, in bytes.
pub const SEALING_KEY_BYTES: usize = 32;

/// Why a secret cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// AES is not to be had.
    #[error("AES-256-GCM cannot be used")]
    Cipher,
}

/// A sealed secret was changed, belongs to something else, or was sealed by another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed by another sealing key, or for something else")]
pub struct Unsealable;

/// Seals secrets, and opens them.
pub struct SealingKey {
    cipher: LessSafeKey,
    derivation: hmac::Key,
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// A key of [`SEALING_KEY_BYTES`] bytes, or of twice as many hexadecimal digits with or without a line's end; `None` if
    /// `bytes` are neither.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let key = match bytes.len() {
            SEALING_KEY_BYTES => Zeroizing::new(bytes.to_vec()),
            _ => Zeroizing::new(of_hexadecimal(bytes.trim_ascii())?),
        };
        if key.len() != SEALING_KEY_BYTES {
            return None;
        }
        let cipher = UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)?;
        Some(Self { cipher, derivation: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// A key for another purpose: who has it learns neither this key nor that of any other purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(hmac::sign(&self.derivation, format!("tollgate: {purpose}").as_bytes()).as_ref());
        key
    }

    /// Seals `secret` for what `belongs_to` names.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, belongs_to: &str, secret: &[u8], random: &dyn Random) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut sealed = secret.to_vec();
        let aad = Aad::from(belongs_to.as_bytes());
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| SealError::Cipher)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// The secret that was sealed for what `belongs_to` names.
    ///
    /// # Errors
    /// [`Unsealable`].
    pub fn open(&self, belongs_to: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        let mut secret = Zeroizing::new(sealed.to_vec());
        let (nonce, aad) = (Nonce::assume_unique_for_key(*nonce), Aad::from(belongs_to.as_bytes()));
        let length = self.cipher.open_in_place(nonce, aad, &mut secret).map_err(|_| Unsealable)?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

fn of_hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.len().is_multiple_of(2))?;
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = (0..digits.len()).step_by(2).filter(|_| is_hexadecimal).map(|at| digits.get(at..at + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
            bytes.iter_mut().zip(1..).for_each(|(byte, number)| *byte = number);
            Ok(())
        }
    }

    #[test]
    fn a_secret_is_opened_by_the_same_key_for_the_same_thing_alone() {
        let key = SealingKey::new(&[7; 32]).unwrap();
        let sealed = key.seal("one", b"secret", &Counting).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(&**key.open("one", &sealed).unwrap(), b"secret");
        assert_eq!(key.open("other", &sealed), Err(Unsealable));
        assert_eq!(SealingKey::new(&[8; 32]).unwrap().open("one", &sealed), Err(Unsealable));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(key.open("one", &changed), Err(Unsealable));
        }
        assert_eq!(key.open("one", b"short"), Err(Unsealable));
    }

    #[test]
    fn a_key_is_bytes_or_their_digits() {
        let digits = "07".repeat(32);
        for text in [digits.clone(), format!("{digits}\n")] {
            let key = SealingKey::new(text.as_bytes()).unwrap();
            let sealed = key.seal("one", b"secret", &Counting).unwrap();
            assert!(SealingKey::new(&[7; 32]).unwrap().open("one", &sealed).is_ok());
        }
        for bad in ["", "07", &"0g".repeat(32), &"7".repeat(63), &"é".repeat(32), &"07".repeat(33)] {
            assert!(SealingKey::new(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
