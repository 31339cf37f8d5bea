//! A flood of refused calls has few usage records, which say how many calls there were: by a real node on each store, and over an
//! orderly stop.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::dev::wait_for;
use crate::support::fleet::Fleet;
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};
use crate::support::stores::Place;

/// Requests that are sent at once.
const AT_ONCE: u64 = 50;
/// Calls of a flood.
const CALLS: u64 = 2000;
/// Records that a second has of calls that are refused alike: each by itself, and one of the others.
const OF_A_SECOND: u64 = 101;

/// `standard` lets ten calls through.
fn limit(policies: &Path) {
    let plan = policies.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let limited =
        text.replace("requests: 60000, window: 1m, burst: 2000", "requests: 10, window: 1h, burst: 10");
    assert_ne!(text, limited);
    std::fs::write(&plan, limited).unwrap();
}

/// Calls that passed, and calls that were refused.
type Told = (u64, u64);

fn flood(fleet: &Fleet, key: &str) -> Told {
    let mut connection = Connection::open(fleet.base(0).strip_prefix("http://").unwrap());
    let request = format!("GET /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
    let requests = request.repeat(usize::try_from(AT_ONCE).unwrap());
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..CALLS / AT_ONCE {
        connection.send(requests.as_bytes());
        for _ in 0..AT_ONCE {
            let answer = connection.receive().unwrap();
            match answer.status {
                200 => passed += 1,
                429 => refused += 1,
                other => panic!("{other}: {}", answer.text()),
            }
        }
    }
    (passed, refused)
}

/// All usage records of the app.
fn records(fleet: &Fleet) -> Vec<Value> {
    let mut records = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/admin/usage?app={}&limit=500{after}", fleet.client_id);
        let page = fleet.admin(0, "GET", &path, &Value::Null);
        records.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return records,
        }
    }
}

/// How many calls passed and were refused by these records.
fn told(records: &[Value]) -> Told {
    let calls = |refusal: Value| {
        let of = records.iter().filter(|record| record["refusal"] == refusal);
        of.map(|record| record["calls"].as_u64().unwrap()).sum::<u64>()
    };
    (calls(Value::Null), calls(json!("limit_reached")))
}

fn flood_and_stop(place: &Place) {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let mut fleet = Fleet::start(place.address(), 1, |policies| {
        point(policies, "catalog", &origin.address);
        limit(policies);
    });
    let made = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
    let key = made["key"].as_str().unwrap();
    let begin = Instant::now();
    let first = flood(&fleet, key);
    wait_for("each call to be on record", || told(&records(&fleet)) == first);
    let kept = records(&fleet);
    let refused: Vec<&Value> = kept.iter().filter(|record| !record["refusal"].is_null()).collect();
    let seconds = begin.elapsed().as_secs() + 1;
    assert!(refused.len() as u64 <= OF_A_SECOND * seconds, "{} in {seconds} s", refused.len());
    let shared: Vec<&&Value> = refused.iter().filter(|record| !record["until"].is_null()).collect();
    assert!(!shared.is_empty(), "{first:?} in {:?}", begin.elapsed());
    for record in &shared {
        assert_eq!(
            (&record["outcome"], &record["units"], &record["status"], &record["method"]),
            (&json!("free"), &json!(0), &json!(429), &json!("GET")),
            "{record}"
        );
        assert_eq!((&record["route"], &record["credential_id"]), (&json!("get-product"), &made["id"]));
    }
    let together: u64 = shared.iter().map(|record| record["calls"].as_u64().unwrap()).sum();
    assert_eq!(together + refused.len() as u64, first.1 + shared.len() as u64);
    assert_eq!(fleet.figure(0, "tollgate_usage_calls_together_total"), together);
    assert_eq!(fleet.figure(0, "tollgate_refusals_total{code=\"limit_reached\"}"), first.1);
    assert_eq!(fleet.figure(0, "tollgate_usage_unaccounted"), 0);

    // What is counted when the node is told to stop is written before it ends.
    let second = flood(&fleet, key);
    fleet.signal(0, "TERM");
    fleet.restart(0);
    let both = (first.0 + second.0, first.1 + second.1);
    wait_for("each call to be on record", || told(&records(&fleet)) == both);
    let ledger = fleet.admin(0, "GET", "/admin/ledger/check", &Value::Null);
    assert_eq!(ledger["findings"], json!([]), "{ledger}");
}

async fn a_flood_has_few_records_that_tell_of_each_call(place: Place) {
    let flooding = tokio::task::spawn_blocking(move || {
        flood_and_stop(&place);
        place
    });
    drop(flooding.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_has_few_records_that_tell_of_each_call_in_sqlite() {
    a_flood_has_few_records_that_tell_of_each_call(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_has_few_records_that_tell_of_each_call_in_postgres() {
    a_flood_has_few_records_that_tell_of_each_call(Place::postgres().await).await;
}
