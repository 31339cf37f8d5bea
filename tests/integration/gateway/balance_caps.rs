//! Merchants' caps on what an app may cost in their names: kept to however many calls come at once, on whichever node, whoever pays.

use serde_json::{Value, json};

use super::balances::{METERED, Paid, all_at_once, call, drain, text, until_passed};
use super::quotas::set_meter;
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::origin::{Origin, point};
use crate::support::stores::Place;

/// The cap of a merchant on the first app of `tollgate dev`, and a token of that merchant, as an Authorization value.
struct Capped {
    cap: Paid,
    merchant: String,
    bearer: String,
}

impl Capped {
    fn begin(dev: &Dev, merchant: usize, limit: &str) -> Self {
        let bearer = dev.bearer(merchant);
        let merchant = dev.told(&format!("/merchants/{merchant}/id")).to_owned();
        let cap = Paid::begin(dev, json!({"merchant": merchant, "kind": "budget", "limit": limit}));
        Self { cap, merchant, bearer }
    }

    fn call(&self, dev: &Dev) -> Answer {
        dev.get(METERED, &[("Authorization", &self.bearer)])
    }

    fn until_passed(&self, dev: &Dev, calls: u64) {
        let mut passed = 0;
        wait_for("calls to pass", || {
            passed += u64::from(self.call(dev).status == 200);
            passed == calls
        });
    }

    /// Calls until one is refused; gives how many calls passed, and the refusal.
    fn drain(&self, dev: &Dev) -> (u64, Answer) {
        let mut passed = 0;
        let mut refused = None;
        wait_for("a refusal", || {
            let answer = self.call(dev);
            match answer.status {
                200 => passed += 1,
                402 => refused = Some(answer),
                // The machine was too busy for the node to lease in time.
                503 => {}
                other => panic!("{other}: {}", answer.text()),
            }
            refused.is_some()
        });
        (passed, refused.unwrap())
    }
}

#[test]
fn many_calls_at_once_cost_a_merchant_its_cap_and_no_more() {
    let dev = Dev::start();
    let capped = Capped::begin(&dev, 0, "0.30");
    let other = dev.bearer(1);
    capped.until_passed(&dev, 1);
    let passed = all_at_once(|_| capped.call(&dev));
    let (rest, refusal) = capped.drain(&dev);
    assert_eq!((1 + passed + rest, refusal.code().as_str()), (30, "cap_exhausted"));
    let problem = refusal.json();
    let told = (&problem["balance"], &problem["merchant"], &problem["fault"]);
    assert_eq!(told, (&json!(capped.cap.0), &json!(capped.merchant), &json!("caller")));
    assert!(problem["detail"].as_str().unwrap().contains(&capped.merchant), "{problem}");
    assert_eq!(dev.get(METERED, &[("Authorization", &other)]).status, 200, "another merchant's");
    assert_eq!(call(&dev).status, 200, "the app's own");
    assert_eq!(capped.cap.spent(&dev), "0.30");
    let sums = capped.cap.sums(&dev);
    assert_eq!((&sums["left"], &sums["reserved"]), (&json!("0.00"), &json!("0.00")), "{sums}");
    let owner = json!({"kind": "merchant", "id": capped.merchant, "app": dev.told("/app/client_id")});
    assert_eq!(sums["owner"], owner, "{sums}");

    let limits = |authorization: &str| dev.get("/me/limits", &[("Authorization", authorization)]).json();
    let told = limits(&capped.bearer);
    let told = &told["balances"][0];
    assert_eq!((&told["left"], &told["cap_of"]), (&json!("0.00"), &json!(capped.merchant)), "{told}");
    assert!(limits(&other).get("balances").is_none(), "another merchant is not told");

    let change = |what: &str, body: Value| {
        let path = format!("/admin/balances/{}/{what}", capped.cap.0);
        assert_eq!(dev.admin("POST", &path, &body.to_string()).status, 200);
    };
    change("limit", json!({"limit": "0.35", "cause": "asked for"}));
    capped.until_passed(&dev, 5);
    assert_eq!(capped.drain(&dev).0, 0);
    change("end", json!({"cause": "trusted from now on"}));
    capped.until_passed(&dev, 10);
    assert_eq!(capped.cap.spent(&dev), "0.35");
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
}

#[test]
fn a_call_of_many_units_at_a_fine_price_needs_what_they_cost_together_rounded_up_once() {
    let dev = Dev::with_policies(|policies| {
        set_meter(policies, "meter: {units: int(request.query.count)}");
        let file = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("per_unit: 0.01"), "{text}");
        std::fs::write(&file, text.replace("per_unit: 0.01", "per_unit: 0.0001")).unwrap();
    });
    let capped = Capped::begin(&dev, 0, "0.70");
    let answers = |count: u64, wanted: u16| {
        let path = format!("{METERED}?count={count}");
        wait_for("an answer", || {
            let answer = dev.get(&path, &[("Authorization", &capped.bearer)]);
            // What is leased ahead comes back within seconds, and the machine may be too busy to lease in time.
            assert!(matches!(answer.status, 200 | 402 | 503), "{count}: {}", answer.text());
            answer.status == wanted
        });
    };
    answers(7_000, 402);
    answers(6_000, 200);
    assert_eq!(dev.figure("tollgate_purses_refused_total{of=\"balances\"}"), 0);
    assert!(dev.figure("tollgate_purses{of=\"balances\"}") > 0);
    assert_eq!(capped.cap.spent(&dev), "0.60");
    answers(1_000, 402);
    answers(900, 200);
    answers(100, 402);
    assert_eq!(capped.cap.spent(&dev), "0.69");
}

#[test]
fn a_call_that_a_balance_pays_takes_units_of_it_and_of_the_cap_or_of_none() {
    let dev = Dev::start();
    let capped = Capped::begin(&dev, 0, "0.03");
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    assert_eq!(paid.deposit(&dev, "0.05", "transfer 1").status, 200);
    capped.until_passed(&dev, 3);
    let (passed, refusal) = capped.drain(&dev);
    assert_eq!((passed, refusal.code().as_str()), (0, "cap_exhausted"));
    until_passed(&dev, 2);
    assert_eq!(drain(&dev).1.code(), "balance_exhausted");
    let path = format!("/admin/balances/{}/limit", capped.cap.0);
    let raised = dev.admin("POST", &path, &json!({"limit": "1.00", "cause": "asked for"}).to_string());
    assert_eq!(raised.status, 200, "{}", raised.text());
    wait_for("a refusal for another reason", || capped.call(&dev).code() == "balance_exhausted");
    assert_eq!(paid.deposit(&dev, "0.02", "transfer 2").status, 200);
    capped.until_passed(&dev, 2);
    assert_eq!(capped.drain(&dev).1.code(), "balance_exhausted");
    assert_eq!((paid.spent(&dev), capped.cap.spent(&dev)), ("0.07".to_owned(), "0.05".to_owned()));
    wait_for("what is not used to be given back", || capped.cap.sums(&dev)["reserved"] == "0.00");
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
}

#[test]
fn what_a_killed_node_had_leased_of_a_cap_is_there_after_its_restart() {
    let dev = Dev::start();
    let capped = Capped::begin(&dev, 0, "1.00");
    capped.until_passed(&dev, 20);
    assert_eq!(capped.cap.spent(&dev), "0.20");
    let dev = dev.kill_and_restart();
    // It listens elsewhere now, so its tokens are another issuer's.
    let capped = Capped { bearer: dev.bearer(0), ..capped };
    let (passed, refusal) = capped.drain(&dev);
    assert_eq!((passed, refusal.code().as_str()), (80, "cap_exhausted"));
    assert_eq!(capped.cap.spent(&dev), "1.00");
}

#[test]
fn a_cap_that_cannot_be_is_told_why() {
    let dev = Dev::start();
    let (app, merchant) = (dev.told("/app/client_id"), dev.told("/merchants/0/id"));
    let cap = |more: Value| {
        let mut body =
            json!({"app": app, "merchant": merchant, "kind": "budget", "currency": "CNY", "limit": "1.00"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let check = |body: Value, status: u16, part: &str| {
        let answer = dev.admin("POST", "/admin/balances", &body.to_string());
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(part), "{body}: {}", answer.text());
    };
    check(cap(json!({"app": null, "partner": "partner_1"})), 422, "/app");
    check(cap(json!({"kind": "credit"})), 422, "/kind");
    check(cap(json!({"limit": null})), 422, "/limit");
    check(cap(json!({"merchant": "merchant_none"})), 422, "/merchant");
    check(cap(json!({"app": "app_none"})), 422, "/app");
    check(cap(json!({})), 201, "bal_");
    check(cap(json!({})), 409, "has a cap in CNY");
    check(cap(json!({"currency": "USD"})), 201, "has fees in USD");
    check(cap(json!({"merchant": dev.told("/merchants/1/id")})), 201, "bal_");
    let listed = dev.admin("GET", "/admin/balances", "").json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3, "{listed}");
    let deposit = json!({"amount": "1.00", "cause": "transfer 1"}).to_string();
    let path = format!("/admin/balances/{}/deposits", text(&listed["items"][0], "id"));
    assert_eq!(dev.admin("POST", &path, &deposit).status, 409, "a cap takes no money");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_spend_one_cap_and_no_more() {
    let place = Place::postgres().await;
    let spending = tokio::task::spawn_blocking(move || {
        spend_on_two_nodes(&place);
        place
    });
    drop(spending.await.unwrap());
}

fn spend_on_two_nodes(place: &Place) {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let fleet = Fleet::start(place.address(), 2, |policies| point(policies, "catalog", &origin.address));
    let answer = fleet.exchange(0, &fleet.code(0));
    let bearer = format!("Bearer {}", text(&answer.json(), "access_token"));
    let call =
        |node: usize| http::request(fleet.base(node), "GET", METERED, &[("Authorization", &bearer)], "");
    let cap = json!({
        "app": fleet.client_id, "merchant": fleet.merchant, "kind": "budget", "currency": "CNY", "limit": "3.00",
    });
    let cap = text(&fleet.admin(1, "POST", "/admin/balances", &cap), "id");
    let sums = || fleet.admin(0, "GET", &format!("/admin/balances/{cap}"), &Value::Null);
    // Of calls before every node has heard of it none is asked anything.
    wait_for("both nodes to lease", || {
        let answers = [call(0), call(1)];
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 503)));
        sums()["leases"].as_array().unwrap().len() == 2
    });
    all_at_once(|client| call(client % 2));
    // What one node has leased and does not use, the other gets.
    wait_for("all of it to be spent", || {
        let answers = [call(0), call(1)];
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 402 | 503)));
        !text(&sums(), "left").starts_with('-') && sums()["spent"] == "3.00"
    });
    let refused = call(1);
    assert_eq!((refused.status, refused.code().as_str()), (402, "cap_exhausted"));
    assert_eq!(sums()["left"], "0.00");
    drop(fleet);
}
