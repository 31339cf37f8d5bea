//! The platform's API keys are learnt when a node starts, so that no caller waits for his first call.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Directory;
use crate::credential::freshness::Stamp;
use crate::credential::keys::{KnownKey, SUBJECTS};
use crate::credential::source::SourceUnavailable;
use crate::domain::id::KeyId;

/// Keys that are learnt at once.
const LEARNT_AT_ONCE: u32 = 1_000;
/// Calls come in between.
const REST: Duration = Duration::from_millis(5);
/// How long the store may take for them: a node is not ready before.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often keys are looked at that change meanwhile; then they are loaded when they are presented.
const TRIES: usize = 5;

impl Directory {
    /// Keys are going to be learnt: until they are, many that are new here are good, and a network may try more of them.
    pub fn begin_learning(&self) {
        self.is_learning.store(true, Ordering::Relaxed);
    }

    /// Learns the keys of the platform, as many as there is room for.
    ///
    /// # Errors
    /// [`SourceUnavailable`]; what was learnt stays, and the others are loaded when they are presented.
    pub async fn learn_keys(&self) -> Result<(), SourceUnavailable> {
        let learnt = self.learn_pages().await;
        self.is_learning.store(false, Ordering::Relaxed);
        learnt
    }

    /// Whether keys are still to be learnt.
    #[must_use]
    pub fn is_learning(&self) -> bool {
        self.is_learning.load(Ordering::Relaxed)
    }

    async fn learn_pages(&self) -> Result<(), SourceUnavailable> {
        let mut after: Option<KeyId> = None;
        while self.keys.has_room() {
            let Some(last) = self.learn_page(after.as_ref()).await? else { return Ok(()) };
            after = Some(last);
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    /// Learns the next keys; gives the last of them. They are stamped after they were loaded: only if nothing changed meanwhile
    /// is that as good as before.
    async fn learn_page(&self, after: Option<&KeyId>) -> Result<Option<KeyId>, SourceUnavailable> {
        let mut last = None;
        for _ in 0..TRIES {
            let (made, at) = (self.changes.made(), self.clock.monotonic());
            let page = self.source.keys_after(after, LEARNT_AT_ONCE);
            let late = |_| SourceUnavailable("no answer in time".to_owned());
            let page = tokio::time::timeout(PATIENCE, page).await.map_err(late)??;
            last = page.last().map(|(_, key, _)| key.id.clone());
            let stamped: Vec<_> = page.iter().map(|(_, key, _)| self.stamps_of(key)).collect();
            if self.changes.made() == made {
                let now = self.clock.now();
                let may_call = |key: &KnownKey| key.expires_at.is_none_or(|expiry| now < expiry);
                for ((hash, key, is_active), stamps) in page.iter().zip(stamped) {
                    if *is_active && may_call(key) {
                        self.keys.insert(hash, key, stamps, at);
                    }
                }
                break;
            }
        }
        Ok(last)
    }

    fn stamps_of(&self, key: &KnownKey) -> [Stamp; SUBJECTS] {
        let subjects = [key.id.as_str(), key.app.id.as_str(), key.app.partner.as_str()];
        subjects.map(|subject| self.changes.stamp(subject))
    }
}
