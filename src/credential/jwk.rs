//! Public keys that others hold, as JWKs (RFC 7517), and what they signed (RFC 7518, section 3; RFC 8037).
//!
//! Invariant: a key is of a kind and size that is safe and cheap to verify by, whoever chose it; a private or a secret key is
//! no public key, and none is kept.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
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
            ("RSA", None) => {
                let (modulus, exponent) = (bytes(&self.n)?, bytes(&self.e)?);
                let is_minimal =
                    modulus.first() != Some(&0) && exponent.first().is_some_and(|byte| *byte > 0);
                match MODULUS.contains(&modulus.len()) && exponent.len() <= MAX_EXPONENT {
                    true if is_minimal => Ok(Kind::Rsa { modulus, exponent }),
                    true => Err(JwkError::Malformed),
                    false => Err(JwkError::Unsupported),
                }
            }
            _ => Err(JwkError::Unsupported),
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
        let members: Members = serde_json::from_str(json).map_err(|_| JwkError::Malformed)?;
        if members.are_private() {
            return Err(JwkError::Private);
        }
        if members.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err(JwkError::Unsupported);
        }
        let algorithm = match &members.alg {
            Some(name) => Some(Algorithm::named(name).ok_or(JwkError::Unsupported)?),
            None => None,
        };
        Ok(Self { kind: members.kind()?, algorithm })
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
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match &self.kind {
            Kind::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
            }
            Kind::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
            Kind::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
        };
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest(&SHA256, members.as_bytes()).as_ref());
        Thumbprint(thumbprint)
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7638, section 3.1.
    const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    /// RFC 8037, appendix A.2.
    const ED25519_KEY: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// RFC 9449, section 4.2.
    const P256: &str = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        for (jwk, thumbprint) in [
            (RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (ED25519_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
            (P256, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        ] {
            let key = PublicKey::from_jwk(jwk).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint().0), thumbprint);
        }
    }

    #[test]
    fn a_signature_is_verified_by_the_algorithm_that_is_the_keys_alone() {
        // RFC 8037, appendix A.4.
        let (message, signature) = (
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = PublicKey::from_jwk(ED25519_KEY).unwrap();
        assert_eq!(key.verify(Algorithm::EdDsa, message.as_bytes(), &signature), Ok(()));
        for (algorithm, message) in [(Algorithm::Es256, message), (Algorithm::EdDsa, "another")] {
            assert_eq!(key.verify(algorithm, message.as_bytes(), &signature), Err(SignatureError));
        }
    }

    #[test]
    fn keys_that_are_private_weak_costly_or_for_something_else_are_refused() {
        let with = |jwk: &str, more: &str| format!("{},{more}}}", jwk.strip_suffix('}').unwrap());
        let long = URL_SAFE_NO_PAD.encode([0xff; 513]);
        let short = URL_SAFE_NO_PAD.encode([0xff; 255]);
        let rsa =
            |modulus: &str, exponent: &str| format!(r#"{{"kty":"RSA","n":"{modulus}","e":"{exponent}"}}"#);
        let good = URL_SAFE_NO_PAD.encode([0xff; 256]);
        for (jwk, why) in [
            (with(P256, r#""d":"AAAA""#), JwkError::Private),
            (with(RSA, r#""d":"AAAA""#), JwkError::Private),
            (with(RSA, r#""p":"AAAA""#), JwkError::Private),
            (with(RSA, r#""oth":[]"#), JwkError::Private),
            (r#"{"kty":"oct","k":"AAAA"}"#.to_owned(), JwkError::Private),
            (r#"{"kty":"oct"}"#.to_owned(), JwkError::Unsupported),
            (with(P256, r#""use":"enc""#), JwkError::Unsupported),
            (with(P256, r#""alg":"HS256""#), JwkError::Unsupported),
            (with(P256, r#""alg":"none""#), JwkError::Unsupported),
            (P256.replace("P-256", "secp256k1"), JwkError::Unsupported),
            (ED25519_KEY.replace("Ed25519", "X25519"), JwkError::Unsupported),
            (rsa(&long, "AQAB"), JwkError::Unsupported),
            (rsa(&short, "AQAB"), JwkError::Unsupported),
            (rsa(&good, "AQAAAAAB"), JwkError::Unsupported),
            (rsa(&good, ""), JwkError::Malformed),
            (rsa(&good, "AAEAAQ"), JwkError::Malformed),
            (with(P256, r#""x":"AAAA""#), JwkError::Malformed),
            (P256.replace("\"x\"", "\"z\""), JwkError::Malformed),
            (P256.replace("l8tF", ""), JwkError::Malformed),
            ("{}".to_owned(), JwkError::Malformed),
            ("[]".to_owned(), JwkError::Malformed),
            (String::new(), JwkError::Malformed),
        ] {
            assert_eq!(PublicKey::from_jwk(&jwk), Err(why), "{jwk}");
        }
    }

    #[test]
    fn a_point_that_is_not_on_its_curve_verifies_nothing() {
        let jwk = P256.replace("l8tF", "AAAA");
        let key = PublicKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.verify(Algorithm::Es256, b"", &[1; 64]), Err(SignatureError));
        assert!(!key.is_on_curve() && PublicKey::from_jwk(P256).unwrap().is_on_curve());
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_refused(text in ".{0,200}") {
            let _ = PublicKey::from_jwk(&text);
        }

        #[test]
        fn any_signature_of_any_size_is_verified_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..600), which in 0..4_usize,
        ) {
            let algorithms = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];
            for jwk in [RSA, ED25519_KEY, P256] {
                let key = PublicKey::from_jwk(jwk).unwrap();
                prop_assert!(key.verify(algorithms[which], &bytes, &bytes).is_err());
            }
        }
    }
}
