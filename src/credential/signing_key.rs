//! The key pairs that sign access tokens: P-256, named by their thumbprints.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;

use crate::domain::time::Timestamp;

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the signing key cannot be used: {0}")]
pub struct KeyError(pub(super) &'static str);

/// A P-256 key pair and its `kid`, the key's thumbprint (RFC 7638).
pub struct SigningKey {
    pub(super) kid: String,
    pub(super) trusted_until: Option<Timestamp>,
    point: Vec<u8>,
    pub(super) encoding: EncodingKey,
    pub(super) verifying: Arc<ParsedPublicKey>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    /// Makes a key pair, as PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if the system gives no randomness.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| document.as_ref().to_vec())
            .map_err(|_| KeyError("no randomness to make one"))
    }

    /// Reads a key pair from PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if it is not a P-256 key pair.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyError("it is not a P-256 key pair in PKCS#8"))?;
        let point = pair.public_key().as_ref().to_vec();
        let (x, y) = coordinates(&point)?;
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, thumbprint.as_bytes());
        Ok(Self {
            kid: URL_SAFE_NO_PAD.encode(digest.as_ref()),
            encoding: EncodingKey::from_ec_der(der),
            verifying: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
                .map(Arc::new)
                .map_err(|_| KeyError("its point is malformed"))?,
            point,
            trusted_until: None,
        })
    }

    /// A key that signs nothing more; what it signed is believed until then.
    #[must_use]
    pub fn trusted_until(self, end: Option<Timestamp>) -> Self {
        Self { trusted_until: end, ..self }
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether what it signed is believed at `now`.
    pub(super) fn is_trusted(&self, now: Timestamp) -> bool {
        self.trusted_until.is_none_or(|end| now < end)
    }

    /// The public half as a JWK (RFC 7517).
    #[must_use]
    pub fn to_jwk(&self) -> serde_json::Value {
        let (x, y) = coordinates(&self.point).unwrap_or_default();
        serde_json::json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": self.kid,
        })
    }
}

/// The coordinates of an uncompressed point (SEC 1, section 2.3.3), in base64url.
fn coordinates(point: &[u8]) -> Result<(String, String), KeyError> {
    match point {
        [4, rest @ ..] if rest.len() == 64 => {
            let (x, y) = rest.split_at(32);
            Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
        }
        _ => Err(KeyError("its point is malformed")),
    }
}
