//! The key pairs that sign access tokens, named by their thumbprints (RFC 7638). A pair is parsed once, not at each signature.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::verifying_key::VerifyingKey;
use crate::domain::signing_algorithm::SigningAlgorithm;

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the signing key cannot be used: {0}")]
pub struct KeyError(pub(super) &'static str);

/// A key pair and its `kid`, the key's thumbprint.
pub struct SigningKey {
    pair: Pair,
    public: VerifyingKey,
    /// The protected header of what it signs, encoded.
    header: String,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm(), self.kid())
    }
}

impl SigningKey {
    /// Makes a key pair, as PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if the system gives no randomness.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let random = SystemRandom::new();
        let made = match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map(|document| document.as_ref().to_vec())
            }
            SigningAlgorithm::EdDsa => {
                Ed25519KeyPair::generate_pkcs8(&random).map(|document| document.as_ref().to_vec())
            }
            SigningAlgorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|der| der.as_ref().to_vec()),
        };
        made.map(Zeroizing::new).map_err(|_| KeyError("no randomness to make one"))
    }

    /// Reads a key pair from PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if it is not one of that algorithm.
    pub fn from_pkcs8(algorithm: SigningAlgorithm, der: &[u8]) -> Result<Self, KeyError> {
        let other = |_| KeyError("it is not a key pair of its algorithm in PKCS#8");
        let (pair, public) = match algorithm {
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(other)?;
                let public = VerifyingKey::of_p256(pair.public_key().as_ref())?;
                (Pair::Es256(pair), public)
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(der).map_err(other)?;
                let public = VerifyingKey::of_ed25519(pair.public_key().as_ref())?;
                (Pair::EdDsa(pair), public)
            }
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(other)?;
                let public = VerifyingKey::of_rsa(pair.public_key())?;
                (Pair::Rs256(pair), public)
            }
        };
        let header = format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"{}"}}"#, public.kid());
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self { pair, public, header })
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.public.algorithm()
    }

    /// What verifies.
    pub(super) fn verifying(&self) -> &Arc<ParsedPublicKey> {
        self.public.verifying()
    }

    /// The public half as a JWK (RFC 7517).
    #[must_use]
    pub fn to_jwk(&self) -> &serde_json::Value {
        self.public.to_jwk()
    }

    /// A JWS in compact serialization (RFC 7515, section 3.1) of `typ` `at+jwt`.
    pub(super) fn sign(&self, payload: &[u8]) -> Result<String, KeyError> {
        // A third longer by base64, and the signature.
        let mut token = String::with_capacity(self.header.len() + payload.len() / 3 * 4 + 400);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signature_of(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn signature_of(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let signed = match &self.pair {
            Pair::Es256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::EdDsa(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        };
        signed.map_err(|_| KeyError("signing failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_each_algorithm_signs_what_its_public_half_verifies() {
        for algorithm in SigningAlgorithm::ALL {
            let der = SigningKey::generate(algorithm).unwrap();
            let key = SigningKey::from_pkcs8(algorithm, &der).unwrap();
            let signature = key.signature_of(b"message").unwrap();
            assert!(key.verifying().verify_sig(b"message", &signature).is_ok(), "{algorithm}");
            assert!(key.verifying().verify_sig(b"Message", &signature).is_err(), "{algorithm}");
            assert_eq!(key.to_jwk()["alg"], algorithm.name());
            assert_eq!(SigningKey::from_pkcs8(algorithm, &der).unwrap().kid(), key.kid());
        }
    }

    #[test]
    fn a_key_pair_is_not_taken_for_one_of_another_algorithm() {
        for algorithm in SigningAlgorithm::ALL {
            let der = SigningKey::generate(algorithm).unwrap();
            for other in SigningAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                assert!(SigningKey::from_pkcs8(other, &der).is_err(), "{algorithm} as {other}");
            }
        }
    }
}
