//! What a node does now and then, beside its calls: it forgets what has expired and what is no more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::directory::Directory;
use crate::domain::id::RouteName;
use crate::domain::time::{Clock, Timestamp};
use crate::limit::cell::Cells;
use crate::outbound::upstream_tokens::UpstreamTokens;
use crate::policy::live::Live;
use crate::policy::snapshot::MAX_ACCESS_TOKEN_LIFETIME;
use crate::store::Store;
use crate::store::identity_change::{ChangePosition, IdentityChanges};
use crate::telemetry::counters::CoreCounters;

/// How often spent limiter cells are forgotten.
const CELLS_EVERY: Duration = Duration::from_secs(30);
/// How often policies that were in force are.
const POLICIES_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether other policies want other tokens. A call that needs one does not wait for this.
const UPSTREAMS_EVERY: Duration = Duration::from_secs(1);
/// How often the store is asked what has changed: for so long another node's revocation may be unknown here.
const CHANGES_EVERY: Duration = Duration::from_secs(1);
/// After a longer silence of the store nothing is believed that was remembered before: this node may have slept, or another
/// server answer in its place. A shorter one, such as a restart, tells afterwards what changed meanwhile.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);
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

/// Forgets policies that were in force, and the counters of their routes, for ever.
pub(super) async fn sweep_policies(live: Arc<Live>, cores: Vec<Arc<CoreCounters>>) {
    let mut interval = tokio::time::interval(POLICIES_EVERY);
    loop {
        interval.tick().await;
        live.drop_retired();
        let snapshot = live.load();
        for core in cores.iter().filter(|core| core.routes() > snapshot.routes.len()) {
            let names: HashSet<&RouteName> = snapshot.routes.iter().map(|route| &route.name).collect();
            core.forget_routes(|name| names.contains(name));
        }
    }
}

/// Has tokens begin to be asked for that a new set of policies wants, and those forgotten that it does not, for ever.
pub(super) async fn follow_upstreams(live: Arc<Live>, tokens: Arc<UpstreamTokens>) {
    let mut interval = tokio::time::interval(UPSTREAMS_EVERY);
    let mut seen = live.version();
    loop {
        interval.tick().await;
        let version = live.version();
        if std::mem::replace(&mut seen, version) != version {
            tokens.follow(&live.load());
        }
    }
}

/// Tells the directory what changed in the store, for ever. A change is known on its own node at once; those of other nodes
/// are heard of here. Once that has begun, the platform's keys are learnt.
pub(super) async fn follow_changes(store: Store, directory: Arc<Directory>, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(CHANGES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let first = loop {
        interval.tick().await;
        let asked_at = clock.monotonic();
        if let Some(changes) = changes_since(None, &store, &mut false).await {
            // What changed before is not known.
            directory.hear(None, asked_at);
            break changes.next;
        }
    };
    tokio::join!(follow_changes_from(first, (store, &directory, clock), interval), learn_keys(&directory));
}

async fn follow_changes_from(
    mut position: ChangePosition,
    (store, directory, clock): (Store, &Directory, Arc<dyn Clock>),
    mut interval: tokio::time::Interval,
) {
    let (mut is_lost, mut heard_at) = (false, clock.now());
    loop {
        interval.tick().await;
        let (asked_at, now) = (clock.monotonic(), clock.now());
        if let Some(changes) = changes_since(Some(position), &store, &mut is_lost).await {
            // After a silence, or of a store that is behind what it was, nobody knows what was not told.
            let is_gap = heard_at.plus(LONGEST_SILENCE) < now || changes.next < position;
            directory.hear(changes.subjects.as_deref().filter(|_| !is_gap), asked_at);
            (position, heard_at) = (changes.next, now);
        }
    }
}

/// An outage is told once.
async fn changes_since(
    position: Option<ChangePosition>,
    store: &Store,
    is_lost: &mut bool,
) -> Option<IdentityChanges> {
    match store.identity_changes(position).await {
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

/// What the store does not tell is learnt when it is presented.
async fn learn_keys(directory: &Directory) {
    match directory.learn_keys().await {
        Ok(()) => tracing::info!(keys = directory.keys(), "the API keys are known"),
        Err(error) => tracing::warn!(%error, "the API keys are looked up one by one"),
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
        let more = match store.forget_expired(before).await {
            Ok(0) => match store.forget_identity_changes(before).await {
                Ok(0) => store.forget_ended(now).await,
                outcome => outcome,
            },
            outcome => outcome,
        };
        match more {
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
