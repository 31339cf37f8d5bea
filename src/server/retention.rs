//! Has what the books have of the journal archived, and archives removed, as the policies say: now and then, at low pace.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::domain::time::{Clock, Timestamp};
use crate::journal::error::JournalError;
use crate::journal::journal::{Journal, JournalSettings};
use crate::journal::retention::{Terms, tend};
use crate::journal::state::State;
use crate::policy::live::Live;
use crate::store::Store;
use crate::store::journal_position::JournalPlace;

/// How often it is looked what there is to do.
const EVERY: Duration = Duration::from_secs(5);

/// What is known of the journal by which its segments are kept.
pub(super) struct Retention {
    settings: JournalSettings,
    /// The journal's own.
    identity: String,
    state: Arc<State>,
    store: Store,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
}

impl Retention {
    pub(super) fn of(journal: &Journal, store: Store, live: Arc<Live>, clock: Arc<dyn Clock>) -> Self {
        let (settings, identity) = (journal.settings().clone(), journal.identity().to_owned());
        Self { settings, identity, state: journal.state().clone(), store, live, clock }
    }

    /// Goes on for ever; what is under way when it is dropped is left off.
    pub(super) async fn run(self) {
        let this = Arc::new(self);
        let mut interval = tokio::time::interval(EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let stop = CancellationToken::new();
            let _stops_if_dropped = stop.clone().drop_guard();
            let tending = this.clone();
            match tokio::task::spawn_blocking(move || tending.tend(&stop)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "not all of the journal can be archived; it is tried again");
                }
                Err(error) => tracing::error!(%error, "segments of the journal are not archived"),
            }
        }
    }

    fn tend(&self, stop: &CancellationToken) -> Result<(), JournalError> {
        let archiving = self.live.load().platform.archiving;
        let terms = Terms { keep: archiving.keep, most_bytes: archiving.most_bytes };
        // A clock that jumps ahead makes nothing older: the calls that the books believe have not come as far.
        let now = self.clock.now();
        let latest = Handle::current().block_on(self.latest_call(stop, now));
        let now = latest.map_or(now, |latest| latest.min(now));
        let position = || Handle::current().block_on(self.place(stop)).map(|place| place.sequence);
        tend(&self.settings, &self.state, &position, (&terms, now), &|| !stop.is_cancelled())
    }

    /// The latest call that the books believe; `None` if there is none, or the store does not say.
    async fn latest_call(&self, stop: &CancellationToken, now: Timestamp) -> Option<Timestamp> {
        let near = self.live.load().platform.record_times.near(now);
        stop.run_until_cancelled(self.store.latest_call(near)).await?.ok()?
    }

    /// How far the store has this journal, as it says now: it may have been put back since it took the last batch. `None` if it does not
    /// say, or knows another journal of this node.
    async fn place(&self, stop: &CancellationToken) -> Option<JournalPlace> {
        let asked = self.store.journal_place(&self.settings.node);
        let place = stop.run_until_cancelled(asked).await?.ok()?;
        (place.journal.as_ref() == Some(&self.identity)).then_some(place)
    }
}
