//! Which API keys there are is learnt once the node hears of changes, and heard of from then on.

use std::collections::HashSet;
use std::time::Duration;

use super::Directory;
use crate::credential::source::SourceUnavailable;
use crate::domain::api_key::{KEY_ID_PREFIX, KeyHash};
use crate::domain::id::KeyId;

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
                Some((last, _)) if !self.existing.are_too_many() => after = Some(last),
                Some(_) | None => break,
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

    /// Waits until a call waits for news of the API keys that were made.
    pub async fn wants_news_of_keys(&self) {
        self.existing.wanted().await;
    }

    /// Takes note of an API key that was made.
    pub fn learn_key(&self, hash: &KeyHash) {
        self.existing.insert(hash);
    }

    /// Learns of the API keys among what changed in the store up to `at`; `None`: more changed than were looked at.
    pub async fn hear_of_keys(&self, subjects: Option<&[String]>, at: Duration) {
        if self.existing.are_too_many() {
            return;
        }
        let ids = subjects.map(|subjects| {
            let keys = subjects.iter().filter(|subject| subject.starts_with(KEY_ID_PREFIX));
            // What is told twice, as while something that is long under way may still change what was told, is asked for once.
            let new =
                keys.filter_map(|key| KeyId::new(key).ok()).filter(|key| !self.existing.was_asked_for(key));
            new.collect::<HashSet<_>>()
        });
        let Some(ids) = ids.filter(|ids| ids.len() <= MOST_ASKED) else {
            return self.existing.is_missing_some();
        };
        for id in ids {
            match self.source.key_hash(&id).await {
                Ok(Some(hash)) => self.existing.insert_asked_for(id, &hash),
                Ok(None) => {}
                Err(_) => return self.existing.is_missing_some(),
            }
        }
        self.existing.heard(at);
    }
}
