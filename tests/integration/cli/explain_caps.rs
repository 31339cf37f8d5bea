//! `tollgate policy explain` tells of merchants' caps, and of balances that shares have used up, as a node decides.

use serde_json::{Value, json};

use super::explain::{check, explained, line, on_node};
use super::explain_on_node::{decision, recorded};
use super::explain_recorded::human;
use crate::support::dev::{Dev, wait_for};
use crate::support::http::Answer;

/// Makes a balance; gives its id.
fn make(dev: &Dev, settings: &Value) -> String {
    let made = dev.admin("POST", "/admin/balances", &settings.to_string());
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

/// Orders until one is refused for want of money.
fn until_refused(dev: &Dev, bearer: &str) -> Answer {
    let mut refused = None;
    wait_for("a refusal", || {
        refused = dev.order(bearer, "p-1001").filter(|answer| answer.status == 402);
        refused.is_some()
    });
    refused.unwrap()
}

#[test]
fn a_cap_decides_as_on_a_node() {
    let dev = Dev::start();
    let (app, merchant) = (dev.told("/app/client_id"), dev.told("/merchants/0/id"));
    let bearer = dev.bearer(0);
    let imagined = || explained(&on_node(&dev, &["POST /api/orders", "--app", app, "--merchant", merchant]));
    let uncapped = imagined();
    assert!(uncapped["allowed"] == true && !uncapped.to_string().contains("\"cap\""), "{uncapped}");
    let placed = dev.order(&bearer, "p-1001").unwrap();
    let cap = make(
        &dev,
        &json!({"app": app, "merchant": merchant, "kind": "budget", "currency": "CNY", "limit": "0.00"}),
    );
    let refused = until_refused(&dev, &bearer);
    let told = imagined();
    check(&refused, &told);
    assert_eq!(told["code"], "cap_exhausted", "{told}");
    let (outcome, asked) = decision(&told, "cap");
    let whose = format!("{cap}, a cap of merchant {merchant} on app {app}, counts fees in CNY since ");
    assert!(outcome == "refused" && asked.starts_with(&whose), "{asked}");
    assert!(asked.ends_with("which may come to 0.01: more than is left"), "{asked}");
    assert!(line(&dev.policies(), &told, "cap").contains("per_unit: 0.01"), "{told}");
    assert!(!told.to_string().contains("\"decision\":\"balance\""), "the first refusal ends it: {told}");

    let refused = recorded(&dev, &refused);
    let end = "POST /api/orders is on record as refused: cap_exhausted. By what is known of it now, it is not refused by what was asked; ";
    let shown = human(&dev, &refused);
    assert!(shown.contains(end), "{shown}");
    let told = explained(&on_node(&dev, &["--request-id", &refused]));
    let (outcome, asked) = decision(&told, "cap");
    assert!(outcome == "not known" && told["allowed"] == Value::Null, "{told}");
    assert!(asked.ends_with("but it is on record as refused: cap_exhausted"), "{asked}");
    // It came later than that one.
    let told = explained(&on_node(&dev, &["--request-id", &recorded(&dev, &placed)]));
    let (outcome, asked) = decision(&told, "cap");
    let none = format!("no cap of the merchant is on the app's fees in CNY; {cap} (budget, CNY) came later");
    assert!(outcome == "allowed" && asked.starts_with(&none), "{asked}");

    let limit = json!({"limit": "5.00", "cause": "asked for"}).to_string();
    assert_eq!(dev.admin("POST", &format!("/admin/balances/{cap}/limit"), &limit).status, 200);
    let told = imagined();
    assert_eq!((&told["allowed"], decision(&told, "cap").0.as_str()), (&json!(true), "allowed"), "{told}");
    // By its own credential, an app is under no merchant's cap.
    let own = explained(&on_node(&dev, &["GET /api/products", "--app", app]));
    assert!(!own.to_string().contains("\"cap\""), "{own}");
}

#[test]
fn a_balance_that_shares_have_used_up_decides_as_on_a_node() {
    let dev = Dev::with_policies(|policies| {
        let file = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text.replace("per_unit: 0.01", "per_unit: 0")).unwrap();
    });
    let (app, merchant) = (dev.told("/app/client_id"), dev.told("/merchants/0/id"));
    let bearer = dev.bearer(0);
    let balance = make(&dev, &json!({"app": app, "kind": "credit", "currency": "CNY", "limit": "0.01"}));
    let imagined = || explained(&on_node(&dev, &["POST /api/orders", "--app", app, "--merchant", merchant]));
    let counted =
        format!("a share of it that the partner owes is counted on {balance}, a credit balance of app {app}");
    let told = imagined();
    assert_eq!(
        (&told["allowed"], decision(&told, "sale")),
        (&json!(true), ("allowed".to_owned(), format!("{counted}: it is not used up")))
    );
    let refused = until_refused(&dev, &bearer);
    let told = imagined();
    check(&refused, &told);
    assert_eq!(told["code"], "credit_exhausted", "{told}");
    assert_eq!(decision(&told, "sale"), ("refused".to_owned(), format!("{counted}: it is used up")));
    assert!(line(&dev.policies(), &told, "sale").contains("percent: 2.5"), "{told}");
    let told = explained(&on_node(&dev, &["--request-id", &recorded(&dev, &refused)]));
    let (outcome, asked) = decision(&told, "sale");
    assert!(outcome == "not known" && told["allowed"] == Value::Null, "{told}");
    assert!(asked.ends_with("but it is on record as refused: credit_exhausted"), "{asked}");
    let paid = json!({"amount": "100000.00", "cause": "transfer 1"}).to_string();
    assert_eq!(dev.admin("POST", &format!("/admin/balances/{balance}/deposits"), &paid).status, 200);
    assert_eq!(decision(&imagined(), "sale").0, "allowed");
    let reads = explained(&on_node(&dev, &["GET /api/products", "--app", app]));
    assert!(!reads.to_string().contains("\"sale\""), "{reads}");
}
