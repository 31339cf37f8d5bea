//! A provider's keys (RFC 7517, section 5). Those that are of no use here, such as for encryption, are passed over.

use serde::Deserialize;
use serde_json::Value;

use crate::credential::jwk::PublicKey;

/// Most keys of a set that are read.
const MAX_KEYS: usize = 50;

/// The keys by which a provider may sign.
#[derive(Debug)]
pub(super) struct KeySet(Vec<(Option<String>, PublicKey)>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set; `None` if it is none.
    pub(super) fn read(document: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(document).ok()?;
        let key = |entry: &Value| {
            let id = entry.get("kid").and_then(Value::as_str).map(str::to_owned);
            Some((id, PublicKey::from_jwk(&entry.to_string()).ok()?))
        };
        Some(Self(document.keys.iter().take(MAX_KEYS).filter_map(key).collect()))
    }

    /// The key of that id; a set of one key need not have it named (OpenID Connect Core, section 10.1). Of two keys with one
    /// id, nobody knows which is meant.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&PublicKey> {
        match id {
            Some(_) => {
                let mut named = self.0.iter().filter(|(known, _)| known.as_deref() == id);
                named.next().filter(|_| named.next().is_none()).map(|(_, key)| key)
            }
            None => match self.0.as_slice() {
                [(_, only)] => Some(only),
                _ => None,
            },
        }
    }
}
