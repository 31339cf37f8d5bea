//! What one core has for its requests. Nothing in it is shared with another core but what is behind an `Arc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::body_room::BodyRoom;
use super::challenge::Challenges;
use super::control::ControlPlane;
use super::floods::Floods;
use super::me::Questions;
use super::omitted::Omitted;
use super::request_id::RequestIds;
use super::trusted_proxies::TrustedProxies;
use super::turns::Turns;
use super::view::View;
use super::warnings::Warnings;
use super::watch::Watches;
use crate::config::settings::Bounds;
use crate::credential::directory::{Directory, Identity};
use crate::credential::key_uses::{KeyUse, KeyUses, MOST_OF_A_CORE, hour};
use crate::credential::proofs::Proofs;
use crate::credential::recent::Recent;
use crate::credential::signatures::Signatures;
use crate::domain::door::Door;
use crate::domain::id::NodeId;
use crate::domain::shown_certificate::Vouching;
use crate::domain::time::{Clock, Timestamp};
use crate::journal::writer::Writer;
use crate::limit::balance_purse::{BalancePurses, LocalBalances};
use crate::limit::cell::LocalCells;
use crate::limit::quota_purse::{LocalQuotas, QuotaPurses};
use crate::outbound::upstream_tokens::UpstreamTokens;
use crate::policy::kill_switches::KillSwitches;
use crate::policy::live::Live;
use crate::telemetry::counters::CoreCounters;
use crate::upstream::pool::PoolBounds;

/// What all cores share.
pub struct Shared {
    /// The policies in force.
    pub live: Arc<Live>,
    /// What is switched off.
    pub kill_switches: Arc<KillSwitches>,
    /// Credentials.
    pub directory: Arc<Directory>,
    /// Who vouches for certificates of clients, if a door asks for them.
    pub vouching: Option<Arc<dyn Vouching>>,
    /// Access tokens that upstreams ask for.
    pub tokens: Arc<UpstreamTokens>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// This node.
    pub node: NodeId,
    /// Bounds of the data plane.
    pub bounds: Bounds,
    /// The address by which the world knows this gateway.
    pub origin: String,
    /// The host of that address, in lower case: merchants log in there.
    pub host: String,
    /// The one by which machines know it that show certificates of their own.
    pub mutual_origin: Option<String>,
    /// Who is believed that says who calls through him.
    pub trusted_proxies: Arc<TrustedProxies>,
    /// How callers can prove themselves.
    pub challenges: Challenges,
    /// Takes proofs of possession.
    pub proofs: Proofs,
    /// When API keys were last used, to be written down.
    pub key_uses: Arc<KeyUses>,
    /// Takes signatures of requests.
    pub signatures: Signatures,
    /// What apps ask about themselves.
    pub questions: Questions,
    /// Units leased of balances that fees are paid from.
    pub purses: Arc<BalancePurses>,
    /// What is leased of plans' quotas.
    pub quotas: Arc<QuotaPurses>,
    /// Room for bodies of callers that are known, which are read whole before their calls go on.
    pub body_room: Arc<BodyRoom>,
    /// Room for forms that may say who calls.
    pub form_room: Arc<BodyRoom>,
    /// Where calls to the gateway's own endpoints go.
    pub control: ControlPlane,
}

impl Shared {
    /// By which address the world knows a door.
    #[must_use]
    pub fn origin(&self, door: &Door) -> &str {
        match door {
            Door::Front => &self.origin,
            Door::Machines(_) => self.mutual_origin.as_ref().unwrap_or(&self.origin),
        }
    }
}

/// One core.
pub struct Worker {
    /// What all cores share.
    pub shared: Arc<Shared>,
    /// Who called lately.
    pub recent: RefCell<Recent>,
    /// Of calls that may be of a flood of guesses.
    pub turns: Turns,
    /// Limiter cells.
    pub cells: RefCell<LocalCells>,
    /// Purses of leased units.
    pub purses: RefCell<LocalBalances>,
    /// What is leased of quotas.
    pub quotas: RefCell<LocalQuotas>,
    /// The way into the journal.
    pub journal: RefCell<Writer>,
    /// Counters.
    pub counters: Arc<CoreCounters>,
    /// Where it writes a usage record before the journal takes it.
    pub scratch: RefCell<Vec<u8>>,
    /// Request ids.
    pub ids: RequestIds,
    /// Calls that are seen to their end even if their caller leaves.
    pub durable_calls: TaskTracker,
    /// What it waits for.
    pub watches: Rc<Watches>,
    /// What it warned of lately.
    pub warnings: Warnings,
    /// Of which routes' calls it told lately that a usage record is lost.
    pub losses: Warnings,
    /// Refused calls that are counted together.
    pub floods: RefCell<Floods>,
    /// Calls that the journal is still to be told of that it took no record of.
    pub omitted: RefCell<Omitted>,
    /// For picking endpoints.
    pub random: RefCell<fastrand::Rng>,
    /// Uses of credentials that the node has not taken over yet.
    key_uses: RefCell<Vec<KeyUse>>,
    view: RefCell<Rc<View>>,
    changes: Changes,
}

/// What has changed that calls under way may have to end for, as far as a core has noticed.
#[derive(Default)]
struct Changes {
    /// The versions of credentials, of kill switches and of who vouches for certificates that it has noticed.
    versions: Cell<[u64; 3]>,
    /// How often it noticed others.
    noticed: Cell<u64>,
    /// The last of those times that there was another of who vouches.
    vouching_noticed: Cell<u64>,
}

/// Credentials of a generation that a core keeps at hand.
const RECENT_CALLERS: usize = 32_768;
/// Bytes in which a core writes usage records, and that it keeps for that: more than nearly any record has.
pub(super) const SCRATCH: usize = 4096;
/// Cells that a core keeps at hand.
const LOCAL_CELLS: usize = 65_536;

impl Worker {
    /// A core with its seed for ids and picks.
    #[must_use]
    pub fn new(
        shared: Arc<Shared>,
        cells: Arc<crate::limit::cell::Cells>,
        journal: Writer,
        counters: Arc<CoreCounters>,
        seed: u64,
    ) -> Self {
        let version = shared.live.version();
        let bounds = pool_bounds(&shared.bounds);
        let view = View::new((shared.live.load(), version), None, bounds, &shared.tokens);
        Self {
            recent: RefCell::new(Recent::new(shared.directory.clone(), RECENT_CALLERS)),
            scratch: RefCell::new(Vec::with_capacity(SCRATCH)),
            cells: RefCell::new(LocalCells::new(cells, LOCAL_CELLS)),
            purses: RefCell::default(),
            quotas: RefCell::default(),
            journal: RefCell::new(journal),
            counters,
            ids: RequestIds::new(seed),
            durable_calls: TaskTracker::new(),
            watches: Rc::default(),
            warnings: Warnings::default(),
            turns: Turns::default(),
            losses: Warnings::default(),
            floods: RefCell::default(),
            omitted: RefCell::default(),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
            key_uses: RefCell::default(),
            view: RefCell::new(Rc::new(view)),
            changes: Changes::default(),
            shared,
        }
    }

    /// The view of the snapshot in force; a request pins it at its start.
    pub fn view(&self) -> Rc<View> {
        let version = self.shared.live.version();
        if self.view.borrow().version() == version {
            return self.view.borrow().clone();
        }
        let before = self.view.borrow().clone();
        let bounds = pool_bounds(&self.shared.bounds);
        let live = (self.shared.live.load(), version);
        let view = Rc::new(View::new(live, Some(&before), bounds, &self.shared.tokens));
        *self.view.borrow_mut() = view.clone();
        view
    }

    /// Notes that a credential was used at `now`; if there is no room, a later call by it will.
    #[cold]
    pub fn note_use(&self, identity: &Identity, now: Timestamp) {
        let mut uses = self.key_uses.borrow_mut();
        if uses.len() < MOST_OF_A_CORE {
            uses.push((identity.caller.credential_id.clone(), hour(now)));
            identity.use_is_noted(now);
        }
    }

    /// How often the core has noticed changes that a call under way may have to end for.
    #[must_use]
    pub fn noticed(&self) -> u64 {
        self.changes.noticed.get()
    }

    /// The last of those times that others vouched for certificates, or some were taken back.
    #[must_use]
    pub fn vouching_noticed(&self) -> u64 {
        self.changes.vouching_noticed.get()
    }

    /// Looks whether there are such changes; if so, wakes the calls that wait.
    pub fn notice_changes(&self) {
        let Changes { versions, noticed, vouching_noticed } = &self.changes;
        let vouching = self.shared.vouching.as_ref().map_or(0, |vouching| vouching.version());
        let now = [self.shared.directory.changes(), self.shared.kill_switches.version(), vouching];
        let before = versions.replace(now);
        if before != now {
            noticed.set(noticed.get().wrapping_add(1));
            if before[2] != vouching {
                vouching_noticed.set(noticed.get());
            }
            self.watches.wake_calls();
        }
    }

    /// What the core does last of all.
    pub fn end(&self) {
        self.tick(false);
        let records = self.floods.borrow_mut().close(&mut self.journal.borrow_mut());
        self.counters.usage_records.add(records);
        self.omitted.borrow_mut().hand_over_all(&mut self.journal.borrow_mut());
    }

    /// What the core does at regular times: hands usage records and uses of keys over, and forgets spent limiter cells and idle
    /// connections.
    pub fn tick(&self, sweep: bool) {
        self.journal.borrow_mut().flush();
        self.omitted.borrow_mut().hand_over(&mut self.journal.borrow_mut());
        let now = self.shared.clock.monotonic();
        let records = self.floods.borrow_mut().hand_over(&mut self.journal.borrow_mut(), now);
        self.counters.usage_records.add(records);
        let uses = &mut *self.key_uses.borrow_mut();
        if !uses.is_empty() {
            self.shared.key_uses.take_over(uses);
        }
        if sweep {
            self.cells.borrow_mut().sweep(now);
            self.purses.borrow_mut().sweep();
            self.quotas.borrow_mut().sweep();
            self.view().sweep(now);
            self.warnings.sweep(now);
            self.losses.sweep(now);
        }
    }
}

fn pool_bounds(bounds: &Bounds) -> PoolBounds {
    PoolBounds { idle: bounds.idle_per_endpoint, idle_time: bounds.upstream_idle, head_bytes: 64 * 1024 }
}
