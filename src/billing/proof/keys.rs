//! The proof keys as all may read them: a JWK Set (RFC 7517; RFC 8037, section 2) with, of each key, since when it signs, who endorsed it,
//! and whether it was revoked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::proof_key::{Endorsement, ProofKey};
use crate::domain::time::Timestamp;

/// Longest text of keys that is read, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// A text that is no set of proof keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no set of proof keys: {0}")]
pub struct InvalidKeys(String);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Written>,
}

/// Members that other readers of JWKs need beside are passed over.
#[derive(Deserialize)]
struct Written {
    kid: String,
    kty: String,
    crv: String,
    x: String,
    signs_from: String,
    endorsed_by: Option<String>,
    endorsement: Option<String>,
    revoked_at: Option<String>,
}

/// The keys of a platform, which its address names.
#[must_use]
pub fn write(issuer: &str, keys: &[ProofKey]) -> Value {
    json!({ "issuer": issuer, "keys": keys.iter().map(write_key).collect::<Vec<_>>() })
}

/// One key.
#[must_use]
pub fn write_key(key: &ProofKey) -> Value {
    let endorsement = key.endorsement.as_ref();
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key.kid,
        "x": URL_SAFE_NO_PAD.encode(key.public),
        "signs_from": key.signs_from.to_string(),
        "endorsed_by": endorsement.map(|endorsement| &endorsement.by),
        "endorsement": endorsement.map(|endorsement| URL_SAFE_NO_PAD.encode(endorsement.signature)),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}

/// Reads a set of keys, whoever says that it is one.
///
/// # Errors
/// [`InvalidKeys`].
pub fn read(text: &str) -> Result<Vec<ProofKey>, InvalidKeys> {
    if text.len() > MAX_TEXT {
        return Err(InvalidKeys(format!("it is longer than {MAX_TEXT} bytes")));
    }
    let set: Set = serde_json::from_str(text).map_err(|error| InvalidKeys(error.to_string()))?;
    set.keys.into_iter().map(read_key).collect()
}

fn read_key(key: Written) -> Result<ProofKey, InvalidKeys> {
    let wrong = |what: &str| InvalidKeys(format!("{what} of key {} is not right", key.kid));
    let time = |what, text: &str| text.parse::<Timestamp>().map_err(|_| wrong(what));
    if (key.kty.as_str(), key.crv.as_str()) != ("OKP", "Ed25519") {
        return Err(wrong("kty or crv"));
    }
    let endorsement = match (&key.endorsed_by, &key.endorsement) {
        (Some(by), Some(signature)) => Some(Endorsement {
            by: by.clone(),
            signature: decoded(signature).ok_or_else(|| wrong("endorsement"))?,
        }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(wrong("endorsement")),
    };
    Ok(ProofKey {
        public: decoded(&key.x).ok_or_else(|| wrong("x"))?,
        signs_from: time("signs_from", &key.signs_from)?,
        revoked_at: key.revoked_at.as_deref().map(|at| time("revoked_at", at)).transpose()?,
        endorsement,
        kid: key.kid.clone(),
    })
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<ProofKey> {
        let first = ProofKey {
            kid: "k1".to_owned(),
            public: [1; 32],
            signs_from: Timestamp::from_seconds(1_795_507_200),
            endorsement: None,
            revoked_at: Some(Timestamp::from_micros(1_795_507_200_000_001)),
        };
        let endorsement = Some(Endorsement { by: "k1".to_owned(), signature: [7; 64] });
        let second = ProofKey { kid: "k2".to_owned(), endorsement, revoked_at: None, ..first.clone() };
        vec![first, second]
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        let written = write("https://api.example.com", &keys());
        assert_eq!(written["keys"][0]["x"], "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
        assert_eq!(read(&written.to_string()), Ok(keys()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for (member, value) in [
            ("kty", json!("EC")),
            ("crv", json!("X25519")),
            ("x", json!("AQ")),
            ("x", json!("!")),
            ("signs_from", json!("yesterday")),
            ("endorsement", json!("AQ")),
            ("endorsed_by", Value::Null),
            ("kid", Value::Null),
            ("revoked_at", json!("x")),
        ] {
            let mut written = write("https://api.example.com", &keys());
            written["keys"][1][member] = value.clone();
            assert!(read(&written.to_string()).is_err(), "{member}: {value}");
        }
        for text in ["", "[]", "{}", "{\"keys\":{}}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&" ".repeat(MAX_TEXT + 1)).is_err());
    }
}
