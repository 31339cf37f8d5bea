//! A snapshot as one core sees it: with that core's connection pools and counters, and what it learned of answers. Made when a core first
//! meets a snapshot; pools and counters of what stays the same are carried over.

use std::cell::{OnceCell, RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::destination::Destination;
use super::upstream_token::CoreToken;
use crate::domain::kill_switch::KillSwitch;
use crate::masking::learned::Learned;
use crate::outbound::upstream_tokens::UpstreamTokens;
use crate::policy::kill_switches::KillSwitches;
use crate::policy::snapshot::{Endpoint, Route, Snapshot, Upstream};
use crate::telemetry::counters::{CoreCounters, RouteCounters};
use crate::upstream::pool::{Pool, PoolBounds};

/// A snapshot as one core sees it.
pub struct View {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    version: u64,
    pools: Vec<Vec<Rc<Pool>>>,
    tokens: Vec<Option<CoreToken>>,
    counters: Vec<OnceCell<Arc<RouteCounters>>>,
    learned: Vec<RefCell<Learned>>,
    off: RefCell<Off>,
}

/// What is switched off, by route.
#[derive(Default)]
struct Off {
    version: u64,
    /// Empty if nothing is.
    by_route: Vec<Option<Arc<KillSwitch>>>,
}

impl View {
    /// The view of `snapshot`, with the pools of `before` where the endpoints are the same.
    #[must_use]
    pub fn new(
        (snapshot, version): (Arc<Snapshot>, u64),
        before: Option<&Self>,
        bounds: PoolBounds,
        tokens: &UpstreamTokens,
    ) -> Self {
        let known: HashMap<&Endpoint, &Rc<Pool>> = before
            .into_iter()
            .flat_map(|before| before.pools.iter().flatten())
            .map(|pool| (pool.endpoint(), pool))
            .collect();
        let pool = |endpoint: &Endpoint| match known.get(endpoint) {
            Some(pool) => Rc::clone(pool),
            None => Rc::new(Pool::new(endpoint.clone(), bounds)),
        };
        let pools =
            snapshot.upstreams.iter().map(|upstream| upstream.endpoints.iter().map(pool).collect()).collect();
        let token = |upstream: &Arc<Upstream>| tokens.cell(upstream).map(CoreToken::new);
        let tokens = snapshot.upstreams.iter().map(token).collect();
        let counters = snapshot.routes.iter().map(|_| OnceCell::new()).collect();
        let learned = snapshot.routes.iter().map(|_| RefCell::default()).collect();
        Self { snapshot, version, pools, tokens, counters, learned, off: RefCell::default() }
    }

    /// The version of the live policies that this is the view of.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The pools of the upstream that a call of this snapshot may reach.
    #[must_use]
    pub fn pools(&self, to: &Destination) -> &[Rc<Pool>] {
        &self.pools[to.upstream()]
    }

    /// The gateway's own access token for a route's upstream, if that asks for one.
    #[must_use]
    pub fn token(&self, route: &Route) -> Option<&CoreToken> {
        self.tokens[route.upstream].as_ref()
    }

    /// What keeps a route from being served, if it or its upstream is switched off.
    #[must_use]
    pub fn switched_off(&self, route: usize, switches: &KillSwitches) -> Option<Arc<KillSwitch>> {
        let version = switches.version();
        if self.off.borrow().version != version {
            *self.off.borrow_mut() = Off { version, by_route: switches.by_route(&self.snapshot) };
        }
        self.off.borrow().by_route.get(route)?.clone()
    }

    /// What was learned of the answers of the route at that place, to mask more of them: it is of this snapshot's mask alone.
    #[must_use]
    pub fn learned(&self, route: usize) -> RefMut<'_, Learned> {
        self.learned[route].borrow_mut()
    }

    /// Closes upstream connections that are of no use any more.
    pub fn sweep(&self, now: Duration) {
        self.pools.iter().flatten().for_each(|pool| pool.sweep(now));
    }

    /// The counters of a route.
    #[must_use]
    pub fn counters(&self, route: &Route, core: &CoreCounters) -> &RouteCounters {
        self.counters[route.index].get_or_init(|| core.route(&route.name))
    }
}
