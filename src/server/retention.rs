//! Has what the books have of the journal archived, and archives removed, as the policies say: now and then, at low pace.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::time::Clock;
use crate::journal::error::JournalError;
use crate::journal::journal::{Journal, JournalSettings};
use crate::journal::retention::{Terms, tend};
use crate::journal::state::State;
use crate::metering::tally::DrainState;
use crate::policy::live::Live;

/// How often it is looked what there is to do.
const EVERY: Duration = Duration::from_secs(5);

/// What is known of the journal by which its segments are kept.
pub(super) struct Retention {
    settings: JournalSettings,
    state: Arc<State>,
    drained: Arc<DrainState>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
}

impl Retention {
    pub(super) fn of(
        journal: &Journal,
        drained: Arc<DrainState>,
        live: Arc<Live>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings: journal.settings().clone(), state: journal.state().clone(), drained, live, clock }
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
                    tracing::error!(%error, source, "segments of the journal cannot be archived; it is tried again");
                }
                Err(error) => tracing::error!(%error, "segments of the journal are not archived"),
            }
        }
    }

    fn tend(&self, stop: &CancellationToken) -> Result<(), JournalError> {
        let archiving = self.live.load().platform.archiving;
        let terms = Terms { keep: archiving.keep, most_bytes: archiving.most_bytes };
        let position = self.drained.tally().position;
        tend(&self.settings, &self.state, position, (&terms, self.clock.now()), &|| !stop.is_cancelled())
    }
}
