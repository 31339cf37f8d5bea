//! Passwords of merchants: argon2id, stored in the PHC format with its parameters, so that they can be raised.
//!
//! [`hash`] and [`verify`] take some 60 ms of a core and 19 MiB: never on a runtime's threads, only so many at once, and behind
//! all else. So whoever serves callers does them by a [`super::hasher::Hasher`].

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Longest password, in bytes; beyond it, work would grow with what a caller sends.
pub const MAX_PASSWORD_LENGTH: usize = 256;

/// Shortest password, in bytes (NIST SP 800-63B, section 5.1.1.1).
pub const MIN_PASSWORD_LENGTH: usize = 8;

/// A password could not be hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Its length is out of bounds.
    #[error("a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} bytes")]
    Length,
    /// The machine gives no random bytes for the salt, or no memory.
    #[error("the password cannot be hashed now")]
    Unavailable,
}

/// The hash of a new password with a random salt of its own, in the PHC format.
///
/// # Errors
/// [`PasswordError`].
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, PasswordError> {
    if !(MIN_PASSWORD_LENGTH..=MAX_PASSWORD_LENGTH).contains(&password.len()) {
        return Err(PasswordError::Length);
    }
    let hash = argon2id().hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::Unavailable)
}

/// Whether `password` is the one of `stored`, a hash in the PHC format. What is no such hash fits no password.
#[must_use]
pub fn verify(password: &str, stored: &str) -> bool {
    let Ok(stored) = PasswordHash::new(stored) else { return false };
    password.len() <= MAX_PASSWORD_LENGTH && argon2id().verify_password(password.as_bytes(), &stored).is_ok()
}

/// 19 MiB, two passes, one lane: the first choice of OWASP's password storage recommendations.
fn argon2id() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let stored = hash("correct horse", &[7; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse", &stored));
        assert!(!verify("correct horsf", &stored));
        assert!(!verify("correct horse", "$argon2id$nonsense"));
        assert!(!verify("", ""));
    }

    #[test]
    fn a_password_of_odd_length_is_refused_before_any_work() {
        assert_eq!(hash("short", &[7; 16]), Err(PasswordError::Length));
        assert_eq!(hash(&"x".repeat(257), &[7; 16]), Err(PasswordError::Length));
    }
}
