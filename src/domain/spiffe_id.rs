//! SPIFFE ids: `spiffe://trust-domain/path`, as a certificate of a workload names it (SPIFFE-ID, section 2; X509-SVID, section 2).
//!
//! There is one way to write each, so that two are the same if their texts are. What is written otherwise is none.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How each begins.
const SCHEME: &str = "spiffe://";
/// Longest id, in bytes.
const MAX_LENGTH: usize = 2_048;
/// Longest trust domain, in bytes.
const MAX_DOMAIN: usize = 255;

/// The id of a workload. It has a path: without one it would be that of an authority.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: Arc<str>,
    /// Where its path begins.
    path: usize,
}

/// Who vouches for the ids of its workloads, and for no others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustDomain(Arc<str>);

/// A text that is no [`SpiffeId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a SPIFFE id such as spiffe://partner.example/erp: the trust domain in small letters, then a path of letters, \
     digits, dots, dashes and underscores"
)]
pub struct InvalidSpiffeId;

/// A text that is no [`TrustDomain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a trust domain such as partner.example: small letters, digits, dots, dashes and underscores"
)]
pub struct InvalidTrustDomain;

impl SpiffeId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is of that trust domain.
    #[must_use]
    pub fn is_of(&self, domain: &TrustDomain) -> bool {
        self.text.get(SCHEME.len()..self.path) == Some(domain.as_str())
    }
}

impl TrustDomain {
    /// The trust domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        let rest = text.strip_prefix(SCHEME).ok_or(InvalidSpiffeId)?;
        let (domain, path) = rest.split_once('/').ok_or(InvalidSpiffeId)?;
        if text.len() > MAX_LENGTH || !is_domain(domain) || !path.split('/').all(is_segment) {
            return Err(InvalidSpiffeId);
        }
        Ok(Self { text: Arc::from(text), path: SCHEME.len() + domain.len() })
    }
}

impl FromStr for TrustDomain {
    type Err = InvalidTrustDomain;

    fn from_str(text: &str) -> Result<Self, InvalidTrustDomain> {
        if is_domain(text) { Ok(Self(Arc::from(text))) } else { Err(InvalidTrustDomain) }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_domain(text: &str) -> bool {
    let is_taken =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    (1..=MAX_DOMAIN).contains(&text.len()) && text.bytes().all(is_taken)
}

/// Without `.` and `..`, which would mean another path.
fn is_segment(text: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(text, "" | "." | "..") && text.bytes().all(is_taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_has_a_trust_domain_and_a_path() {
        for (text, domain) in [
            ("spiffe://partner.example/erp", "partner.example"),
            ("spiffe://a/b", "a"),
            ("spiffe://10.0.0.1/ns/default/sa/Order_Service-1.2", "10.0.0.1"),
            ("spiffe://a_b-c/...", "a_b-c"),
        ] {
            let id: SpiffeId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert!(id.is_of(&domain.parse().unwrap()), "{text}");
            for other in ["example", "partner.example.org", "a_b"] {
                assert!(!id.is_of(&other.parse().unwrap()), "{text} {other}");
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_is_none() {
        let long = format!("spiffe://a/{}", "x".repeat(2_048));
        let wide = format!("spiffe://{}/x", "a".repeat(256));
        for text in [
            "",
            "spiffe://",
            "spiffe://a",
            "spiffe://a/",
            "spiffe:///erp",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://a/./b",
            "spiffe://a/../b",
            "spiffe://A/b",
            "SPIFFE://a/b",
            "spiffe://a:443/b",
            "spiffe://user@a/b",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/%62",
            "spiffe://a/ b",
            "spiffe://杭州/b",
            "https://a/b",
            &long,
            &wide,
        ] {
            assert_eq!(text.parse::<SpiffeId>(), Err(InvalidSpiffeId), "{text}");
        }
        for text in ["", "A", "a/b", "a:1", &"a".repeat(256)] {
            assert_eq!(text.parse::<TrustDomain>(), Err(InvalidTrustDomain), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_as_it_was(text in "(spiffe://)?[a-zA-Z0-9._/%:-]{0,40}|\\PC{0,40}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(id.as_str(), &text);
            }
        }
    }
}
