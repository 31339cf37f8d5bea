//! A client that proves possession of a key (RFC 9449).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate::domain::random::{Random, RandomUnavailable, new_id};

/// Who holds a P-256 key.
pub(crate) struct Holder {
    pair: EcdsaKeyPair,
    /// Goes into each of its proofs.
    nonce: Option<String>,
}

struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| RandomUnavailable)
    }
}

impl Holder {
    pub(crate) fn new() -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self::from_pkcs8(made.unwrap().as_ref())
    }

    /// Of a key that is there.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Self {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).unwrap();
        Self { pair, nonce: None }
    }

    /// Has that nonce go into each of its proofs from now on.
    pub(crate) fn learn(&mut self, nonce: &str) {
        self.nonce = Some(nonce.to_owned());
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    /// Its thumbprint (RFC 7638).
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        encode(digest(&SHA256, text.as_bytes()).as_ref())
    }

    /// A new proof of a request.
    pub(crate) fn prove(&self, method: &str, url: &str) -> String {
        self.prove_with(method, url, json!({}))
    }

    /// A new proof of a request with an access token.
    pub(crate) fn prove_token(&self, method: &str, url: &str, token: &str) -> String {
        self.prove_with(method, url, json!({"ath": hash(token)}))
    }

    /// The same with more claims, or other ones.
    pub(crate) fn prove_with(&self, method: &str, url: &str, claims: Value) -> String {
        self.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()}), (method, url), claims)
    }

    /// The same with another header.
    pub(crate) fn sign(&self, header: &Value, (method, url): (&str, &str), more: Value) -> String {
        let id = new_id("", &Chance).unwrap();
        let mut claims = json!({"jti": id, "htm": method, "htu": url, "iat": now(), "nonce": self.nonce});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign_raw(header, &claims)
    }

    /// A JWT of any kind.
    pub(crate) fn sign_raw(&self, header: &Value, claims: &Value) -> String {
        let text =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", encode(signature.as_ref()))
    }
}

/// What `ath` has to be for a token.
pub(crate) fn hash(token: &str) -> String {
    encode(digest(&SHA256, token.as_bytes()).as_ref())
}

/// The time in seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of an access token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
