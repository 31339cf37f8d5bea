//! Public keys that others hold, as JWKs (RFC 7517), and what they signed (RFC 7518, section 3; RFC 8037).
//!
//! Invariant: a key is of a kind and size that is safe and cheap to verify by, whoever chose it; a private or a secret key is
//! no public key, and none is kept.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::domain::confirmation::Thumbprint;

/// Sizes of an RSA modulus, in bytes. The time of a verification grows with the square of it.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;
/// Longest RSA exponent, in bytes: the time of a verification grows with it, too.
const MAX_EXPONENT: usize = 4;

/// A signature algorithm that is taken of others: asymmetric, none that is broken (RFC 8725, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-512, of signed requests alone: no JWT that is taken names it.
    Ps512,
}

impl Algorithm {
    /// Their names as metadata tells them. Ed25519 has two: RFC 8037's and RFC 9864's.
    pub const NAMES: [&str; 5] = ["ES256", "EdDSA", "Ed25519", "PS256", "RS256"];

    /// The algorithm of that name (`alg`).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }
}

/// What people call a key of the one curve that is taken.
pub const P256_KEY: &str = "an EC key on P-256";
/// What they call one of Ed25519.
pub const ED25519_KEY: &str = "an Ed25519 key";
/// What they call one of RSA that is taken.
pub const RSA_KEY: &str = "an RSA key of 2048 to 4096 bits";

/// Why a JWK is no key that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Not a JWK.
    #[error("the jwk is malformed")]
    Malformed,
    /// It has a private or secret part.
    #[error("the jwk has a private or secret member: send the public key alone")]
    Private,
    /// Of a kind, curve or size that is not taken, or meant for something else than signatures.
    #[error("the jwk must be a signing key on P-256 or Ed25519, or RSA of 2048 to 4096 bits")]
    Unsupported,
}

/// A signature that was not made by the key, in the algorithm that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit the key and the algorithm")]
pub struct SignatureError;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    algorithm: Option<Algorithm>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519([u8; 32]),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

/// The members of RFC 7518, section 6, and RFC 8037, section 2.
#[derive(Deserialize)]
struct Members {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Members {
    fn are_private(&self) -> bool {
        let private = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth, &self.k];
        private.into_iter().any(Option::is_some)
    }

    fn kind(&self) -> Result<Kind, JwkError> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => Ok(Kind::P256 { x: fixed(&self.x)?, y: fixed(&self.y)? }),
            ("OKP", Some("Ed25519")) => Ok(Kind::Ed25519(fixed(&self.x)?)),
            ("RSA", None) => Kind::rsa(bytes(&self.n)?, bytes(&self.e)?),
            _ => Err(JwkError::Unsupported),
        }
    }

    /// Those of a public key for signatures.
    fn of_public_key(json: &str) -> Result<Self, JwkError> {
        let members: Self = serde_json::from_str(json).map_err(|_| JwkError::Malformed)?;
        if members.are_private() {
            return Err(JwkError::Private);
        }
        if members.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err(JwkError::Unsupported);
        }
        Ok(members)
    }
}

impl Kind {
    fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<Self, JwkError> {
        let is_minimal = modulus.first() != Some(&0) && exponent.first().is_some_and(|byte| *byte > 0);
        match MODULUS.contains(&modulus.len()) && exponent.len() <= MAX_EXPONENT {
            true if is_minimal => Ok(Self::Rsa { modulus, exponent }),
            true => Err(JwkError::Malformed),
            false => Err(JwkError::Unsupported),
        }
    }
}

fn bytes(member: &Option<String>) -> Result<Vec<u8>, JwkError> {
    let text = member.as_ref().ok_or(JwkError::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkError::Malformed)
}

fn fixed(member: &Option<String>) -> Result<[u8; 32], JwkError> {
    bytes(member)?.try_into().map_err(|_| JwkError::Malformed)
}

impl PublicKey {
    /// Reads a JWK.
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn from_jwk(json: &str) -> Result<Self, JwkError> {
        let members = Members::of_public_key(json)?;
        let algorithm = match &members.alg {
            Some(name) => Some(Algorithm::named(name).ok_or(JwkError::Unsupported)?),
            None => None,
        };
        Ok(Self { kind: members.kind()?, algorithm })
    }

    /// Reads a JWK that is for no JWTs, and whose algorithm has one of these `names`, if it says any.
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn from_jwk_for(names: &[&str], json: &str) -> Result<Self, JwkError> {
        let members = Members::of_public_key(json)?;
        if members.alg.as_deref().is_some_and(|name| !names.contains(&name)) {
            return Err(JwkError::Unsupported);
        }
        Ok(Self { kind: members.kind()?, algorithm: None })
    }

    /// The key of an uncompressed point of P-256 (SEC 1, section 2.3.3).
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn of_p256(point: &[u8]) -> Result<Self, JwkError> {
        let [4, coordinates @ ..] = point else { return Err(JwkError::Unsupported) };
        let (x, y) = coordinates.split_first_chunk::<32>().ok_or(JwkError::Unsupported)?;
        let y = y.try_into().map_err(|_| JwkError::Unsupported)?;
        Ok(Self { kind: Kind::P256 { x: *x, y }, algorithm: None })
    }

    /// The key of a point of Ed25519 (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn of_ed25519(point: &[u8]) -> Result<Self, JwkError> {
        let point = point.try_into().map_err(|_| JwkError::Malformed)?;
        Ok(Self { kind: Kind::Ed25519(point), algorithm: None })
    }

    /// The key of an RSA modulus and exponent, big-endian.
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, JwkError> {
        Ok(Self { kind: Kind::rsa(modulus.to_vec(), exponent.to_vec())?, algorithm: None })
    }

    /// Whether it is of the kind that signs by `algorithm`.
    #[must_use]
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = match algorithm {
            Algorithm::Es256 => matches!(self.kind, Kind::P256 { .. }),
            Algorithm::EdDsa => matches!(self.kind, Kind::Ed25519(_)),
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Ps512 => matches!(self.kind, Kind::Rsa { .. }),
        };
        fits && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Of what kind it is, in words.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::P256 { .. } => P256_KEY,
            Kind::Ed25519(_) => ED25519_KEY,
            Kind::Rsa { .. } => RSA_KEY,
        }
    }

    /// Whether it is a point of its curve, if it is one of a curve where that takes a look. What is none verifies nothing either; who
    /// registers one is better told at once (RFC 8725, section 3.4).
    #[must_use]
    pub fn is_on_curve(&self) -> bool {
        match &self.kind {
            Kind::P256 { x, y } => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(x, y)).is_ok(),
            Kind::Ed25519(_) | Kind::Rsa { .. } => true,
        }
    }

    /// Its SHA-256 thumbprint (RFC 7638; RFC 8037, section 2).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest(&SHA256, self.to_jwk().as_bytes()).as_ref());
        Thumbprint(thumbprint)
    }

    /// The key as a JWK with the members that its thumbprint is made of, and no others (RFC 7638, section 3.2).
    #[must_use]
    pub fn to_jwk(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.kind {
            Kind::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
            }
            Kind::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
            Kind::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
        }
    }

    /// Whether it made `signature` of `message` by `algorithm`, which must be one that is for it.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if self.algorithm.is_some_and(|only| only != algorithm) {
            return Err(SignatureError);
        }
        let verified = match (&self.kind, algorithm) {
            (Kind::P256 { x, y }, Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(x, y)).verify(message, signature)
            }
            (Kind::Ed25519(key), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
            }
            (Kind::Rsa { modulus, exponent }, Algorithm::Rs256) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Kind::Rsa { modulus, exponent }, Algorithm::Ps256) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PSS_2048_8192_SHA256, message, signature)
            }
            (Kind::Rsa { modulus, exponent }, Algorithm::Ps512) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PSS_2048_8192_SHA512, message, signature)
            }
            (Kind::P256 { .. } | Kind::Ed25519(_) | Kind::Rsa { .. }, _) => return Err(SignatureError),
        };
        verified.map_err(|_| SignatureError)
    }
}

/// A point that is not compressed (SEC 1, section 2.3.3).
fn point(x: &[u8; 32], y: &[u8; 32]) -> Vec<u8> {
    [&[4][..], x, y].concat()
}

#[cfg(test)]
mod tests;
