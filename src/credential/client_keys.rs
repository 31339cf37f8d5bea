//! The public keys and certificates that a client registered (RFC 7517), and what it signed with them (RFC 7515).
//!
//! Invariant: which algorithms a signature may be of follows from the key that its header names, never from the header alone
//! (RFC 8725, section 3.1); a key that comes along in a header is not looked at.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::jwk::{Algorithm, PublicKey};
use crate::domain::confirmation::Thumbprint;

/// Longest key set, in bytes.
pub const MAX_LENGTH: usize = 32 * 1024;
/// Most keys of one.
const MAX_KEYS: usize = 20;
/// Longest signed text that is looked at, in bytes.
const MAX_SIGNED: usize = 8 * 1024;
/// What a signed text may say to be, if it says so at all: a JWT, or an assertion of a client. Whatever says to be something else
/// was signed for something else (RFC 8725, section 3.12).
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// The public keys and certificates of a client.
#[derive(Debug)]
pub struct ClientKeys {
    keys: Vec<ClientKey>,
    certificates: Vec<Thumbprint>,
}

#[derive(Debug)]
struct ClientKey {
    id: Option<String>,
    key: PublicKey,
}

/// A signed text that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not a JWS, or with extensions that nobody here understands.
    #[error("it is not a JWS in the compact form (RFC 7515)")]
    Malformed,
    /// It says to be something else than an assertion.
    #[error("its typ is that of something else")]
    Type,
    /// None of the client's keys has that id.
    #[error("its kid is none of the client's keys")]
    UnknownKey,
    /// Its algorithm is none that is taken of clients.
    #[error("its alg is none that is taken of clients")]
    Algorithm,
    /// Not signed by that key, or not as that key signs.
    #[error("its signature does not fit that key, or its alg does not")]
    Signature,
}

/// What the header of a signed text says (RFC 7515, section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood; there are none that are.
    crit: Option<IgnoredAny>,
    /// Whether the payload is encoded (RFC 7797); it always is.
    b64: Option<IgnoredAny>,
}

impl ClientKeys {
    /// Reads a key set.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(set: &Value) -> Result<Self, String> {
        let entries =
            set.get("keys").and_then(Value::as_array).ok_or("must be a JWK Set: {\"keys\": [...]}")?;
        if entries.len() > MAX_KEYS || set.to_string().len() > MAX_LENGTH {
            return Err(format!("may have {MAX_KEYS} keys and {MAX_LENGTH} bytes"));
        }
        let (mut keys, mut certificates) = (Vec::<ClientKey>::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let of_this = |what: String| format!("key {at}: {what}");
            let entry = entry.as_object().ok_or_else(|| of_this("must be an object".to_owned()))?;
            let key = ClientKey::parse(entry).map_err(of_this)?;
            if entries.len() > 1 && key.id.is_none() {
                return Err(of_this("must have a kid, since there are several".to_owned()));
            }
            if keys.iter().any(|known| known.id == key.id) {
                return Err(of_this("has the kid of another one".to_owned()));
            }
            certificates.extend(certificate(entry).map_err(of_this)?);
            keys.push(key);
        }
        Ok(Self { keys, certificates })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a certificate among them.
    #[must_use]
    pub fn has_certificates(&self) -> bool {
        !self.certificates.is_empty()
    }

    /// Whether that certificate is one of them.
    #[must_use]
    pub fn has_certificate(&self, thumbprint: &Thumbprint) -> bool {
        self.certificates.contains(thumbprint)
    }

    /// The payload of a text that one of the keys signed.
    ///
    /// # Errors
    /// [`SignedError`] by the first check that fails.
    pub fn verify(&self, text: &str) -> Result<Vec<u8>, SignedError> {
        let malformed = SignedError::Malformed;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        if text.len() > MAX_SIGNED {
            return Err(malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(malformed)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(malformed);
        }
        if !header.typ.as_deref().is_none_or(is_assertion) {
            return Err(SignedError::Type);
        }
        let key = self.find(header.kid.as_deref()).ok_or(SignedError::UnknownKey)?;
        let algorithm = Algorithm::named(&header.alg).ok_or(SignedError::Algorithm)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let fits = key.key.verify(algorithm, signed.as_bytes(), &signature);
        fits.map(|()| payload).map_err(|_| SignedError::Signature)
    }

    /// The key of that id; who has only one key need not name it.
    fn find(&self, id: Option<&str>) -> Option<&ClientKey> {
        match (id, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
        }
    }
}

/// A type may be written as the media type that it is short for (RFC 7515, section 4.1.9).
fn is_assertion(typ: &str) -> bool {
    let typ = typ.strip_prefix("application/").unwrap_or(typ);
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ))
}

impl ClientKey {
    fn parse(entry: &Map<String, Value>) -> Result<Self, String> {
        let id = match entry.get("kid") {
            Some(Value::String(id)) if (1..=200).contains(&id.len()) => Some(id.clone()),
            Some(_) => return Err("kid must be a string of 1 to 200 characters".to_owned()),
            None => None,
        };
        let key = PublicKey::from_jwk(&Value::from(entry.clone()).to_string());
        let key = key.map_err(|error| error.to_string())?;
        match key.is_on_curve() {
            true => Ok(Self { id, key }),
            false => Err("x and y must be a point of the curve".to_owned()),
        }
    }
}

/// The thumbprint of a key's certificate (RFC 7517, sections 4.7 and 4.9).
fn certificate(entry: &Map<String, Value>) -> Result<Option<Thumbprint>, String> {
    let shown = match entry.get("x5c") {
        None => None,
        Some(chain) => {
            let first = chain.get(0).and_then(Value::as_str).and_then(|first| STANDARD.decode(first).ok());
            let first = first.filter(|first| first.first() == Some(&0x30));
            Some(thumbprint_of(&first.ok_or("x5c must be a list of certificates in base64")?))
        }
    };
    let named = match entry.get("x5t#S256") {
        None => None,
        Some(thumbprint) => {
            let bytes = thumbprint.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            Some(Thumbprint(bytes.ok_or("x5t#S256 must be a SHA-256 thumbprint in base64url")?))
        }
    };
    match (shown, named) {
        (Some(shown), Some(named)) if shown != named => {
            Err("x5t#S256 is not the thumbprint of the first certificate in x5c".to_owned())
        }
        (shown, named) => Ok(shown.or(named)),
    }
}

/// The thumbprint of a certificate in DER (`x5t#S256`; RFC 8705, section 3.1).
#[must_use]
pub fn thumbprint_of(certificate: &[u8]) -> Thumbprint {
    let mut thumbprint = [0; 32];
    thumbprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    Thumbprint(thumbprint)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn pair() -> EcdsaKeyPair {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
    }

    fn jwk(pair: &EcdsaKeyPair, id: &str) -> Value {
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id})
    }

    fn signed(pair: &EcdsaKeyPair, header: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn what_the_named_key_signed_by_its_own_algorithm_holds_and_nothing_else() {
        let (pair, other) = (pair(), pair());
        let keys = ClientKeys::parse(&json!({"keys": [jwk(&pair, "a"), jwk(&other, "b")]})).unwrap();
        let verify = |header: &str| keys.verify(&signed(&pair, header));
        for typ in ["", r#","typ":"JWT""#, r#","typ":"application/client-authentication+jwt""#] {
            let header = format!(r#"{{"alg":"ES256","kid":"a"{typ}}}"#);
            assert_eq!(verify(&header), Ok(b"{}".to_vec()), "{header}");
        }
        for (header, error) in [
            (r#"{"alg":"ES256","kid":"a","typ":"at+jwt"}"#, SignedError::Type),
            (r#"{"alg":"ES256","kid":"a","typ":"dpop+jwt"}"#, SignedError::Type),
            (r#"{"alg":"ES256","kid":"b"}"#, SignedError::Signature),
            (r#"{"alg":"ES256","kid":"c"}"#, SignedError::UnknownKey),
            (r#"{"alg":"ES256","kid":"../a"}"#, SignedError::UnknownKey),
            (r#"{"alg":"ES256"}"#, SignedError::UnknownKey),
            (r#"{"alg":"none","kid":"a"}"#, SignedError::Algorithm),
            (r#"{"alg":"HS256","kid":"a"}"#, SignedError::Algorithm),
            (r#"{"alg":"RS256","kid":"a"}"#, SignedError::Signature),
            (r#"{"alg":"es256","kid":"a"}"#, SignedError::Algorithm),
            (r#"{"alg":"ES256","kid":"a","crit":["b64"],"b64":false}"#, SignedError::Malformed),
            (r#"{"alg":"ES256","kid":"a","kid":"b"}"#, SignedError::Malformed),
            (r#"{"kid":"a"}"#, SignedError::Malformed),
        ] {
            assert_eq!(verify(header), Err(error), "{header}");
        }
        let right = signed(&pair, r#"{"alg":"ES256","kid":"a"}"#);
        for text in ["", "..", "a.b", "a.b.c", &right[1..], &format!("{right}="), &"x".repeat(10_000)] {
            assert!(keys.verify(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_set_of_public_keys_that_are_told_apart_is_taken_and_no_other() {
        let key = jwk(&pair(), "a");
        let with = |name: &str, value: Value| {
            let mut key = key.clone();
            key[name] = value;
            json!({"keys": [key]})
        };
        assert!(ClientKeys::parse(&json!({"keys": [key]})).is_ok());
        assert!(ClientKeys::parse(&json!({"keys": []})).unwrap().is_empty());
        let rsa = |bytes: usize| {
            let n = URL_SAFE_NO_PAD.encode([vec![0x81], vec![1; bytes - 1]].concat());
            json!({"keys": [{"kty": "RSA", "n": n, "e": "AQAB"}]})
        };
        assert!(ClientKeys::parse(&rsa(256)).is_ok());
        for (set, told) in [
            (json!([]), "JWK Set"),
            (json!({"keys": [1]}), "object"),
            (with("d", json!("x")), "private"),
            (json!({"keys": [{"kty": "oct", "k": "AAAA"}]}), "private or secret"),
            (json!({"keys": [key, key]}), "kid of another"),
            (with("use", json!("enc")), "signing key"),
            (with("alg", json!("HS256")), "signing key"),
            (with("crv", json!("P-384")), "P-256"),
            (with("x", json!("AAAA")), "malformed"),
            (with("x5c", json!(["AAAA"])), "x5c"),
            (with("x5t#S256", json!("AAAA")), "x5t#S256"),
            (rsa(128), "2048"),
            (json!({"keys": [{"kty": "EC2"}]}), "P-256"),
        ] {
            let refused = ClientKeys::parse(&set).map(|_| ()).unwrap_err();
            assert!(refused.contains(told), "{set}: {refused}");
        }
    }

    #[test]
    fn a_certificate_is_known_by_its_thumbprint() {
        let certificate = [0x30, 1, 2, 3];
        let mut key = jwk(&pair(), "a");
        key["x5c"] = json!([STANDARD.encode(certificate)]);
        let keys = ClientKeys::parse(&json!({"keys": [key]})).unwrap();
        assert!(keys.has_certificates() && keys.has_certificate(&thumbprint_of(&certificate)));
        assert!(!keys.has_certificate(&thumbprint_of(&[0x30])));
    }
}
