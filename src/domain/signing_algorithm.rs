//! The algorithms by which access tokens are signed, by their names in JOSE (RFC 7518, section 3.1; RFC 8037, section 3.1).

use std::fmt;

/// How a key signs. A key has one for good: a token's own word for it is compared and never followed (RFC 8725,
/// section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SigningAlgorithm {
    /// ECDSA by P-256 and SHA-256: short signatures that any library verifies.
    #[default]
    Es256,
    /// Ed25519: as short, made and verified faster, known to fewer libraries.
    EdDsa,
    /// RSA by PKCS#1 1.5 and SHA-256, which every resource server knows (RFC 9068, section 4): six times as long.
    Rs256,
}

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// Its name (`alg`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// Whether a signature may be this: by its length, which costs no arithmetic.
    #[must_use]
    pub fn may_be_signature(self, bytes: &[u8]) -> bool {
        match self {
            // Two numbers of 32 bytes each (RFC 7518, section 3.4; RFC 8032, section 5.1.6).
            Self::Es256 | Self::EdDsa => bytes.len() == 64,
            // As long as the modulus: 2048 bits and more.
            Self::Rs256 => (256..=1024).contains(&bytes.len()),
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
