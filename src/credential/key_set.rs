//! Another server's keys (RFC 7517, section 5). Those that are of no use here, such as for encryption, are passed over.

use serde::Deserialize;
use serde_json::Value;

use super::jwk::PublicKey;

/// Most keys of a set that are read.
const MAX_KEYS: usize = 50;

/// The keys by which another server may sign.
#[derive(Debug)]
pub struct KeySet(Vec<(Option<String>, PublicKey)>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set; `None` if it is none.
    #[must_use]
    pub fn read(document: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(document).ok()?;
        let key = |entry: &Value| {
            let id = entry.get("kid").and_then(Value::as_str).map(str::to_owned);
            Some((id, PublicKey::from_jwk(&entry.to_string()).ok()?))
        };
        Some(Self(document.keys.iter().take(MAX_KEYS).filter_map(key).collect()))
    }

    /// The key of that id; a set of one key need not have it named (OpenID Connect Core, section 10.1). Of two keys with one
    /// id, nobody knows which is meant.
    #[must_use]
    pub fn find(&self, id: Option<&str>) -> Option<&PublicKey> {
        self.place(id).and_then(|place| self.0.get(place)).map(|(_, key)| key)
    }

    /// Its place among [`Self::keys`].
    pub(super) fn place(&self, id: Option<&str>) -> Option<usize> {
        match id {
            Some(_) => {
                let is_named =
                    |(_, (known, _)): &(usize, &(Option<String>, PublicKey))| known.as_deref() == id;
                let mut named = self.0.iter().enumerate().filter(is_named);
                named.next().filter(|_| named.next().is_none()).map(|(place, _)| place)
            }
            None => (self.0.len() == 1).then_some(0),
        }
    }

    /// Whether there are several keys of that id, or without one several keys.
    pub(super) fn has_several(&self, id: Option<&str>) -> bool {
        let is_one = |(known, _): &&(Option<String>, PublicKey)| id.is_none() || known.as_deref() == id;
        self.0.iter().filter(is_one).count() > 1
    }

    /// The keys, each with its id.
    pub(super) fn keys(&self) -> &[(Option<String>, PublicKey)] {
        &self.0
    }
}
