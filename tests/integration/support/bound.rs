//! Policies whose routes ask for more than a scope, over an upstream that keeps what it was sent.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::dev::Dev;
use super::http::{self, Answer};
use super::origin::point;
use super::server::{Asked, Server, answer};

/// Routes to the upstream `order`, each to be added to the API product of the first app.
pub(crate) const ROUTES: &str = r#"
routes:
  - name: bound-by-path
    methods: [GET]
    path: /api/merchants/{merchant}/orders
    upstream: order
    access: {scopes: [order:read], merchant: {path: merchant}}
    meter: {}
  - name: bound-by-query
    methods: [GET]
    path: /api/reports
    upstream: order
    access: {scopes: [order:read], merchant: {query: merchant_id}}
    meter: {}
  - name: bound-by-body
    methods: [POST]
    path: /api/listings
    upstream: order
    access: {scopes: [order:write], merchant: {body: seller.id}}
    durable: true
    meter: {units: request.body.count}
  - name: on-condition
    methods: [GET]
    path: /api/beta
    upstream: order
    access:
      condition:
        if: request.headers['x-channel'] == 'beta' && principal.environment == 'sandbox'
        headers: [X-Channel]
        message: This is open to the beta channel alone.
    meter: {}
  - name: on-query
    methods: [GET]
    path: /api/summaries
    upstream: order
    access: {condition: request.query.kind == 'summary'}
    meter: {}
  - name: for-networks
    methods: [POST]
    path: /api/private
    upstream: order
    access: {addresses: [127.0.0.0/30, 2001:db8::/32], scopes: [order:read]}
    meter: {}
  - name: open-for-networks
    methods: [GET]
    path: /api/private
    upstream: order
    access: {addresses: [127.0.0.2], anonymous: true, address_limit: {requests: 100, window: 1m}}
    meter: {}
  - name: on-network
    methods: [GET]
    path: /api/inside
    upstream: order
    access: {condition: "source.address.in_network(['127.0.0.0/30', '2001:db8::/32'])"}
    meter: {}
"#;

/// A gateway with those routes.
pub(crate) struct Bound {
    pub(crate) dev: Dev,
    /// An access token of the first app for each of the two merchants, as Authorization.
    pub(crate) bearers: [String; 2],
    /// The merchants' ids.
    pub(crate) ids: [String; 2],
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Bound {
    pub(crate) fn start() -> Self {
        Self::with_policies(|_| {})
    }

    /// With more changed in the policies.
    pub(crate) fn with_policies(change: impl FnOnce(&Path)) -> Self {
        let seen = Arc::<Mutex<Vec<Asked>>>::default();
        let keeping = seen.clone();
        let upstream = Server::start(move |asked, to| {
            keeping.lock().unwrap().push(asked.clone());
            answer(to, 200, "[]");
        });
        let dev = Dev::with_policies(|policies| {
            point(policies, "order", &upstream.address);
            add(policies, ROUTES);
            change(policies);
        });
        let ids = [0, 1].map(|merchant| dev.told(&format!("/merchants/{merchant}/id")).to_owned());
        let bearers = [0, 1].map(|merchant| dev.bearer(merchant));
        Self { dev, bearers, ids, seen }
    }

    /// A call by the first merchant's token.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("Authorization", self.bearers[0].as_str())], more].concat();
        http::request(self.dev.base(), method, path, &headers, body)
    }

    /// What the upstream was sent since it was asked last.
    pub(crate) fn seen(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Adds a file of routes, and all of them to the API product of the first app.
pub(crate) fn add(policies: &Path, routes: &str) {
    std::fs::write(policies.join("routes/bound.yaml"), routes).unwrap();
    let names = routes.lines().filter_map(|line| line.strip_prefix("  - name: "));
    let names: String = names.map(|name| format!("      - {name}\n")).collect();
    let file = policies.join("products.yaml");
    let products = std::fs::read_to_string(&file).unwrap();
    let first = "      - list-products\n";
    assert!(products.contains(first));
    std::fs::write(&file, products.replacen(first, &format!("{names}{first}"), 1)).unwrap();
}
