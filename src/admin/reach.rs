//! How far an app reaches by now, and what a credential of it permits.

use serde_json::{Value, json};

use super::problem::Problem;
use super::state::AdminState;
use crate::domain::app_credential::AppCredential;
use crate::domain::id::ProductName;
use crate::domain::identity::{App, Subscription};
use crate::domain::narrowing::Products;
use crate::domain::scope::{Scope, ScopeSet};
use crate::domain::time::Timestamp;
use crate::policy::mask::Mask;

/// How far an app reaches.
pub(super) struct Reach {
    /// The app, which has scopes.
    pub(super) app: App,
    /// The API products that it has subscribed to, in order.
    products: Vec<ProductName>,
}

impl Reach {
    /// How far an app reaches at `now`.
    pub(super) async fn of(state: &AdminState, app: App, now: Timestamp) -> Result<Self, Problem> {
        let lasts = |subscription: &Subscription| subscription.until.is_none_or(|end| now < end);
        let subscriptions = state.store.subscriptions_of(&app.id).await?.into_iter().filter(lasts);
        let mut products: Vec<ProductName> = subscriptions.map(|subscription| subscription.product).collect();
        products.sort_unstable();
        products.dedup();
        Ok(Self { app, products })
    }

    /// The API products that the app has subscribed to, in words.
    pub(super) fn products(&self) -> String {
        match self.products.as_slice() {
            [] => "none".to_owned(),
            products => products.iter().map(ProductName::as_str).collect::<Vec<_>>().join(", "),
        }
    }

    /// Those of some API products that the app has not subscribed to.
    pub(super) fn beyond<'p>(&self, products: &'p Products) -> Vec<&'p str> {
        products.iter().filter(|product| !self.products.contains(product)).map(ProductName::as_str).collect()
    }

    /// What a credential of the app permits: its scopes, its API products, and those of the scopes that let personal data through on
    /// some route.
    pub(super) fn permits<I, O>(&self, state: &AdminState, credential: &AppCredential<I, O>) -> Value {
        let policies = state.policies.load();
        let masks = policies.routes.iter().filter_map(|route| route.mask.as_ref());
        let lifting: ScopeSet = masks.flat_map(Mask::scopes).cloned().collect();
        let scopes = credential.scopes_of(&self.app.scopes);
        let products = self.products.iter().filter(|product| credential.narrowing.permits_product(product));
        let names = |scopes: &ScopeSet| scopes.iter().map(Scope::as_str).map(Value::from).collect::<Vec<_>>();
        json!({
            "scopes": names(&scopes),
            "products": products.map(ProductName::as_str).collect::<Vec<_>>(),
            "personal_data": names(&scopes.intersection(&lifting)),
        })
    }
}
