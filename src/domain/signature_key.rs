//! The keys by which apps sign their requests.

use std::fmt;

use super::app_credential::AppCredential;
use super::id::SignatureKeyId;
use super::signature_style::SignatureStyle;

/// What the ids of signature keys begin with.
pub const SIGNATURE_KEY_PREFIX: &str = "sgk_";

/// How a request is signed (RFC 9421, section 3.3). It is the key's, whatever the request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// HMAC with SHA-256, by a secret.
    HmacSha256,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// Ed25519.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaV15Sha256,
    /// RSASSA-PSS with SHA-512.
    RsaPssSha512,
}

impl SignatureAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::HmacSha256, Self::EcdsaP256Sha256, Self::Ed25519, Self::RsaV15Sha256, Self::RsaPssSha512];

    /// The name in IANA's registry of HTTP signature algorithms, used in `alg`, the store and the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Ed25519 => "ed25519",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
            Self::RsaPssSha512 => "rsa-pss-sha512",
        }
    }

    /// The algorithm of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether app and platform share the key.
    #[must_use]
    pub fn is_by_secret(self) -> bool {
        match self {
            Self::HmacSha256 => true,
            Self::EcdsaP256Sha256 | Self::Ed25519 | Self::RsaV15Sha256 | Self::RsaPssSha512 => false,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is kept of a signature key beside what verifies; requests name its id (`keyid`, `app_key` or `app_id`).
pub type SignatureKeyRecord = AppCredential<SignatureKeyId, Signing>;

/// What a key signs, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// What it signs.
    pub style: SignatureStyle,
    /// How it signs.
    pub algorithm: SignatureAlgorithm,
}

/// By what a signature is verified, as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub enum SignatureKeyMaterial {
    /// A secret, as the caller sealed it.
    Sealed(Vec<u8>),
    /// A public key: a JWK as JSON text.
    Public(String),
}

impl fmt::Debug for SignatureKeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(_) => f.write_str("Sealed(…)"),
            Self::Public(jwk) => write!(f, "Public({jwk})"),
        }
    }
}

/// A signature key whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSignatureKey {
    /// What is told of it.
    pub record: SignatureKeyRecord,
    /// By what its signatures are verified.
    pub material: SignatureKeyMaterial,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_algorithms_lead_back() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::named(algorithm.name()), Some(algorithm));
        }
        for other in ["", "HMAC-SHA256", "ecdsa-p384-sha384", "none"] {
            assert_eq!(SignatureAlgorithm::named(other), None);
        }
    }
}
