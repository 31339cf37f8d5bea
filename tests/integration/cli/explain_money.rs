//! `tollgate policy explain` tells what a call costs, which balance pays for it, and how one on record was rated; what a store knows of
//! that, it tells of both stores.

use std::path::Path;

use serde_json::{Value, json};

use super::explain::{ORDER, check, explained, line, offline, on_node};
use super::explain_on_node::{decision, recorded};
use super::{finished, tollgate};
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::folder;
use crate::support::http::{self, Answer};
use crate::support::origin::{Origin, point};
use crate::support::stores::Place;

const PRODUCT: &str = "/api/products/p-1001";

/// `standard` with a price a month, a minimum, and a quota of so many a month.
pub(super) fn price(policies: &Path, quota: &str) {
    let plan = policies.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let month = format!(
        "    monthly_fee: 99.00\n    minimum: 500.00\n    quotas:\n      - {{name: monthly, {quota}, per: month}}\n    fee:\n"
    );
    let priced = text.replace("    fee:\n", &month);
    assert_ne!(text, priced);
    std::fs::write(&plan, priced).unwrap();
}

#[test]
fn what_a_call_costs_is_told_with_the_line_of_each_rule_and_what_was_not_looked_at() {
    let folder = folder::policies();
    price(folder.path(), "units: 100");
    let units = "    meter:\n      units: response.body.count\n      reserve: int(request.query.count)\n";
    folder::change(&folder, "routes/orders.yaml", "    meter:\n", units);
    let call = |target: &str| {
        let call = [&[target][..], &ORDER[1..], &["--merchant", "mer_1"]].concat();
        explained(&offline(folder.path(), &call))
    };
    let told = call("POST /api/orders?count=7");
    assert_eq!(told["allowed"], true, "{told}");
    for (name, rule, outcome, words) in [
        ("units", "reserve: ", "allowed", "it takes 7 before it is answered, by `reserve`, but at least 1: "),
        (
            "fee",
            "per_unit: 0.01",
            "allowed",
            "charged if it is billable by calls of standard@1, in CNY: 0.01 each",
        ),
        (
            "share",
            "percent: 2.5",
            "allowed",
            "taken of a sale by share of standard@1: 2.5% of its amount, owed by the ",
        ),
        ("monthly_fee", "monthly_fee: 99.00", "allowed", "costs 99.00 CNY a month under standard@1, by days"),
        (
            "minimum",
            "minimum: 500.00",
            "allowed",
            "come to at least 500.00 CNY a month under standard@1, by days",
        ),
        (
            "quota",
            "name: monthly",
            "not known",
            "monthly: 100 units of the app in each month; this call takes 7 of them before it is answered; what is left of them, a node knows",
        ),
        (
            "balance",
            "per_unit: 0.01",
            "not known",
            "which balance pays fees in CNY, and what is left of it, a node knows",
        ),
    ] {
        let (found, asked) = decision(&told, name);
        assert!(found == outcome && asked.contains(words), "{name}: {found}, {asked}");
        assert!(line(folder.path(), &told, name).contains(rule), "{name}: {told}");
    }
    let (_, limit) = decision(&told, "limit");
    assert!(limit.ends_with("; what it has counted by now is not looked at"), "{limit}");
    let too_large = call("POST /api/orders?count=101");
    assert_eq!(
        (too_large["code"].as_str(), decision(&too_large, "quota").0.as_str()),
        (Some("call_too_large"), "refused")
    );
    // Nothing is charged for a call of which no meter says what it is worth.
    let anonymous = explained(&offline(folder.path(), &["GET /api/products"]));
    for name in ["units", "fee", "share", "monthly_fee", "quota", "balance"] {
        assert!(!anonymous.to_string().contains(&format!("\"{name}\"")), "{name} in {anonymous}");
    }
    let refund = explained(&offline(
        folder.path(),
        &[
            "POST /api/payments/pay_1/refunds",
            "--app",
            "app_1",
            "--subscription",
            "storefront=standard",
            "--merchant",
            "mer_1",
        ],
    ));
    let (_, share) = decision(&refund, "share");
    assert!(share.starts_with("a refund changes the share of its sale, by the rule under which"), "{share}");
}

/// What is explained by a node.
fn explain(fleet: &Fleet, more: &[&str]) -> Value {
    let mut command = tollgate(&[&["policy", "explain", "--output", "json"], more].concat());
    fleet.point_at(0, &mut command);
    explained(&finished(command.output().unwrap()))
}

/// What a command shows to a person.
fn shown(fleet: &Fleet, arguments: &[&str]) -> String {
    let mut command = tollgate(arguments);
    fleet.point_at(0, &mut command);
    finished(command.output().unwrap()).out
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn a_balance_decides_as_it_does_on_a_node(place: &Place) {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let fleet = Fleet::start(place.address(), 1, |policies| {
        point(policies, "catalog", &origin.address);
        price(policies, "requests: 1000");
    });
    let made = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let until = |status: u16| -> Answer {
        let mut last = None;
        wait_for("a call to end so", || {
            let answer = http::request(fleet.base(0), "GET", PRODUCT, &[("X-Api-Key", &key)], "");
            let is_it = answer.status == status;
            last = Some(answer);
            is_it
        });
        last.unwrap()
    };
    let on_record = |answer: &Answer| {
        let call = answer.header("x-request-id").unwrap().to_owned();
        let path = format!("/admin/usage?app={}&limit=500", fleet.client_id);
        wait_for("the usage record", || {
            fleet.admin(0, "GET", &path, &Value::Null).to_string().contains(&call)
        });
        call
    };
    let imagined = || explain(&fleet, &[PRODUCT, "--key", &id]);
    let owed = imagined();
    assert_eq!(owed["allowed"], true, "{owed}");
    let owed = decision(&owed, "balance");
    assert_eq!(
        owed,
        ("allowed".to_owned(), "no balance pays the app's fees in CNY: they are owed".to_owned())
    );

    let prepaid = json!({"app": fleet.client_id, "kind": "prepaid", "currency": "CNY"});
    let balance = text(&fleet.admin(0, "POST", "/admin/balances", &prepaid), "id");
    let refused = until(402);
    let told = imagined();
    check(&refused, &told);
    let (outcome, asked) = decision(&told, "balance");
    let whose = format!("{balance}, a prepaid balance of app {}, pays fees in CNY since ", fleet.client_id);
    assert!(outcome == "refused" && asked.starts_with(&whose), "{asked}");
    assert!(
        asked.contains(" left; ") && asked.ends_with("which may come to 0.01: more than is left"),
        "{asked}"
    );

    let refused = on_record(&refused);
    let paid = json!({"amount": "3.00", "cause": "transfer 1"});
    fleet.admin(0, "POST", &format!("/admin/balances/{balance}/deposits"), &paid);
    let passed = until(200);
    let told = imagined();
    assert_eq!(told["allowed"], true, "{told}");
    let (outcome, asked) = decision(&told, "balance");
    assert!(
        outcome == "allowed" && asked.ends_with("before it is answered, which may come to 0.01"),
        "{asked}"
    );
    let all = told["decisions"].as_array().unwrap();
    let row = |name: &str| all.iter().find(|row| row["decision"] == name).unwrap();
    let details = &row("balance")["details"];
    assert_eq!(
        (&details["balance"]["id"], &details["code_when_exhausted"]),
        (&json!(balance), &json!("balance_exhausted"))
    );
    let quota = decision(&told, "quota");
    let words = "monthly: 1000 calls of the app in each month; this call takes 1 of them before it is answered; nodes have leased ";
    assert!(quota.0 == "allowed" && quota.1.starts_with(words), "{quota:?}");
    assert!(row("quota")["details"]["left"].as_u64().unwrap() < 1000, "{told}");

    // Of a call on record it is told how it was rated, and not what was left then.
    let call = on_record(&passed);
    let told = explain(&fleet, &["--request-id", &call]);
    assert_eq!(told["allowed"], true, "{told}");
    let rating = &told["on_record"]["rating"];
    let (charge, posting) = (&rating["charges"][0], &rating["postings"][0]);
    let found = ["kind", "item", "rounding", "plan", "amount"].map(|name| text(charge, name));
    assert_eq!(found, ["service_fee", "calls", "half-up", "standard@1", "0.01"], "{rating}");
    assert!(text(charge, "rule").starts_with("plans/standard.yaml:"), "{rating}");
    assert_eq!((&charge["ledger_cause"], rating["outcome"].as_str()), (&posting["cause"], Some("billable")));
    assert!(posting["accounts"].to_string().contains(":receivable"), "{rating}");
    for name in ["balance", "quota"] {
        let (outcome, asked) = decision(&told, name);
        assert!(
            outcome == "not known" && asked.ends_with(" at the time of the call is not known"),
            "{asked}"
        );
    }
    let told = explain(&fleet, &["--request-id", &refused]);
    assert_eq!(
        (&told["allowed"], &told["on_record"]["refusal"]),
        (&Value::Null, &json!("balance_exhausted"))
    );
    let (_, asked) = decision(&told, "balance");
    assert!(asked.ends_with("but it is on record as refused: balance_exhausted"), "{asked}");
    for arguments in [&["usage", "show", &*call][..], &["policy", "explain", "--request-id", &*call][..]] {
        let shown = shown(&fleet, arguments);
        for part in ["1 unit, 0.01 each", "half-up", "plans/standard.yaml:", "ledger cause", ":receivable"] {
            assert!(shown.contains(part), "no {part:?} of {arguments:?} in {shown}");
        }
    }
    assert!(
        shown(&fleet, &["policy", "explain", "--request-id", &call])
            .contains("It was billable, 1 unit under standard@1.")
    );

    // What has ended pays no more.
    let end = json!({"cause": "postpaid from now on"});
    fleet.admin(0, "POST", &format!("/admin/balances/{balance}/end"), &end);
    let (_, asked) = decision(&imagined(), "balance");
    let ended = format!("they are owed; {balance} (prepaid, CNY) ended at ");
    assert!(asked.contains(&ended), "{asked}");
    drop(fleet);
}

#[test]
fn a_balance_decides_as_on_a_node_whose_store_is_a_file() {
    a_balance_decides_as_it_does_on_a_node(&Place::sqlite());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_decides_as_on_a_node_whose_store_is_a_server() {
    let place = Place::postgres().await;
    let deciding = tokio::task::spawn_blocking(move || {
        a_balance_decides_as_it_does_on_a_node(&place);
        place
    });
    drop(deciding.await.unwrap());
}

#[test]
fn the_parts_of_a_share_are_told_of_the_call_that_made_the_sale() {
    let dev = Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let split = "percent: 2.5\n      split: {platform: 70, partner: 30}";
        std::fs::write(&plan, text.replace("percent: 2.5", split)).unwrap();
    });
    let placed = dev.order(&dev.bearer(0), "p-1001").unwrap();
    let order = text(&placed.json(), "id");
    let told = explained(&on_node(&dev, &["--request-id", &recorded(&dev, &placed)]));
    let (_, share) = decision(&told, "share");
    assert!(share.ends_with(", split partner 30, platform 70"), "{share}");
    let rating = &told["on_record"]["rating"];
    assert_eq!(rating["transaction"]["id"], order.as_str(), "{rating}");
    let charges = rating["charges"].as_array().unwrap();
    let kinds: Vec<String> = charges.iter().map(|charge| text(charge, "kind")).collect();
    assert_eq!(kinds, ["service_fee", "revenue_share"]);
    let postings = rating["postings"].as_array().unwrap();
    let of_share = postings.iter().find(|posting| posting["cause"] == charges[1]["ledger_cause"]).unwrap();
    let amounts = of_share["accounts"].as_array().unwrap().iter().map(|account| text(account, "amount"));
    let mut amounts: Vec<String> = amounts.collect();
    amounts.sort_unstable();
    assert_eq!(amounts, ["-0.75", "-1.75", "2.50"], "{of_share}");
}
