//! Sales of which the answer tells no tax: what becomes of one hangs on whether its share needs it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};

const SHARES: &str = "    shares:
      - {item: digital, categories: [tea], percent: 1}
      - {item: goods, percent: 2.5, base: {tax: out}, earned: on-settlement}
";

/// The orders of the sandbox tell no tax.
const METER: &str = "        kind: sale
        tax: 'has(response.body.tax) ? response.body.tax : null'
        category: \"request.body.items[0].product_id == 'p-1001' ? 'tea' : null\"
";

fn with_tax_left_out(policies: &Path) {
    let put = |file: &str, (before, after): (&str, &str)| {
        let path = policies.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replacen(before, after, 1);
        assert_ne!(text, changed, "{file}");
        std::fs::write(&path, changed).unwrap();
    };
    put("plans/standard.yaml", ("    share:\n      percent: 2.5\n", SHARES));
    put("routes/orders.yaml", ("        kind: sale\n", METER));
}

/// The id of an order that is placed.
#[track_caller]
fn placed(dev: &Dev) -> String {
    let placed = dev.order(&dev.bearer(0), "p-1001").unwrap();
    assert_eq!(placed.status, 201, "{}", placed.text());
    placed.json()["id"].as_str().unwrap().to_owned()
}

/// The usage record of an order, with its charges.
fn record_of(dev: &Dev, order: &str) -> Value {
    let mut found = Value::Null;
    wait_for("the order in the books", || {
        let usage = dev.admin("GET", "/admin/usage", "").json();
        let records = usage["items"].as_array().unwrap();
        let is_of_order = |record: &&Value| record["transaction"]["id"] == order;
        found = records.iter().find(is_of_order).cloned().unwrap_or_default();
        !found.is_null()
    });
    dev.admin("GET", &format!("/admin/usage/{}", found["id"].as_str().unwrap()), "").json()
}

/// Which charges a record has, by rising name, with what each comes to.
fn charges(record: &Value) -> Vec<String> {
    let told = |charge: &Value| format!("{} {}", charge["kind"], charge["posted"]).replace('"', "");
    let mut charges: Vec<_> = record["charges"].as_array().unwrap().iter().map(told).collect();
    charges.sort_unstable();
    charges
}

#[test]
fn a_sale_without_its_tax_is_billed_unless_its_share_needs_that() {
    let dev = Dev::with_policies(with_tax_left_out);
    let digital = record_of(&dev, &placed(&dev));
    assert_eq!(charges(&digital), ["revenue_share 1.00", "service_fee 0.01"], "{digital}");
    assert_eq!(dev.admin("GET", "/admin/exceptions", "").json()["items"], json!([]));
}

#[test]
fn a_sale_whose_share_needs_the_tax_waits_for_someone_who_knows_it() {
    let only_goods = |policies: &Path| {
        with_tax_left_out(policies);
        let path = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let goods = text.replace("      - {item: digital, categories: [tea], percent: 1}\n", "");
        std::fs::write(&path, goods).unwrap();
    };
    let dev = Dev::with_policies(only_goods);
    let order = placed(&dev);
    let goods = record_of(&dev, &order);
    assert_eq!(charges(&goods), ["service_fee 0.01"], "{goods}");
    let open = dev.admin("GET", "/admin/exceptions", "").json()["items"].take();
    let [one] = open.as_array().unwrap().as_slice() else { panic!("{open}") };
    assert_eq!(one["reason"], "its share hangs on its tax, and its evidence has none");
    assert_eq!((&one["kind"], &one["route"]), (&json!("transaction"), &json!("place-order")));
    let sale = &one["transaction"];
    assert_eq!((&sale["id"], &sale["amount"], &sale["tax"]), (&json!(order), &json!("100.00"), &Value::Null));

    let known = json!({"id": order, "kind": "sale", "amount": "100.00", "currency": "CNY", "tax": "20.00"});
    let decision = json!({"decision": "rate_by", "who": "li", "why": "the invoice", "transaction": known});
    let path = format!("/admin/exceptions/{}/resolve", one["id"].as_str().unwrap());
    for again in [false, true] {
        let resolved = dev.admin("POST", &path, &decision.to_string()).json();
        assert_eq!(resolved["was_resolved"], again, "{resolved}");
        let pending = &resolved["pending_share"];
        assert_eq!(
            (&pending["sale"], &pending["amount"], &pending["currency"]),
            (&json!(order), &json!("2.00"), &json!("CNY")),
            "{resolved}"
        );
    }
    assert_eq!(dev.admin("GET", "/admin/ledger/check", "").json()["findings"], json!([]));
}
