//! Killed under load, the books still have every order that a client saw accepted, once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::books::usage_count;
use crate::support::dev::{Dev, wait_for};

/// How often the process is killed; the long proof kills it more often.
fn prove(kills: usize) {
    let mut dev = Dev::start();
    let accepted: Mutex<Vec<(String, String)>> = Mutex::default();
    for round in 0..kills {
        let bearer = dev.bearer(0);
        let stop = AtomicBool::new(false);
        let before = accepted.lock().unwrap().len();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let Some(answer) = dev.order(&bearer, "p-1001") else { return };
                        if answer.status == 201 {
                            let id = answer.header("x-request-id").unwrap().to_owned();
                            accepted.lock().unwrap().push((id, answer.json()["id"].to_string()));
                        }
                    }
                });
            }
            wait_for("orders", || accepted.lock().unwrap().len() > before + 5 + round % 7);
            dev.kill_now();
            stop.store(true, Ordering::Relaxed);
        });
        dev = dev.kill_and_restart();
    }
    let accepted = accepted.into_inner().unwrap();
    assert!(accepted.len() >= kills * 5);
    wait_for("the drain", || {
        dev.admin("GET", "/metrics", "").text().contains("tollgate") && is_drained(&dev)
    });
    for (record, _) in &accepted {
        let item = dev.admin("GET", &format!("/admin/usage/{record}"), "");
        assert_eq!(item.status, 200, "order of record {record} is not in the books");
        assert_eq!(item.json()["outcome"], "billable", "{}", item.text());
    }
    let records: HashMap<&String, usize> = accepted.iter().fold(HashMap::new(), |mut seen, (record, _)| {
        *seen.entry(record).or_default() += 1;
        seen
    });
    assert_eq!(records.len(), accepted.len());
    assert!(usage_count(&dev, "") > 0);
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], Value::Array(Vec::new()), "{check}");
}

/// Whether all that is committed has been recorded.
fn is_drained(dev: &Dev) -> bool {
    let page = dev.admin("GET", "/metrics", "").text();
    let figure =
        |name: &str| page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    match (figure("tollgate_journal_committed "), figure("tollgate_journal_recorded ")) {
        (Some(committed), Some(recorded)) => committed == recorded,
        _ => panic!("no journal figures in {page}"),
    }
}

#[test]
fn orders_seen_accepted_are_in_the_books_once_after_kills() {
    prove(4);
}

#[test]
#[ignore = "a long proof: `make prove`"]
fn orders_seen_accepted_are_in_the_books_once_after_many_kills() {
    prove(40);
}
