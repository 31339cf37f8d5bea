//! Shares of sales under a balance: they are taken behind, and once nothing is left no call passes that may bring one.

use serde_json::json;

use super::balances::{METERED, Paid, text};
use crate::support::dev::{Dev, wait_for};

/// Orders that one client may place until its node hears that the balance is used up; more than there are.
const BEHIND: u64 = 1000;

/// Calls cost nothing by the plan `standard`, and a sale its share.
fn without_fees() -> Dev {
    Dev::with_policies(|policies| {
        let file = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, after) = ("per_unit: 0.01", "per_unit: 0");
        assert!(text.contains(before), "{text}");
        std::fs::write(file, text.replace(before, after)).unwrap();
    })
}

#[test]
fn once_shares_have_used_up_a_balance_no_sale_passes_until_money_comes_in() {
    let dev = without_fees();
    let bearer = dev.bearer(0);
    let paid = Paid::begin(&dev, json!({"kind": "credit", "limit": "0.01"}));
    let sums = paid.sums(&dev);
    assert_eq!((&sums["counts"], sums["may_go_below_zero"].is_string()), (&json!("fees_and_shares"), true));
    let mut passed = 0;
    let mut refused = None;
    let mut order = |dev: &Dev| {
        let answer = dev.order(&bearer, "p-1001").expect("an answer");
        match answer.status {
            201 => passed += 1,
            402 => refused = Some(answer),
            // The machine was too busy for the node to lease in time.
            503 => {}
            other => panic!("{other}: {}", answer.text()),
        }
        refused.is_some()
    };
    wait_for("a refusal", || order(&dev));
    assert!((1..BEHIND).contains(&passed), "{passed} orders passed");
    let refused = refused.unwrap();
    assert_eq!((refused.code().as_str(), &refused.json()["balance"]), ("credit_exhausted", &json!(paid.0)));
    wait_for("what costs nothing to pass", || {
        dev.get(METERED, &[("X-Api-Key", dev.told("/app/api_key"))]).status == 200
    });
    let spent = paid.spent(&dev);
    let left = text(&paid.sums(&dev), "left");
    assert!(left.starts_with('-') && spent != "0.00", "{spent} is spent, {left} left");
    assert_eq!(paid.deposit(&dev, "100000.00", "transfer 1").status, 200);
    wait_for("a sale", || dev.order(&bearer, "p-1001").is_some_and(|answer| answer.status == 201));
    assert_ne!(paid.spent(&dev), spent);
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
}

/// In which currency a sale is only its answer tells: what is used up in one keeps all from passing.
#[test]
fn a_balance_without_money_in_another_currency_keeps_sales_from_passing_and_says_so() {
    let dev = without_fees();
    let bearer = dev.bearer(0);
    let body = json!({"app": dev.told("/app/client_id"), "kind": "prepaid", "currency": "EUR"});
    let made = dev.admin("POST", "/admin/balances", &body.to_string()).json();
    assert!(text(&made, "warning").starts_with("until money is paid in, sales of this app"), "{made}");
    let paid = Paid(text(&made, "id"));
    wait_for("a refusal", || dev.order(&bearer, "p-1001").is_some_and(|answer| answer.status == 402));
    assert_eq!(dev.order(&bearer, "p-1001").expect("an answer").code(), "balance_exhausted");
    assert_eq!(paid.deposit(&dev, "0.01", "transfer 1").status, 200);
    wait_for("a sale", || dev.order(&bearer, "p-1001").is_some_and(|answer| answer.status == 201));
    assert_eq!(paid.spent(&dev), "0.00", "it bears what is in its currency");
}

#[test]
fn shares_are_owed_beside_a_balance_of_fees_alone() {
    let dev = without_fees();
    let bearer = dev.bearer(0);
    let paid = Paid::begin(&dev, json!({"kind": "prepaid", "counts": "fees"}));
    assert_eq!(paid.sums(&dev)["counts"], "fees");
    for _ in 0..3 {
        wait_for("a sale", || dev.order(&bearer, "p-1001").is_some_and(|answer| answer.status == 201));
    }
    assert_eq!(paid.spent(&dev), "0.00");
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
}
