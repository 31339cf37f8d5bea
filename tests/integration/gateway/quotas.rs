//! Quotas of plans: so many calls or units in a calendar window, over restarts and kills and on however many nodes.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use super::balances::Paid;
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::origin::{Origin, point};
use crate::support::stores::Place;

const PRODUCT: &str = "/api/products/p-1001";
const CLIENTS: usize = 32;

/// `standard` with these quotas, and [`set_meter`].
fn set(policies: &Path, quotas: &str, meter: &str) {
    let plan = policies.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let with = text.replace("    fee:\n", &format!("    quotas:\n      - {quotas}\n    fee:\n"));
    assert_ne!(text, with);
    std::fs::write(&plan, with).unwrap();
    set_meter(policies, meter);
}

/// The route for one product with this meter.
pub(super) fn set_meter(policies: &Path, meter: &str) {
    let file = policies.join("routes/catalog.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, route) = text.split_once("  - name: get-product\n").unwrap();
    let route = route.replacen("meter: {}", meter, 1);
    std::fs::write(&file, format!("{head}  - name: get-product\n{route}")).unwrap();
}

fn call(dev: &Dev, query: &str) -> Answer {
    dev.get(&format!("{PRODUCT}?{query}"), &[("X-Api-Key", dev.told("/app/api_key"))])
}

/// Calls until the quota is used up; gives how many calls passed, and the refusal.
fn drain(dev: &Dev, query: &str) -> (u64, Answer) {
    let (mut passed, mut unanswered) = (0, 0);
    loop {
        let answer = call(dev, query);
        match answer.status {
            200 => passed += 1,
            429 => return (passed, answer),
            // The machine was too busy for the node to lease in time, or the node has just begun.
            503 if unanswered < 200 => unanswered += 1,
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

fn quota(dev: &Dev) -> Value {
    let limits = dev.get("/me/limits", &[("X-Api-Key", dev.told("/app/api_key"))]).json();
    limits["quotas"][0].clone()
}

#[test]
fn a_quota_of_calls_is_used_up_by_billable_ones_alone_and_stays_so_over_a_kill() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = fails.clone();
    let origin = Origin::start(move |stream, _| {
        let answer = match failing.load(Ordering::Relaxed) {
            true => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}",
            false => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        set(policies, "{name: monthly, requests: 20, per: month}", "meter: {}");
    });
    let mut failed = 0;
    wait_for("calls to fail", || {
        let status = call(&dev, "").status;
        assert!(matches!(status, 500 | 503), "{status}");
        failed += u64::from(status == 500);
        failed == 30
    });
    wait_for("what failed to be given back", || quota(&dev)["remaining"] == 20);
    fails.store(false, Ordering::Relaxed);
    let mut passed = 0;
    wait_for("calls to pass", || {
        passed += u64::from(call(&dev, "").status == 200);
        passed == 8
    });
    wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);

    let dev = dev.kill_and_restart();
    let (rest, refused) = drain(&dev, "");
    assert_eq!((rest, refused.code().as_str()), (12, "quota_used_up"), "{}", refused.text());
    assert_eq!(refused.json()["violated-policies"], json!(["monthly"]));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31 * 86_400).contains(&wait), "{wait} s");
    let field = |name: &str| refused.header(name).unwrap().to_owned();
    assert!(field("ratelimit-policy").starts_with("\"monthly\";q=20;w="), "{}", field("ratelimit-policy"));
    assert_eq!(field("ratelimit"), format!("\"monthly\";r=0;t={wait}"));
    let told = quota(&dev);
    let told = [&told["remaining"], &told["requests"], &told["counts"], &told["per"]];
    assert_eq!(told, [&json!(0), &json!(20), &json!("calls"), &json!("month")]);
    let other = dev.get(PRODUCT, &[("X-Api-Key", dev.told("/other_app/api_key"))]);
    assert!(matches!(other.status, 200 | 503), "another app has its own: {}", other.text());
}

/// Adds a version of `standard` that has a quota, and moves the app there.
fn move_to_version_with(dev: &Dev, quota: &str) {
    let plan = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let first = &text[text.find("  - version: 1").unwrap()..];
    let next = first.replace("version: 1", "version: 2").replace("2026-01-01", "2026-01-02");
    let next = next.replace("    fee:\n", &format!("    quotas:\n      - {quota}\n    fee:\n"));
    std::fs::write(&plan, format!("{}\n{next}", text.trim_end())).unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "{}").status, 200);
    let all =
        dev.admin("GET", &format!("/admin/subscriptions?app={}", dev.told("/app/client_id")), "").json();
    for subscription in all["items"].as_array().unwrap().iter().filter(|one| one["plan"] == "standard") {
        let path = format!("/admin/subscriptions/{}/move", subscription["id"].as_str().unwrap());
        assert_eq!(dev.admin("POST", &path, r#"{"version": 2}"#).status, 200);
    }
}

#[test]
fn what_was_used_before_there_was_a_quota_is_not_of_it() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let passes = |calls: u64| {
        let mut passed = 0;
        wait_for("calls to pass", || {
            passed += u64::from(call(&dev, "").status == 200);
            passed == calls
        });
        wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);
    };
    passes(5);
    move_to_version_with(&dev, "{name: monthly, requests: 20, per: month}");
    passes(3);
    let dev = dev.kill_and_restart();
    assert_eq!(drain(&dev, "").0, 17);
}

/// With a quota of a thousand units a day, of which only the answer tells, by what `used` of the query says.
fn with_told_units() -> (Origin, Dev) {
    let origin = Origin::start(|stream, head| {
        let used = head.split_once("used=").map_or("1", |(_, rest)| &rest[..rest.find(' ').unwrap()]);
        let answer = format!("HTTP/1.1 200 OK\r\nX-Units: {used}\r\nContent-Length: 2\r\n\r\n{{}}");
        let _ = stream.write_all(answer.as_bytes());
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        let meter = "meter: {headers: [x-units], units: \"int(response.headers['x-units'])\"}";
        set(policies, "{name: daily, units: 1000, per: day}", meter);
    });
    (origin, dev)
}

#[test]
fn units_that_only_the_answer_tells_are_owed_and_counted() {
    let (_origin, dev) = with_told_units();
    let (passed, refused) = drain(&dev, "used=60");
    // The last one goes beyond, and one more if it comes before that is known.
    assert!((17..=18).contains(&passed), "{passed} calls passed");
    assert_eq!(refused.code(), "quota_used_up");
    assert_eq!(quota(&dev)["remaining"], 0);
    wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);
    let dev = dev.kill_and_restart();
    assert_eq!(drain(&dev, "used=60").0, 0);
}

#[test]
fn a_quota_that_has_more_by_a_reload_goes_on_with_what_was_used_and_owed() {
    let (_origin, dev) = with_told_units();
    let (passed, _) = drain(&dev, "used=60");
    let plan = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("units: 1000", "units: 2000")).unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "{}").status, 200);
    wait_for("a call to pass", || call(&dev, "used=1").status == 200);
    wait_for("what was owed to be counted", || quota(&dev)["remaining"] == 2000 - 60 * passed - 1);
}

#[test]
fn a_call_of_more_units_than_a_quota_ever_has_is_told_so() {
    let dev = Dev::with_policies(|policies| {
        set(policies, "{name: daily, units: 10, per: day}", "meter: {units: int(request.query.count)}");
    });
    let never = call(&dev, "count=11");
    assert_eq!((never.status, never.code().as_str()), (403, "call_too_large"));
    let (passed, refused) = drain(&dev, "count=4");
    assert_eq!((passed, refused.code().as_str()), (2, "quota_used_up"));
    assert_eq!(drain(&dev, "count=2").0, 1, "what is left is for smaller ones");
}

#[test]
fn what_a_quota_or_a_balance_refuses_uses_up_nothing_else() {
    let dev = Dev::with_policies(|policies| {
        set(policies, "{name: monthly, requests: 5, per: month}", "meter: {}");
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let rate = "requests: 60000, window: 1m, burst: 2000";
        let slow = text.replace(rate, "requests: 10, window: 1h, burst: 10");
        assert_ne!(text, slow);
        std::fs::write(plan, slow).unwrap();
    });
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    let calls = |times: u64, wanted: u16, others: &[&str]| {
        let mut found = 0;
        wait_for("calls to be answered", || {
            let answer = call(&dev, "");
            let is_wanted = answer.status == wanted;
            // The machine may be too busy for the node to lease in time.
            let is_known = |code: String| code == "unavailable" || others.contains(&code.as_str());
            assert!(answer.status == 200 && is_wanted || is_known(answer.code()), "{}", answer.text());
            found += u64::from(is_wanted);
            found == times
        });
    };
    calls(30, 402, &["balance_exhausted"]);
    wait_for("the quota to be given back", || quota(&dev)["remaining"] == 5);
    assert_eq!(paid.deposit(&dev, "1.00", "transfer 1").status, 200);
    calls(5, 200, &["balance_exhausted"]);
    calls(30, 429, &["quota_used_up"]);
    let limits = dev.get("/me/limits", &[("X-Api-Key", dev.told("/app/api_key"))]).json();
    let of_plan = limits["limits"].as_array().unwrap().iter().find(|limit| limit["plan"] == "standard@1");
    assert!(of_plan.unwrap()["remaining"].as_u64().unwrap() >= 5, "{limits}");
    assert_eq!(paid.spent(&dev), "0.05");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_use_one_quota_to_its_last_call_and_no_further() {
    let place = Place::postgres().await;
    let using = tokio::task::spawn_blocking(move || {
        use_on_two_nodes(&place);
        place
    });
    drop(using.await.unwrap());
}

fn use_on_two_nodes(place: &Place) {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let fleet = Fleet::start(place.address(), 2, |policies| {
        point(policies, "catalog", &origin.address);
        set(policies, "{name: monthly, requests: 200, per: month}", "meter: {}");
    });
    let key = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
    let key = key["key"].as_str().unwrap().to_owned();
    let call = |node: usize| http::request(fleet.base(node), "GET", PRODUCT, &[("X-Api-Key", &key)], "");
    let passed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (call, passed) = (&call, &passed);
            scope.spawn(move || {
                for _ in 0..10 {
                    match call(client % 2).status {
                        200 => _ = passed.fetch_add(1, Ordering::Relaxed),
                        429 | 503 => {}
                        other => panic!("{other}"),
                    }
                }
            });
        }
    });
    let mut passed = passed.into_inner();
    assert!(passed <= 200, "{passed} calls passed");
    // What one node has leased and does not use, the other gets.
    wait_for("all of it to be used", || {
        let answers = [call(0), call(1)];
        passed += answers.iter().map(|answer| u64::from(answer.status == 200)).sum::<u64>();
        assert!(passed <= 200, "{passed} calls passed");
        passed == 200
    });
    wait_for("both to know it", || (0..2).all(|node| call(node).status == 429));
    drop(fleet);
}
