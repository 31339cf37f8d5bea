//! The way of usage records from the journal into the books.

use std::sync::Arc;

use tokio::task::JoinHandle as Task;
use tokio_util::sync::CancellationToken;

use super::error::ServerError;
use super::node::Services;
use crate::billing::books::recorder::{JournalOf, Recorder};
use crate::domain::id::NodeId;
use crate::journal::journal::Journal;
use crate::metering::drain::drain;
use crate::metering::tally::DrainState;

/// The recorder of the node's journal, which no other journal may be recorded beside under the node's name, and what became of
/// its records before.
pub(super) async fn open_recorder(
    services: &Services,
    journal: &Journal,
    node: &NodeId,
) -> Result<(Recorder, Arc<DrainState>), ServerError> {
    let source = JournalOf { node: node.clone(), journal: journal.identity().to_owned() };
    let (store, live, clock) = (services.store.clone(), services.live.clone(), services.clock.clone());
    let recorder = Recorder::open(store, source, live, clock).await?;
    let drained = DrainState::at(recorder.last_known());
    Ok((recorder, Arc::new(drained)))
}

/// Begins to move usage records from the journal to the books.
pub(super) fn start_drain(
    (recorder, drained): (Recorder, Arc<DrainState>),
    journal: &Journal,
    stop: &CancellationToken,
) -> Task<()> {
    let state = journal.state().clone();
    let stop = stop.clone();
    let stopped = async move { stop.cancelled().await };
    let reader = journal.reader(journal.settings().resume_after);
    tokio::spawn(drain(reader, state, Arc::new(recorder), drained, stopped))
}
