//! Key sets of clients, read once. They are known by their text, so one that was changed is another one.

use std::sync::Arc;

use moka::sync::Cache;

use crate::credential::client_keys::ClientKeys;

/// Most bytes of key sets that are remembered; beyond: those that are used least are read again.
const CAPACITY: u64 = 16 << 20;

/// The key sets that were read lately.
pub struct KeySets(Cache<String, Arc<ClientKeys>>);

impl Default for KeySets {
    fn default() -> Self {
        let weigh = |text: &String, _: &Arc<ClientKeys>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(CAPACITY).weigher(weigh).build())
    }
}

impl KeySets {
    /// The key set of that text, which was checked when it was registered; `None` if it is none after all.
    pub(super) fn read(&self, text: &str) -> Option<Arc<ClientKeys>> {
        if let Some(known) = self.0.get(text) {
            return Some(known);
        }
        let keys = Arc::new(ClientKeys::parse(&serde_json::from_str(text).ok()?).ok()?);
        self.0.insert(text.to_owned(), keys.clone());
        Some(keys)
    }
}
