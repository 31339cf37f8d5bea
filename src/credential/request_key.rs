//! What verifies the signatures of requests: the secret that app and platform share, or the app's public key.
//!
//! Invariant: style and algorithm are the key's. Nothing that a request says chooses another.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::jwk::{Algorithm, ED25519_KEY, P256_KEY, PublicKey, RSA_KEY};
use super::public_key_text::{self, KeyTextError};
use super::sealing::{SealingKey, Unsealable};
use crate::domain::id::SignatureKeyId;
use crate::domain::signature_key::{SignatureAlgorithm, SignatureKeyMaterial};
use crate::domain::signature_style::SignatureStyle;
use crate::domain::time::Timestamp;

/// What verifies the signatures of requests.
pub struct RequestKey {
    style: SignatureStyle,
    algorithm: SignatureAlgorithm,
    created_at: Timestamp,
    verifying: Verifying,
}

enum Verifying {
    Secret(Box<hmac::Key>),
    /// As it is, since one method of TOP has it among what is hashed.
    Shared(Zeroizing<Vec<u8>>),
    Public(PublicKey),
}

/// A key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestKeyError {
    /// Its secret cannot be opened.
    #[error(transparent)]
    Sealed(#[from] Unsealable),
    /// What the store has is no key for its algorithm.
    #[error("it is no key for its algorithm")]
    Unfit,
}

/// Why a text is no public key for an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Neither PEM nor a JWK.
    #[error("must be a public key in PEM (BEGIN PUBLIC KEY) or a JWK")]
    Malformed,
    /// It has a private part.
    #[error("is a private key, which is to stay where it was made: send the public key")]
    Private,
    /// Of a kind or size that is not taken, or a JWK that says that it is for something else.
    #[error("must be {needed}, as {algorithm} goes by; a JWK of it may say no other alg, and no use but sig")]
    Unsupported {
        /// How it would sign.
        algorithm: SignatureAlgorithm,
        /// What would be right.
        needed: &'static str,
    },
    /// Of another kind than the algorithm goes by.
    #[error("is {given}, and {algorithm} goes by {needed}")]
    OtherKind {
        /// Of what kind it is.
        given: &'static str,
        /// How it would sign.
        algorithm: SignatureAlgorithm,
        /// What would be right.
        needed: &'static str,
    },
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestKey({}, {})", self.style.name(), self.algorithm)
    }
}

impl RequestKey {
    /// A key of the store.
    ///
    /// # Errors
    /// [`RequestKeyError`].
    pub fn open(
        (id, created_at): (&SignatureKeyId, Timestamp),
        (style, algorithm): (&SignatureStyle, SignatureAlgorithm),
        material: &SignatureKeyMaterial,
        sealing: &SealingKey,
    ) -> Result<Self, RequestKeyError> {
        if !style.takes(algorithm) {
            return Err(RequestKeyError::Unfit);
        }
        let verifying = match (material, algorithm) {
            (SignatureKeyMaterial::Sealed(sealed), SignatureAlgorithm::HmacSha256) => {
                let secret = sealing.open(&belongs_to(id), sealed)?;
                match style {
                    SignatureStyle::Top { .. } => Verifying::Shared(secret),
                    SignatureStyle::Http | SignatureStyle::Alipay { .. } => {
                        Verifying::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
                    }
                }
            }
            (SignatureKeyMaterial::Public(jwk), algorithm) => {
                let key = public_key(algorithm, jwk).map_err(|_| RequestKeyError::Unfit)?;
                Verifying::Public(key)
            }
            (SignatureKeyMaterial::Sealed(_), _) => return Err(RequestKeyError::Unfit),
        };
        Ok(Self { style: style.clone(), algorithm, created_at, verifying })
    }

    /// What it signs.
    #[must_use]
    pub fn style(&self) -> &SignatureStyle {
        &self.style
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// When it was registered: before that it signed nothing that anybody took.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Whether it made `signature` of `message`.
    #[must_use]
    pub fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        match (&self.verifying, jose(self.algorithm)) {
            (Verifying::Secret(key), None) => hmac::verify(key, message, signature).is_ok(),
            (Verifying::Public(key), Some((algorithm, ..))) => {
                key.verify(algorithm, message, signature).is_ok()
            }
            (Verifying::Secret(_), Some(_)) | (Verifying::Public(_), None) | (Verifying::Shared(_), _) => {
                false
            }
        }
    }

    /// The secret that it shares with the app, if it signs as TOP has it.
    #[must_use]
    pub fn shared_secret(&self) -> Option<&[u8]> {
        match &self.verifying {
            Verifying::Shared(secret) => Some(secret),
            Verifying::Secret(_) | Verifying::Public(_) => None,
        }
    }
}

/// For what the secret of a key is sealed.
#[must_use]
pub fn belongs_to(id: &SignatureKeyId) -> String {
    format!("signature key {id}")
}

/// The public key for `algorithm` that `text` is, in PEM or as a JWK.
///
/// # Errors
/// [`PublicKeyError`].
pub fn public_key(algorithm: SignatureAlgorithm, text: &str) -> Result<PublicKey, PublicKeyError> {
    let Some((of_key, names, needed)) = jose(algorithm) else {
        return Err(PublicKeyError::Unsupported { algorithm, needed: "a secret" });
    };
    let key = public_key_text::read(text, names).map_err(|error| match error {
        KeyTextError::Unsupported => PublicKeyError::Unsupported { algorithm, needed },
        KeyTextError::Malformed => PublicKeyError::Malformed,
        KeyTextError::Private => PublicKeyError::Private,
    })?;
    match key.is_for(of_key) {
        true => Ok(key),
        false => Err(PublicKeyError::OtherKind { given: key.kind_name(), algorithm, needed }),
    }
}

/// The same algorithm for a public key, its names in JWKs (RFC 9421, section 3.3.7), and what key it goes by; `None` for a secret's.
fn jose(algorithm: SignatureAlgorithm) -> Option<(Algorithm, &'static [&'static str], &'static str)> {
    match algorithm {
        SignatureAlgorithm::HmacSha256 => None,
        SignatureAlgorithm::EcdsaP256Sha256 => Some((Algorithm::Es256, &["ES256"], P256_KEY)),
        SignatureAlgorithm::Ed25519 => Some((Algorithm::EdDsa, &["EdDSA", "Ed25519"], ED25519_KEY)),
        SignatureAlgorithm::RsaV15Sha256 => Some((Algorithm::Rs256, &["RS256"], RSA_KEY)),
        SignatureAlgorithm::RsaPssSha512 => Some((Algorithm::Ps512, &["PS512"], RSA_KEY)),
    }
}
