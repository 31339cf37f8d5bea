//! Keys of another issuer, and tokens by them: also such as no issuer should make.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key pair with its public half.
pub(in crate::credential) struct Signer {
    pub(in crate::credential) jwk: Value,
    algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(RsaPair, &'static dyn RsaEncoding),
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    /// A pair that signs by ES256, EdDSA, RS256 or PS256.
    pub(in crate::credential) fn new(algorithm: &'static str, id: &str) -> Self {
        let rsa = || RsaPair::generate(KeySize::Rsa2048).unwrap();
        let pair = match algorithm {
            "ES256" => Pair::Elliptic(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            "EdDSA" => Pair::Edwards(Ed25519KeyPair::generate().unwrap()),
            "RS256" => Pair::Rsa(rsa(), &RSA_PKCS1_SHA256),
            "PS256" => Pair::Rsa(rsa(), &RSA_PSS_SHA256),
            other => panic!("no {other}"),
        };
        let mut jwk = match &pair {
            Pair::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Edwards(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            // RSAPublicKey (RFC 8017, appendix A.1.1): the modulus of 2048 bits follows its tag, length and sign.
            Pair::Rsa(pair, _) => {
                json!({"kty": "RSA", "n": text(&pair.public_key().as_ref()[9..265]), "e": "AQAB"})
            }
        };
        jwk["kid"] = json!(id);
        Self { jwk, algorithm, pair }
    }

    /// The header under which it signs.
    pub(in crate::credential) fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.jwk["kid"], "typ": "at+jwt"})
    }

    /// Claims under any header at all.
    pub(in crate::credential) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Elliptic(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", text(&signature))
    }
}

/// Claims that are signed by a secret, which is whatever everyone knows (RFC 8725, section 2.1).
pub(super) fn sign_by_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
    let tag = sign(&Key::new(HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", text(tag.as_ref()))
}
