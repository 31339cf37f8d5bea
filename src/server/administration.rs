//! The admin API of a node: its state, and the figures of its `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use tokio::sync::Semaphore;

use super::error::ServerError;
use super::node::Node;
use crate::admin::{self, AdminState, AdminToken};
use crate::credential::password;
use crate::telemetry::metrics::{Gauge, Metrics};

/// The admin API of `node` for those who have `token`.
///
/// # Errors
/// [`ServerError::Secrets`] if the token could be guessed.
pub(super) fn router(node: &Node, token: &str) -> Result<Router, ServerError> {
    let token = AdminToken::new(token).map_err(|error| ServerError::Secrets(error.to_string()))?;
    let services = &node.services;
    let open_exceptions = Arc::<AtomicU64>::default();
    let mut gauges = gauges(node);
    gauges.push(exceptions_gauge(open_exceptions.clone()));
    let metrics = Metrics::new(node.counters.clone(), gauges);
    let journal = node.journal.state().clone();
    Ok(admin::router(AdminState {
        store: services.store.clone(),
        policies: services.live.clone(),
        invalidation: services.directory.clone(),
        clock: services.clock.clone(),
        random: services.random.clone(),
        token,
        hashing: Arc::new(Semaphore::new(password::MAX_AT_ONCE)),
        open_exceptions,
        metrics: Arc::new(move || metrics.render()),
        readiness: Arc::new(move || match journal.is_failing() {
            true => Err("the journal cannot be written".to_owned()),
            false => Ok(()),
        }),
    }))
}

fn exceptions_gauge(open: Arc<AtomicU64>) -> Gauge {
    Gauge {
        name: "tollgate_exceptions_open",
        kind: "gauge",
        help: "What could not be rated or read, of all nodes, and nobody has resolved.",
        read: Box::new(move || open.load(Ordering::Relaxed)),
    }
}

fn gauges(node: &Node) -> Vec<Gauge> {
    let gauge = |name, kind, help, read: Box<dyn Fn() -> u64 + Send + Sync>| Gauge { name, kind, help, read };
    let journal = || node.journal.state().clone();
    let (groups, bytes, failures, failing, rejected) =
        (journal(), journal(), journal(), journal(), journal());
    let (committed, synced) = (journal(), journal());
    let drained = node.drained.clone();
    let (cells, live, broken) = (node.cells.clone(), node.services.live.clone(), node.services.live.clone());
    vec![
        gauge(
            "tollgate_journal_committed",
            "gauge",
            "Sequence of the last usage record on disk.",
            Box::new(move || committed.committed()),
        ),
        gauge(
            "tollgate_journal_sync_microseconds",
            "gauge",
            "How long the last sync to the disk took.",
            Box::new(move || synced.last_sync_micros()),
        ),
        gauge(
            "tollgate_journal_groups",
            "counter",
            "Groups of records that the journal brought to the disk.",
            Box::new(move || groups.groups()),
        ),
        gauge(
            "tollgate_journal_bytes",
            "counter",
            "Bytes that the journal wrote.",
            Box::new(move || bytes.bytes()),
        ),
        gauge(
            "tollgate_journal_failures",
            "counter",
            "Writes of the journal that failed.",
            Box::new(move || failures.failures()),
        ),
        gauge(
            "tollgate_journal_failing",
            "gauge",
            "1 while the journal cannot be written.",
            Box::new(move || u64::from(failing.is_failing())),
        ),
        gauge(
            "tollgate_journal_rejected",
            "counter",
            "Records that the journal did not take.",
            Box::new(move || rejected.rejected()),
        ),
        gauge(
            "tollgate_journal_recorded",
            "gauge",
            "The last record of the journal that is in the books; behind committed by what waits.",
            Box::new(move || drained.recorded()),
        ),
        gauge(
            "tollgate_limiter_cells",
            "gauge",
            "Cells that the limiter holds.",
            Box::new(move || u64::try_from(cells.count()).unwrap_or(u64::MAX)),
        ),
        gauge(
            "tollgate_policy_version",
            "gauge",
            "Rises with each policy set that came into force.",
            Box::new(move || live.version()),
        ),
        gauge(
            "tollgate_policy_failures",
            "counter",
            "Policy sets that were wrong and changed nothing.",
            Box::new(move || broken.failures()),
        ),
    ]
}
