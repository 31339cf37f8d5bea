//! Which API keys there are is learnt once the node hears of changes, and heard of from then on.

use super::Directory;
use crate::credential::source::SourceUnavailable;
use crate::domain::api_key::KeyHash;
use crate::domain::id::KeyId;

/// What every id of an API key begins with, so that it is known among the subjects of changes.
const KEY_ID_PREFIX: &str = "key_";
/// Keys that are learnt at once.
const LEARNT_AT_ONCE: u32 = 10_000;
/// Most keys that are asked for one by one when they have changed; beyond, all are to be learnt anew.
const MOST_ASKED: usize = 100;

impl Directory {
    /// Learns which API keys there are, so that a guess need not be looked up. Those that are made meanwhile must be heard of.
    ///
    /// # Errors
    /// [`SourceUnavailable`]; until all are learnt, a key that is not remembered is looked up.
    pub async fn learn_existing_keys(&self) -> Result<(), SourceUnavailable> {
        self.existing.begin();
        let (at, mut after) = (self.clock.monotonic(), None);
        loop {
            let page = self.source.key_hashes_after(after.as_ref(), LEARNT_AT_ONCE).await?;
            page.iter().for_each(|(_, hash)| self.existing.insert(hash));
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => break,
            }
        }
        self.existing.has_all(at);
        Ok(())
    }

    /// Whether it is known which API keys there are, so that guesses are not looked up.
    #[must_use]
    pub fn knows_existing_keys(&self) -> bool {
        self.existing.are_known()
    }

    /// Waits until it is not known any more which API keys there are.
    pub async fn misses_existing_keys(&self) {
        self.existing.missing_some().await;
    }

    /// Takes note of an API key that was made.
    pub fn learn_key(&self, hash: &KeyHash) {
        self.existing.insert(hash);
    }

    /// Learns of the API keys among what changed; `None`: more changed than were looked at. To be called before
    /// [`Directory::hear`] is told of the same.
    pub async fn hear_of_keys(&self, subjects: Option<&[String]>) {
        let ids = subjects.map(|subjects| {
            let keys = subjects.iter().filter(|subject| subject.starts_with(KEY_ID_PREFIX));
            keys.filter_map(|key| KeyId::new(key).ok()).collect::<Vec<_>>()
        });
        let Some(ids) = ids.filter(|ids| ids.len() <= MOST_ASKED) else {
            return self.existing.is_missing_some();
        };
        for id in ids {
            match self.source.key_hash(&id).await {
                Ok(Some(hash)) => self.existing.insert(&hash),
                Ok(None) => {}
                Err(_) => return self.existing.is_missing_some(),
            }
        }
    }
}
