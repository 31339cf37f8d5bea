//! Key pairs of clients, and what clients sign with them: also what no client should.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key pair, and the algorithm that it signs by.
pub(crate) struct Signer {
    pair: Pair,
    algorithm: &'static str,
    id: String,
}

enum Pair {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(RsaPair, &'static dyn RsaEncoding),
}

impl Signer {
    /// A pair that signs by ES256, EdDSA, RS256 or PS256.
    pub(crate) fn new(algorithm: &'static str, id: &str) -> Self {
        let pair = match algorithm {
            "ES256" => Pair::Elliptic(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            "EdDSA" => Pair::Edwards(Ed25519KeyPair::generate().unwrap()),
            "RS256" => Pair::Rsa(RsaPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PKCS1_SHA256),
            "PS256" => Pair::Rsa(RsaPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PSS_SHA256),
            other => panic!("no {other}"),
        };
        Self { pair, algorithm, id: id.to_owned() }
    }

    /// The public half (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Edwards(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            Pair::Rsa(pair, _) => {
                // RSAPublicKey (RFC 8017, appendix A.1.1): the modulus of 2048 bits follows its tag, length and sign.
                let modulus = &pair.public_key().as_ref()[9..265];
                json!({"kty": "RSA", "n": text(modulus), "e": "AQAB"})
            }
        };
        jwk["kid"] = json!(self.id);
        jwk
    }

    /// Claims as this pair signs them.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"}), claims)
    }

    /// Claims with any header at all, signed by this pair.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.sign_text(&text)))
    }

    /// The signature of a text.
    pub(crate) fn sign_text(&self, text: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Elliptic(pair) => pair.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, text.as_bytes(), &mut signature).unwrap();
                signature
            }
        }
    }
}
