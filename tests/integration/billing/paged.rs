//! Usage records are read page by page: each once, by time, whatever the order in which they were recorded.

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;
use tollgate::domain::time::Timestamp;

use super::books::usage_count;
use crate::support::dev::{Dev, wait_for};

const CALLERS: usize = 4;
const ROUNDS: usize = 8;

/// Durable calls, ordinary ones and refused ones of two apps at once.
fn mixed(dev: &Dev) -> usize {
    let bearer = dev.bearer(0);
    let (key, other) = (dev.told("/app/api_key"), dev.told("/other_app/api_key"));
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
                    assert_eq!(dev.get("/api/products/p-1001", &[("X-Api-Key", key)]).status, 200);
                    assert_eq!(dev.get("/api/orders", &[("X-Api-Key", other)]).status, 403);
                }
            });
        }
    });
    CALLERS * ROUNDS * 3
}

fn ids_and_times(items: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    items.as_array().unwrap().iter().map(|item| (text(item, "at"), text(item, "id"))).collect()
}

/// All that the command lists, read on as it says.
fn listed_by_command(dev: &Dev, size: &str) -> Vec<(String, String)> {
    let (mut found, mut after) = (Vec::new(), Vec::new());
    loop {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["usage", "--output", "json", "--limit", size, "--ready-file"])
            .arg(dev.ready_file())
            .args(&after)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        found.extend(ids_and_times(&serde_json::from_slice(&output.stdout).unwrap()));
        match told.split_once("Go on with ") {
            Some((_, rest)) => after = rest.split_whitespace().map(str::to_owned).collect(),
            None => return found,
        }
    }
}

#[test]
fn pages_have_each_record_once_and_by_time_whatever_the_order_of_recording() {
    let dev = Dev::start();
    let count = mixed(&dev);
    wait_for("the usage records", || usage_count(&dev, "") == count);
    let whole = dev.admin("GET", "/admin/usage?limit=500", "").json();
    assert_eq!(whole["next"], Value::Null);
    let whole = ids_and_times(&whole["items"]);
    // Not by the texts: they leave out zeros at the end.
    let time = |at: &str| at.parse::<Timestamp>().unwrap();
    let is_first = |one: &(String, String), other: &(String, String)| {
        (time(&one.0), &one.1) >= (time(&other.0), &other.1)
    };
    assert!(whole.is_sorted_by(is_first), "newest first: {whole:?}");
    assert_eq!(whole.iter().map(|(_, id)| id).collect::<HashSet<_>>().len(), count);
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = dev.admin("GET", &format!("/admin/usage?limit=7{after}"), "").json();
        paged.extend(ids_and_times(&page["items"]));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(paged, whole);
    assert_eq!(listed_by_command(&dev, "10"), whole);
    let wrong = dev.admin("GET", "/admin/usage?after=yesterday", "");
    assert_eq!((wrong.status, wrong.json()["errors"][0]["pointer"].as_str()), (422, Some("?after")));
}
