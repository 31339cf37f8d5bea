//! Accounts at an identity provider, and the merchants that they are here.

use std::fmt;

use super::id::MerchantId;
use super::time::Timestamp;

/// Longest subject, in bytes (OpenID Connect Core, section 2).
const MAX_SUBJECT: usize = 255;
/// Longest issuer, in bytes.
const MAX_ISSUER: usize = 2048;

/// Who somebody is at a provider: `sub` is his for ever, and nobody else's, at that issuer (OpenID Connect Core, section 5.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProviderAccount {
    issuer: String,
    subject: String,
}

/// A text that is no issuer or no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an issuer is its URL, and a subject has 1 to {MAX_SUBJECT} ASCII characters, none of them a control character"
)]
pub struct InvalidAccount;

impl ProviderAccount {
    /// The account `subject` at `issuer`.
    ///
    /// # Errors
    /// [`InvalidAccount`].
    pub fn new(issuer: &str, subject: &str) -> Result<Self, InvalidAccount> {
        let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        let is_subject = (1..=MAX_SUBJECT).contains(&subject.len()) && subject.bytes().all(is_plain);
        let is_issuer = (1..=MAX_ISSUER).contains(&issuer.len())
            && issuer.bytes().all(|byte| byte.is_ascii_graphic())
            && (issuer.starts_with("https://") || issuer.starts_with("http://"));
        match is_subject && is_issuer {
            true => Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned() }),
            false => Err(InvalidAccount),
        }
    }

    /// The provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The account there.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for ProviderAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.subject, self.issuer)
    }
}

/// That an account at a provider is a merchant here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAccount {
    /// The account.
    pub account: ProviderAccount,
    /// Who it is here.
    pub merchant: MerchantId,
    /// Since when.
    pub linked_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_subject_at_an_issuer() {
        assert!(ProviderAccount::new("https://login.example.com", "248289761001").is_ok());
        for (issuer, subject) in [
            ("", "a"),
            ("login.example.com", "a"),
            ("https://a", ""),
            ("https://a", "a\n"),
            ("https://a", "é"),
        ] {
            assert!(ProviderAccount::new(issuer, subject).is_err(), "{issuer} {subject}");
        }
        assert!(ProviderAccount::new("https://a", &"x".repeat(256)).is_err());
    }
}
