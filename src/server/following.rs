//! Follows the store: what other nodes and administrators change there is in force here within a second.

use std::sync::Arc;
use std::time::Duration;

use crate::credential::directory::Directory;
use crate::credential::signing_keys::{SigningKeys, Trust};
use crate::domain::time::Clock;
use crate::policy::kill_switches::KillSwitches;
use crate::store::Store;
use crate::store::identity_change::{ChangePosition, IdentityChanges};
use crate::store::kill_switch::KILL_SWITCHES_CHANGED;
use crate::store::signing_key::SIGNING_KEYS_CHANGED;

/// How often the store is asked what has changed: for so long another node's revocation may be unknown here, which is to be in
/// force within a second.
const CHANGES_EVERY: Duration = Duration::from_millis(500);
/// How soon it is asked again if a call waits for the answer, as it shows a key that may have been made on another node. So a flood
/// of guesses makes the store tell fifty times a second that nothing has changed, and a few of them at once wake up to hear it.
const WANTED_CHANGES_EVERY: Duration = Duration::from_millis(20);
/// After a longer silence of the store nothing is believed that was remembered before: this node may have slept, or another
/// server answer in its place. A shorter one, such as a restart, tells afterwards what changed meanwhile.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// How soon it is tried again to know which API keys there are, and which tokens were revoked one by one.
const LEARN_EVERY: Duration = Duration::from_secs(30);

/// What follows the store.
pub(super) struct Follower {
    pub(super) store: Store,
    pub(super) directory: Arc<Directory>,
    pub(super) signing_keys: Arc<SigningKeys>,
    pub(super) kill_switches: Arc<KillSwitches>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Tells the directory, the key ring and the kill switches what changed in the store, for ever. A change is known on its own node
/// at once; those of other nodes are heard of here. Once that has begun, the platform's keys are learnt.
pub(super) async fn follow_changes(follower: Follower) {
    let mut interval = tokio::time::interval(CHANGES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let first = loop {
        interval.tick().await;
        let asked_at = follower.clock.monotonic();
        if let Some(changes) = follower.changes_since(None, &mut false).await {
            // What changed before is not known.
            follower.directory.hear(None, asked_at);
            break changes.next;
        }
    };
    tokio::join!(follower.follow_from(first, interval), learn_keys(&follower.directory));
}

impl Follower {
    async fn follow_from(&self, mut position: ChangePosition, mut interval: tokio::time::Interval) {
        let (mut is_lost, mut heard_at) = (false, self.clock.now());
        // They were read before it was known from where on to follow.
        let (mut are_keys_stale, mut are_switches_stale, mut learn_again) = (true, true, Duration::ZERO);
        loop {
            let (asked_at, now) = (self.clock.monotonic(), self.clock.now());
            let mut heard = None;
            if let Some(changes) = self.changes_since(Some(position), &mut is_lost).await {
                // After a silence, or of a store that is behind what it was, nobody knows what was not told.
                let is_gap = heard_at.plus(LONGEST_SILENCE) < now || changes.next < position;
                let subjects = changes.subjects.filter(|_| !is_gap);
                let has_changed = |what: &str| {
                    subjects.as_ref().is_none_or(|subjects| subjects.iter().any(|subject| subject == what))
                };
                are_keys_stale |= has_changed(SIGNING_KEYS_CHANGED);
                are_switches_stale |= has_changed(KILL_SWITCHES_CHANGED);
                self.directory.hear(subjects.as_deref(), asked_at);
                heard = Some(subjects);
                (position, heard_at) = (changes.next, now);
            }
            if are_switches_stale {
                are_switches_stale = !self.reload_kill_switches().await;
            }
            if !self.directory.knows_revoked_tokens() && learn_again <= asked_at {
                learn_again = asked_at + LEARN_EVERY;
                if let Err(error) = self.directory.learn_revoked_tokens().await {
                    tracing::warn!(%error, "revoked access tokens are looked up one by one for now");
                }
            }
            if are_keys_stale {
                are_keys_stale = !self.reload_signing_keys().await;
            }
            // What was taken back is in force before it is asked what was made.
            if let Some(subjects) = heard {
                self.directory.hear_of_keys(subjects.as_deref(), asked_at).await;
            }
            let wanted = async {
                tokio::time::sleep(WANTED_CHANGES_EVERY).await;
                self.directory.wants_news_of_keys().await;
            };
            tokio::select! {
                _ = interval.tick() => {}
                () = wanted => interval.reset(),
            }
        }
    }

    /// An outage is told once.
    async fn changes_since(
        &self,
        position: Option<ChangePosition>,
        is_lost: &mut bool,
    ) -> Option<IdentityChanges> {
        match self.store.identity_changes(position).await {
            Ok(changes) => {
                *is_lost = false;
                Some(changes)
            }
            Err(error) => {
                if !std::mem::replace(is_lost, true) {
                    tracing::warn!(%error, "what changes in the store is not heard of for now");
                }
                None
            }
        }
    }

    /// Puts in force what is switched off; gives whether it could.
    async fn reload_kill_switches(&self) -> bool {
        let reading = self.kill_switches.begin();
        match self.store.kill_switches().await {
            Ok(all) => {
                self.kill_switches.put(reading, all);
                true
            }
            Err(error) => {
                tracing::error!(%error, "what is switched off has changed, and what was known of it stays for now");
                false
            }
        }
    }

    /// Puts in force the signing keys that there are; gives whether it could.
    async fn reload_signing_keys(&self) -> bool {
        match self.signing_keys.reload().await {
            Ok(Trust::Kept) => true,
            Ok(Trust::Lost) => {
                self.directory.forget_all();
                true
            }
            Err(error) => {
                tracing::error!(%error, "there are other signing keys, and those before stay for now");
                false
            }
        }
    }
}

/// What the store does not tell is learnt when it is presented. For ever, as much may change at once.
async fn learn_keys(directory: &Directory) {
    match directory.learn_keys().await {
        Ok(()) => tracing::info!(keys = directory.keys(), "the API keys are known"),
        Err(error) => tracing::warn!(%error, "the API keys are looked up one by one"),
    }
    loop {
        match directory.learn_existing_keys().await {
            Ok(()) => directory.misses_existing_keys().await,
            Err(error) => tracing::warn!(%error, "API keys that are not known are looked up for now"),
        }
        tokio::time::sleep(LEARN_EVERY).await;
    }
}
