//! Closing over HTTP, by the real program: what a node does by itself, what a call answers while statements are made, and the grace.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate::billing::statement::CloseEarly;
use tollgate::billing::statement::closing::{Terms, begin};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::seed::{app, at, period, plan, record_at, register, tariff, usage, zone};
use crate::cli::tollgate;
use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::stores::Place;

/// Long gone, whatever the clock of the machine says.
const MONTH: &str = "2025-06";
/// More than are stated in one call.
const APPS: u128 = 2_600;

fn june() -> Timestamp {
    at("2025-06-20T08:00:00Z")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The books of so many apps in June, by a plan that the shipped policies do not have.
async fn busy(place: &Place, apps: u128) -> Store {
    let store = place.open().await;
    let of = plan("by-call", 1);
    register(&store, &of, &tariff("0.01", 0, "2.5")).await;
    let call = |number: u128| {
        let mut call =
            UsageRecord { app: app(&format!("app_{number}")), at: june(), ..usage(number, 1, None) };
        call.subscribed = call.subscribed.map(|(product, _)| (product, of.clone()));
        call
    };
    record_at(&store, june(), 1, &(1..=apps).map(call).collect::<Vec<_>>()).await;
    store
}

/// Has policies say that of when periods are closed.
fn billing(policies: &Path, terms: &str) {
    let file = policies.join("platform.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replacen("  close: by-hand", &format!("  {terms}"), 1);
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
}

fn closing(fleet: &Fleet) -> Value {
    fleet.admin(0, "GET", &format!("/admin/statements/closings/{MONTH}"), &Value::Null)
}

#[test]
fn a_node_goes_on_with_what_a_dead_one_began() {
    let place = Place::sqlite();
    runtime().block_on(async {
        let store = busy(&place, 600).await;
        let terms = Terms { grace: Duration::ZERO, early: CloseEarly::Refused };
        begin((&store, &store), period(MONTH), (&zone(), at("2025-07-02T00:00:00Z")), terms).await.unwrap();
        store.close().await;
    });
    let fleet = Fleet::start(place.address(), 1, |_| {});
    wait_for("all statements", || closing(&fleet)["state"] == "final");
    let told = closing(&fleet);
    assert_eq!((&told["statements"], &told["made"]), (&json!(600), &json!(600)), "{told}");
    assert_eq!(told["closed_at"], "2025-07-02T00:00:00Z", "as it was cut");
    let checked = fleet.admin(0, "GET", "/admin/ledger/check", &Value::Null);
    assert_eq!((&checked["balanced"], &checked["findings"]), (&json!(true), &json!([])));
}

#[test]
fn a_node_closes_by_itself_what_the_policies_leave_to_it() {
    let place = Place::sqlite();
    runtime().block_on(async { busy(&place, 3).await.close().await });
    let fleet =
        Fleet::start(place.address(), 1, |policies| billing(policies, "close: after-grace\n  grace: 72h"));
    wait_for("all statements", || {
        fleet.admin(0, "GET", "/admin/audit?action=statement.close", &Value::Null)["items"] != json!([])
            && closing(&fleet)["state"] == "final"
    });
    assert_eq!(closing(&fleet)["statements"], 3);
    let records = fleet.admin(0, "GET", "/admin/audit?action=statement.close", &Value::Null);
    let [record] = records["items"].as_array().unwrap().as_slice() else { panic!("{records}") };
    assert_eq!((&record["actor"], &record["subject"]), (&json!("node:node-0"), &json!(MONTH)), "{record}");
}

#[test]
fn a_big_period_is_closed_by_several_calls_which_the_command_makes() {
    let place = Place::sqlite();
    runtime().block_on(async { busy(&place, APPS).await.close().await });
    let fleet = Fleet::start(place.address(), 1, |_| {});
    let first = fleet.admin(0, "POST", "/admin/statements", &json!({"period": MONTH}));
    assert_eq!((&first["was_closed"], &first["items"]), (&json!(false), &json!([])), "{first}");
    assert!(first["made"].as_u64().is_some_and(|made| made >= 2_000), "{first}");
    assert_eq!((&first["statements"], &first["totals"][0]["total"]), (&json!(2_600), &json!("26.00")));

    let close = |more: &[&str]| {
        let mut command = tollgate(&[&["statement", "close", "--period", MONTH][..], more].concat());
        fleet.point_at(0, &mut command);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        done
    };
    let done: Value = serde_json::from_slice(&close(&["--output", "json"]).stdout).unwrap();
    assert_eq!((&done["was_closed"], &done["state"]), (&json!(true), &json!("final")), "{done}");
    assert_eq!((&done["made"], &done["first_number"]), (&json!(2_600), &json!(1)));
    let told = close(&[]);
    let (shown, noted) = (String::from_utf8(told.stdout).unwrap(), String::from_utf8(told.stderr).unwrap());
    assert!(
        shown.contains("2600") && shown.contains("26.00") && noted.contains("closed already"),
        "{shown}{noted}"
    );
    let checked = fleet.admin(0, "GET", "/admin/ledger/check", &Value::Null);
    assert_eq!((&checked["balanced"], &checked["findings"]), (&json!(true), &json!([])));
}

/// The month before one, such as `2026-12` before `2027-01`.
fn before(month: &str) -> String {
    let (year, month) = month.split_once('-').unwrap();
    let (year, month): (i32, u32) = (year.parse().unwrap(), month.parse().unwrap());
    if month == 1 { format!("{}-12", year - 1) } else { format!("{year}-{:02}", month - 1) }
}

#[test]
fn a_month_in_its_grace_is_closed_only_on_demand() {
    // The month before is within it on any day.
    let dev = Dev::with_policies(|policies| billing(policies, "grace: 35d"));
    let running = dev.get("/me/usage", &[("X-Api-Key", dev.told("/app/api_key"))]).json();
    let month = before(running["period"].as_str().unwrap());
    let path = format!("/admin/statements/closings/{month}");
    let close = |early: bool| {
        dev.admin("POST", "/admin/statements", &json!({"period": month, "early": early}).to_string())
    };
    let refused = close(false);
    assert_eq!((refused.status, refused.code().as_str()), (409, "in_grace"), "{}", refused.text());
    assert_eq!(dev.admin("GET", &path, "").status, 404);
    let closed = close(true);
    assert_eq!(
        (closed.status, closed.header("deprecation")),
        (200, Some("@1796083200")),
        "{}",
        closed.text()
    );
    assert_eq!((&closed.json()["state"], &closed.json()["statements"]), (&json!("final"), &json!(0)));
    let told = dev.admin("GET", &path, "").json();
    assert_eq!((&told["state"], &told["zone"]), (&json!("final"), &json!("Asia/Shanghai")), "{told}");
    assert_eq!(dev.admin("GET", "/admin/statements/closings/2026-13", "").status, 404);
}
