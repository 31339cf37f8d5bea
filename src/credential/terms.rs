//! What many API keys have in common, kept once: what their apps may, and to what they are narrowed. A key that is narrowed as no
//! other is costs what it is narrowed to, and no copy of what its app may.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::HeaderValue;

use super::identity::field;
use super::keys::KnownKey;
use crate::domain::balance::PaidFrom;
use crate::domain::id::{PlanName, ProductName};
use crate::domain::identity::Environment;
use crate::domain::narrowing::Narrowing;
use crate::domain::scope::ScopeSet;

/// How many are kept until those that no key has any more are looked for.
const FEW: usize = 1024;

/// What many keys have in common.
pub(super) struct Terms {
    pub(super) of_app: Arc<OfApp>,
    pub(super) narrowing: Option<Arc<Narrowing>>,
}

/// What they have in common of their apps.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct OfApp {
    pub(super) environment: Environment,
    /// Those of the key.
    pub(super) scopes: ScopeSet,
    pub(super) scopes_field: HeaderValue,
    pub(super) app_scopes: ScopeSet,
    /// With the version of the plan at which each stands.
    pub(super) subscriptions: Vec<(ProductName, PlanName, Option<u32>)>,
    /// Of few apps, each with its own.
    pub(super) balances: Vec<PaidFrom>,
}

/// All terms that keys have.
#[derive(Default)]
pub(super) struct KnownTerms {
    terms: Kept<Terms>,
    of_apps: Kept<OfApp>,
    narrowings: Kept<Narrowing>,
}

impl KnownTerms {
    /// The terms of that key.
    pub(super) fn of(&mut self, key: &KnownKey) -> Arc<Terms> {
        self.make_room();
        let of_app = self.of_apps.one(OfApp {
            environment: key.app.environment,
            scopes: key.scopes.clone(),
            scopes_field: field(&key.scopes.to_string()),
            app_scopes: key.app.scopes.clone(),
            subscriptions: key
                .app
                .subscriptions
                .iter()
                .map(|subscribed| (subscribed.product.clone(), subscribed.plan.clone(), subscribed.version))
                .collect(),
            balances: key.app.balances.clone(),
        });
        let narrowing = key.narrowing.as_deref().map(|narrowing| self.narrowings.one(narrowing.clone()));
        self.terms.one(Terms { of_app, narrowing })
    }

    /// Forgets what no key has any more, if there is much of it.
    fn make_room(&mut self) {
        if self.terms.is_full() || self.of_apps.is_full() || self.narrowings.is_full() {
            // The first have the others.
            self.terms.sweep();
            self.of_apps.sweep();
            self.narrowings.sweep();
        }
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.terms.all.len(), self.of_apps.all.len(), self.narrowings.all.len()]
    }
}

/// What they are of is kept once each, so that its place tells it.
impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.places() == other.places()
    }
}

impl Eq for Terms {}

impl Hash for Terms {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.places().hash(state);
    }
}

impl Terms {
    fn places(&self) -> (*const OfApp, Option<*const Narrowing>) {
        (Arc::as_ptr(&self.of_app), self.narrowing.as_ref().map(Arc::as_ptr))
    }
}

/// Values of which each is kept once, while somebody has it.
struct Kept<T> {
    all: HashSet<Arc<T>>,
    /// How many there were when it was looked last who has them.
    swept: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { all: HashSet::new(), swept: 0 }
    }
}

impl<T: Eq + Hash> Kept<T> {
    /// The one that equals `value`.
    fn one(&mut self, value: T) -> Arc<T> {
        if let Some(same) = self.all.get(&value) {
            return same.clone();
        }
        let value = Arc::new(value);
        self.all.insert(value.clone());
        value
    }

    fn is_full(&self) -> bool {
        self.all.len() >= self.swept.saturating_mul(2).max(FEW)
    }

    fn sweep(&mut self) {
        self.all.retain(|kept| Arc::strong_count(kept) > 1);
        self.swept = self.all.len();
    }
}
