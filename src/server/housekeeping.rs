//! What a node does now and then, beside its calls: it forgets what has expired and what is no more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::following::{Follower, follow_changes};
use super::node::Services;
use crate::billing::balance::alerts::alert;
use crate::billing::books::BooksTime;
use crate::billing::books::overdue::{Asked, Looked, ask_overdue};
use crate::billing::ledger::pending::time_out;
use crate::billing::plans::moves::{next_due, write_down};
use crate::billing::statement::StatementError;
use crate::billing::statement::closing::{close_due, go_on};
use crate::credential::key_uses::KeyUses;
use crate::domain::id::{NodeId, RouteName};
use crate::domain::time::{Clock, Timestamp};
use crate::gateway::worker::Shared;
use crate::limit::cell::Cells;
use crate::oauth::last_uses::LastUses;
use crate::outbound::upstream_tokens::UpstreamTokens;
use crate::policy::live::Live;
use crate::policy::snapshot::MAX_ACCESS_TOKEN_LIFETIME;
use crate::store::Store;
use crate::telemetry::counters::CoreCounters;

/// How often spent limiter cells are forgotten.
const CELLS_EVERY: Duration = Duration::from_secs(30);
/// How often policies that were in force are.
const POLICIES_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether other policies want other tokens. A call that needs one does not wait for this.
const UPSTREAMS_EVERY: Duration = Duration::from_secs(1);
/// How often uses of keys, secrets and sessions are written down.
const LAST_USES_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether the next signing or proof key is due.
const KEYS_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether something waits in the ledger whose time has run out.
const PENDING_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether something waits for its sale, or a sale for its money, for longer than it should.
const OVERDUE_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether subscriptions moved that nobody wrote down.
const MOVES_EVERY: Duration = Duration::from_secs(10);
/// How long such a look holds, unless another version comes into force.
const MOVES_AGAIN: Duration = Duration::from_secs(600);
/// How often it is looked how far balances are used.
const BALANCES_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether a period is closed whose statements nobody makes, as the node that closed it has died.
const CLOSINGS_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether a period is to be closed.
const CLOSE_EVERY: Duration = Duration::from_secs(600);
/// How often the store forgets what has expired.
const STORE_EVERY: Duration = Duration::from_secs(600);
/// Rest between two rounds of the store, so that calls come in between.
const STORE_REST: Duration = Duration::from_millis(200);
/// For how long codes, sessions and tokens are kept beyond their end: a replay is still told as one, and a family of refresh
/// tokens outlives the access tokens that came with it.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600).saturating_add(MAX_ACCESS_TOKEN_LIFETIME);
/// For how long proofs, used assertions and pushed requests are: so far another node's clock may be behind.
const ENDED_FOR: Duration = Duration::from_secs(60);

/// What the cores have that is looked after beside their calls.
pub(super) struct Kept {
    pub(super) shared: Arc<Shared>,
    pub(super) cells: Arc<Cells>,
    pub(super) counters: Vec<Arc<CoreCounters>>,
    pub(super) tokens: Arc<UpstreamTokens>,
}

/// Begins all of it, which goes on for ever.
pub(super) fn start(services: &Services, kept: Kept, node: &NodeId) -> Vec<JoinHandle<()>> {
    let Kept { shared, cells, counters, tokens } = kept;
    let Services { store, clock, live, .. } = services;
    vec![
        tokio::spawn(sweep_proofs(shared)),
        tokio::spawn(sweep_cells(cells, clock.clone())),
        tokio::spawn(sweep_store(store.clone(), clock.clone())),
        tokio::spawn(time_out_pending(services.clone())),
        tokio::spawn(ask_about_overdue(services.clone())),
        tokio::spawn(alert_balances(services.clone())),
        tokio::spawn(resume_closings(services.clone())),
        tokio::spawn(close_periods(services.clone(), node.clone())),
        tokio::spawn(write_down_moves(services.clone(), node.clone())),
        tokio::spawn(note_last_uses(store.clone(), services.last_uses.clone())),
        tokio::spawn(note_key_uses(store.clone(), services.key_uses.clone())),
        tokio::spawn(sweep_policies(live.clone(), counters)),
        tokio::spawn(follow_upstreams(live.clone(), tokens)),
        tokio::spawn(rotate_keys(services.clone())),
        tokio::spawn(follow_changes(Follower {
            store: store.clone(),
            directory: services.directory.clone(),
            signing_keys: services.signing_keys.clone(),
            kill_switches: services.kill_switches.clone(),
            clock: clock.clone(),
        })),
    ]
}

/// Forgets proofs and signatures that prove nothing more, and apps that have not asked about themselves of late, for ever.
async fn sweep_proofs(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(CELLS_EVERY);
    loop {
        interval.tick().await;
        shared.proofs.sweep(shared.clock.moment());
        shared.signatures.sweep(shared.clock.moment());
        shared.questions.sweep(shared.clock.monotonic());
    }
}

/// Forgets spent limiter cells, for ever.
async fn sweep_cells(cells: Arc<Cells>, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(CELLS_EVERY);
    loop {
        interval.tick().await;
        cells.sweep(clock.monotonic());
    }
}

/// Forgets policies that were in force, and the counters of their routes, for ever.
async fn sweep_policies(live: Arc<Live>, cores: Vec<Arc<CoreCounters>>) {
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
async fn follow_upstreams(live: Arc<Live>, tokens: Arc<UpstreamTokens>) {
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

/// Has signing keys follow each other as the policies say, and proof keys, for ever; and tells what proof keys other nodes have made.
async fn rotate_keys(services: Services) {
    let Services { signing_keys, proof_keys, live, .. } = services;
    let mut interval = tokio::time::interval(KEYS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let terms = live.load().platform.signing_keys;
        if let Err(error) = signing_keys.rotate_if_due(terms).await {
            tracing::error!(%error, "the next signing key is due and cannot be made for now");
        }
        if let Err(error) = proof_keys.keep().await {
            tracing::error!(%error, "proof keys are not followed for now");
        }
    }
}

/// Writes down when secrets and sessions were last used, for ever.
async fn note_last_uses(store: Store, uses: Arc<LastUses>) {
    let mut interval = tokio::time::interval(LAST_USES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        write_last_uses(&store, &uses).await;
    }
}

/// Writes down what waits; if it cannot be, it waits on.
pub(super) async fn write_last_uses(store: &Store, uses: &LastUses) {
    let taken = uses.take();
    if taken.is_empty() {
        return;
    }
    if let Err(error) = store.note_last_uses(&taken).await {
        tracing::warn!(%error, "last uses of secrets and sessions are not written down for now");
        uses.put_back(taken);
    }
}

/// Writes down when credentials of apps were last used, for ever.
async fn note_key_uses(store: Store, uses: Arc<KeyUses>) {
    let mut interval = tokio::time::interval(LAST_USES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        write_key_uses(&store, &uses).await;
    }
}

/// Writes down what waits; if it cannot be, it waits on.
pub(super) async fn write_key_uses(store: &Store, uses: &KeyUses) {
    let taken = uses.take();
    if taken.is_empty() {
        return;
    }
    let written = async {
        store.note_uses(&taken.keys).await?;
        store.note_uses(&taken.signature_keys).await?;
        store.note_uses(&taken.certificates).await
    };
    if let Err(error) = written.await {
        tracing::warn!(%error, "last uses of keys and certificates are not written down for now");
        uses.put_back(taken);
    }
}

/// Gives back what waits in the ledger once its time has run out, for ever. Any node does so for all.
async fn time_out_pending(services: Services) {
    let Services { store, live, clock, .. } = services;
    let mut interval = tokio::time::interval(PENDING_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        loop {
            let times = live.load().platform.record_times;
            match time_out(&store, clock.now(), &times).await {
                Ok(0) => break,
                Ok(amounts) => tracing::info!(amounts, "what waited in the ledger has timed out"),
                Err(error) => {
                    tracing::warn!(%error, "what has timed out in the ledger waits on for now");
                    break;
                }
            }
            tokio::time::sleep(STORE_REST).await;
        }
    }
}

/// Asks about what waits for its sale, and sales that wait for their money, for longer than they should, for ever. Any node does so for all.
async fn ask_about_overdue(services: Services) {
    let Services { store, live, clock, .. } = services;
    let mut interval = tokio::time::interval(OVERDUE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked = Looked::default();
    loop {
        interval.tick().await;
        loop {
            let snapshot = live.load();
            let platform = &snapshot.platform;
            let time = BooksTime { zone: platform.zone.clone(), now: clock.now() };
            match ask_overdue(&store, time, &platform.record_times, &mut looked).await {
                Ok(Asked { asked, answered, is_more }) => {
                    if asked > 0 || answered > 0 {
                        tracing::info!(asked, answered, "exceptions of what waited for too long");
                    }
                    if !is_more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "what waits for too long is not asked about for now");
                    break;
                }
            }
            tokio::time::sleep(STORE_REST).await;
        }
    }
}

/// Tells of balances that are nearly used up, or are, for ever.
async fn alert_balances(services: Services) {
    let Services { store, live, clock, .. } = services;
    let mut interval = tokio::time::interval(BALANCES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let zone = live.load().platform.zone.clone();
        if let Err(error) = alert(&store, (&zone, clock.now())).await {
            tracing::warn!(%error, "it cannot be seen how far balances are used for now");
        }
    }
}

/// Writes down which subscriptions moved to a version of their plan that came into force, for ever. Any node does so for all.
async fn write_down_moves(services: Services, node: NodeId) {
    let Services { store, live, clock, .. } = services;
    let mut interval = tokio::time::interval(MOVES_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut done: Option<(u64, Timestamp)> = None;
    loop {
        interval.tick().await;
        let (version, snapshot, now) = (live.version(), live.load(), clock.now());
        if done.is_some_and(|(of, until)| of == version && now < until) {
            continue;
        }
        match write_down(&store, &snapshot, (&node, now), STORE_REST).await {
            Ok(subscriptions) => {
                // Another node, whose clock is behind, may have made one meanwhile as it was before.
                let again = now.plus(MOVES_AGAIN);
                done = Some((version, next_due(&snapshot, now).map_or(again, |due| due.min(again))));
                if subscriptions > 0 {
                    tracing::info!(
                        subscriptions,
                        "subscriptions stand at a version of their plan that came into force"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "which subscriptions moved is not written down for now"),
        }
    }
}

/// Goes on with closings of periods, whoever began them, for ever. Any node does so for all.
async fn resume_closings(services: Services) {
    let Services { store, clock, .. } = services;
    let mut interval = tokio::time::interval(CLOSINGS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = make_statements(&store, &*clock).await {
            tracing::warn!(%error, "a period that is closed lacks statements for now");
        }
    }
}

async fn make_statements(store: &Store, clock: &dyn Clock) -> Result<(), StatementError> {
    while go_on(store, clock.now()).await? {
        tokio::time::sleep(STORE_REST).await;
    }
    Ok(())
}

/// Closes periods that the policies leave to the nodes, for ever. Whichever node is first does so for all.
async fn close_periods(services: Services, node: NodeId) {
    let mut interval = tokio::time::interval(CLOSE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = close_all_due(&services, &node).await {
            tracing::warn!(%error, "no billing period is closed for now");
        }
    }
}

async fn close_all_due(services: &Services, node: &NodeId) -> Result<(), StatementError> {
    let Services { store, live, clock, .. } = services;
    while let Some(period) = close_due(store, &live.load(), (node, clock.now())).await? {
        tracing::info!(%period, "a billing period was closed, as its grace has ended");
    }
    Ok(())
}

/// Has the store forget what has expired, for ever.
async fn sweep_store(store: Store, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(STORE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        forget_expired(&store, clock.now()).await;
    }
}

/// Rows go by bounded rounds until none is left that may go.
async fn forget_expired(store: &Store, now: Timestamp) {
    let before = now.minus(KEPT_FOR);
    let ended_before = now.minus(ENDED_FOR);
    let mut forgotten = 0;
    loop {
        let more = match store.forget_expired(before).await {
            Ok(0) => match store.forget_identity_changes(before).await {
                Ok(0) => store.forget_ended(ended_before).await,
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
