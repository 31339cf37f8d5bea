//! The access tokens of all upstreams that ask for one. They outlive policy sets: an upstream whose section is the same keeps
//! its token; one whose section has changed, such as by another secret, begins with a new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::client::Client;
use super::token_cell::{Published, TokenCell};
use crate::domain::id::UpstreamName;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::snapshot::{Snapshot, Upstream};

/// The access tokens of all upstreams.
pub struct UpstreamTokens {
    cells: Mutex<HashMap<UpstreamName, Arc<TokenCell>>>,
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    control: tokio::runtime::Handle,
}

/// How an upstream's token stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose it is.
    pub upstream: UpstreamName,
    /// How long ago it was asked for; `None` while there is none that is good.
    pub age: Option<Duration>,
    /// Requests for a token that are over.
    pub requests: u64,
    /// Of those, the ones that brought none.
    pub failures: u64,
}

impl UpstreamTokens {
    /// No tokens yet; they will be asked for on `control`.
    #[must_use]
    pub fn new(
        client: Client,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        control: tokio::runtime::Handle,
    ) -> Self {
        Self { cells: Mutex::default(), client, clock, random, control }
    }

    /// The token of an upstream that asks for one. The first time, and whenever its section is another, it begins to be
    /// asked for. Takes a lock: for the making of a core's view, not for calls.
    #[must_use]
    pub fn cell(&self, upstream: &Upstream) -> Option<Arc<TokenCell>> {
        let source = upstream.token.as_ref()?;
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(&upstream.name).filter(|cell| cell.source() == &**source) {
            return Some(cell.clone());
        }
        let means = (self.client.clone(), self.clock.clone(), self.random.clone());
        let cell = Arc::new(TokenCell::start(upstream.name.clone(), source.clone(), means, &self.control));
        cells.insert(upstream.name.clone(), cell.clone());
        Some(cell)
    }

    /// Begins to ask for what the upstreams of a snapshot want, and forgets what none of them wants.
    pub fn follow(&self, snapshot: &Snapshot) {
        for upstream in &snapshot.upstreams {
            let _ = self.cell(upstream);
        }
        let is_wanted = |name: &UpstreamName| {
            snapshot.upstreams.iter().any(|upstream| upstream.name == *name && upstream.token.is_some())
        };
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_wanted(name));
    }

    /// How all tokens stand, by upstream.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let now = self.clock.monotonic();
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let mut standings: Vec<Standing> = cells
            .values()
            .map(|cell| {
                let published: Published = cell.subscribe().borrow().clone();
                let age = published.good(now).map(|token| now.saturating_sub(token.since));
                let Published { requests, failures, .. } = published;
                Standing { upstream: cell.upstream().clone(), age, requests, failures }
            })
            .collect();
        standings.sort_by(|one, other| one.upstream.cmp(&other.upstream));
        standings
    }
}
