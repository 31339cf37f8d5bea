//! Running sandbox upstreams, and a client that speaks as the gateway does.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tollgate::domain::time::{ManualClock, Timestamp};
use tollgate::sandbox::{Sandbox, SandboxAddresses};

use crate::support::http::{self, Answer};

/// The sandbox, on a runtime of its own.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    addresses: SandboxAddresses,
    sandbox: Option<Sandbox>,
    runtime: Runtime,
}

impl World {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_790_000_000)));
        let sandbox = runtime.block_on(Sandbox::start(SandboxAddresses::free(), clock.clone())).unwrap();
        Self { clock, addresses: sandbox.addresses(), sandbox: Some(sandbox), runtime }
    }

    /// The address of an upstream, by its name.
    pub(crate) fn base(&self, upstream: &str) -> String {
        let address = match upstream {
            "catalog" => self.addresses.catalog,
            "order" => self.addresses.order,
            "logistics" => self.addresses.logistics,
            "payment" => self.addresses.payment,
            _ => panic!("no upstream {upstream}"),
        };
        format!("http://{address}")
    }

    /// A call on behalf of the merchant `m-1`.
    #[track_caller]
    pub(crate) fn call(&self, upstream: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.call_as("m-1", upstream, method, path, body)
    }

    /// A call on behalf of a merchant.
    #[track_caller]
    pub(crate) fn call_as(
        &self,
        merchant: &str,
        upstream: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("X-Tollgate-Merchant", merchant), ("Content-Type", "application/json")];
        http::request(&self.base(upstream), method, path, &headers, &body)
    }

    #[track_caller]
    pub(crate) fn get(&self, upstream: &str, path: &str) -> Value {
        let answer = self.call(upstream, "GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    #[track_caller]
    pub(crate) fn stock(&self, product: &str) -> i64 {
        self.get("catalog", &format!("/products/{product}"))["stock"].as_i64().unwrap()
    }

    /// A placed order.
    #[track_caller]
    pub(crate) fn place(&self, product: &str, quantity: i64) -> Value {
        let answer = self.call("order", "POST", "/orders", &order(&[(product, quantity)]));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// The payment of an order, begun and paid.
    #[track_caller]
    pub(crate) fn pay(&self, order: &str) -> Value {
        let begun =
            self.call("payment", "POST", "/payments", &json!({"order_id": order, "provider": "alipay"}));
        assert_eq!(begun.status, 201, "{}", begun.text());
        let page = begun.json()["pay_url"].as_str().unwrap().to_owned();
        let path = page.strip_prefix(&self.base("payment")).unwrap().to_owned();
        let paid = http::request(&self.base("payment"), "POST", &path, &[], "");
        assert_eq!(paid.status, 200, "{}", paid.text());
        begun.json()
    }

    /// Stops the sandbox and waits until it has stopped.
    pub(crate) fn stop(&mut self) {
        self.runtime.block_on(self.sandbox.take().unwrap().shutdown());
    }
}

/// The body of an order.
pub(crate) fn order(items: &[(&str, i64)]) -> Value {
    let items: Vec<Value> = items
        .iter()
        .map(|(product, quantity)| json!({"product_id": product, "quantity": quantity}))
        .collect();
    let receiver = json!({"name": "李雷", "phone": "13800000000", "address": "杭州市西湖区"});
    json!({"items": items, "currency": "CNY", "receiver": receiver})
}

/// The id of what was answered.
#[track_caller]
pub(crate) fn id(body: &Value) -> &str {
    body["id"].as_str().unwrap()
}
