//! What a node does now and then, beside its calls: it forgets what has expired.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::time::{Clock, Timestamp};
use crate::limit::cell::Cells;
use crate::policy::snapshot::MAX_ACCESS_TOKEN_LIFETIME;
use crate::store::Store;

/// How often spent limiter cells are forgotten.
const CELLS_EVERY: Duration = Duration::from_secs(30);
/// How often the store forgets what has expired.
const STORE_EVERY: Duration = Duration::from_secs(600);
/// Rest between two rounds of the store, so that calls come in between.
const STORE_REST: Duration = Duration::from_millis(200);
/// For how long codes, sessions and tokens are kept beyond their end: a replay is still told as one, and a family of refresh
/// tokens outlives the access tokens that came with it.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600).saturating_add(MAX_ACCESS_TOKEN_LIFETIME);

/// Forgets spent limiter cells, for ever.
pub(super) async fn sweep_cells(cells: Arc<Cells>, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(CELLS_EVERY);
    loop {
        interval.tick().await;
        cells.sweep(clock.monotonic());
    }
}

/// Has the store forget what has expired, for ever.
pub(super) async fn sweep_store(store: Store, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(STORE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        forget_expired(&store, clock.now()).await;
    }
}

/// Rows go by bounded rounds until none is left that may go.
async fn forget_expired(store: &Store, now: Timestamp) {
    let kept_for = i64::try_from(KEPT_FOR.as_micros()).unwrap_or(i64::MAX);
    let before = Timestamp::from_micros(now.as_micros().saturating_sub(kept_for));
    let mut forgotten = 0;
    loop {
        match store.forget_expired(before).await {
            Ok(0) => break,
            Ok(more) => forgotten += more,
            Err(error) => {
                tracing::warn!(%error, "what has expired stays in the store for now");
                break;
            }
        }
        tokio::time::sleep(STORE_REST).await;
    }
    if forgotten > 0 {
        tracing::debug!(rows = forgotten, "the store forgot what had expired");
    }
}
