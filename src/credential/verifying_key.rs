//! The public halves of signing keys, as what verifies and as JWKs (RFC 7517; RFC 7518, section 6; RFC 8037, section 2).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaSubjectPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::signing_key::KeyError;
use crate::domain::signing_algorithm::SigningAlgorithm;

const MALFORMED: KeyError = KeyError("its public half is malformed");

/// A public key and its `kid`, the thumbprint (RFC 7638).
pub(super) struct VerifyingKey {
    algorithm: SigningAlgorithm,
    kid: String,
    jwk: Value,
    verifying: Arc<ParsedPublicKey>,
}

impl VerifyingKey {
    /// From an uncompressed point of P-256 (SEC 1, section 2.3.3).
    pub(super) fn of_p256(point: &[u8]) -> Result<Self, KeyError> {
        let [4, coordinates @ ..] = point else { return Err(MALFORMED) };
        let (x, y) = coordinates.split_at_checked(32).filter(|(_, y)| y.len() == 32).ok_or(MALFORMED)?;
        let verifying = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        let members = json!({"crv": "P-256", "kty": "EC", "x": encoded(x), "y": encoded(y)});
        Self::new(SigningAlgorithm::Es256, members, verifying.map_err(|_| MALFORMED)?)
    }

    /// From the bytes of a point of Ed25519 (RFC 8032, section 5.1.5).
    pub(super) fn of_ed25519(point: &[u8]) -> Result<Self, KeyError> {
        let verifying = ParsedPublicKey::new(&ED25519, point);
        let members = json!({"crv": "Ed25519", "kty": "OKP", "x": encoded(point)});
        Self::new(SigningAlgorithm::EdDsa, members, verifying.map_err(|_| MALFORMED)?)
    }

    /// From an RSA key.
    pub(super) fn of_rsa(key: &RsaSubjectPublicKey) -> Result<Self, KeyError> {
        let der: PublicKeyX509Der<'_> = key.as_der().map_err(|_| MALFORMED)?;
        let (_, info) = SubjectPublicKeyInfo::from_der(der.as_ref()).map_err(|_| MALFORMED)?;
        let Ok(PublicKey::RSA(numbers)) = info.parsed() else { return Err(MALFORMED) };
        let verifying = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref());
        let members = json!({
            "e": encoded(unsigned(numbers.exponent)), "kty": "RSA", "n": encoded(unsigned(numbers.modulus)),
        });
        Self::new(SigningAlgorithm::Rs256, members, verifying.map_err(|_| MALFORMED)?)
    }

    /// `members` are those that the thumbprint is made of, in the order of their names (RFC 7638, section 3.2).
    fn new(
        algorithm: SigningAlgorithm,
        members: Value,
        verifying: ParsedPublicKey,
    ) -> Result<Self, KeyError> {
        let Value::Object(mut jwk) = members else { return Err(MALFORMED) };
        let ordered: std::collections::BTreeMap<_, _> = jwk.iter().collect();
        let text = serde_json::to_vec(&ordered).map_err(|_| MALFORMED)?;
        let kid = encoded(digest(&SHA256, &text).as_ref());
        jwk.extend([
            ("use".to_owned(), json!("sig")),
            ("alg".to_owned(), json!(algorithm.name())),
            ("kid".to_owned(), json!(kid)),
        ]);
        Ok(Self { algorithm, kid, jwk: Value::Object(jwk), verifying: Arc::new(verifying) })
    }

    pub(super) fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn to_jwk(&self) -> &Value {
        &self.jwk
    }

    pub(super) fn verifying(&self) -> &Arc<ParsedPublicKey> {
        &self.verifying
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A positive number of DER without the zero that says that it is one.
fn unsigned(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and thumbprint of RFC 8037, appendices A.2 and A.3.
    #[test]
    fn a_thumbprint_is_that_of_the_rfc() {
        let point = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = VerifyingKey::of_ed25519(&point).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
