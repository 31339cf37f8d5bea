//! Policies change under load: no request fails, and a broken set changes nothing and is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;

#[test]
fn two_hundred_reloads_under_load_fail_no_request_and_each_broken_one_is_told() {
    let dev = Dev::start();
    let address = dev.base().strip_prefix("http://").unwrap().to_owned();
    let key = dev.told("/app/api_key").to_owned();
    let (stop, served, failed) =
        (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(Vec::<String>::new()));
    let plan = dev.policies().join("plans/standard.yaml");
    let good = std::fs::read_to_string(&plan)
        .unwrap()
        .replace("requests: 60000", "requests: 60000000")
        .replace("burst: 2000", "burst: 100000");
    let routes = dev.policies().join("routes/catalog.yaml");
    let routes_text = std::fs::read_to_string(&routes).unwrap();
    std::thread::scope(|scope| {
        std::fs::write(&plan, &good).unwrap();
        assert_eq!(dev.admin("POST", "/admin/policy/reload", "{}").status, 200);
        for _ in 0..64 {
            scope.spawn(|| {
                let mut connection = Connection::open(&address);
                let request =
                    format!("GET /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
                while !stop.load(Ordering::Relaxed) {
                    match connection.exchange(&request) {
                        Some(answer) if answer.status == 200 => {
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        Some(answer) => {
                            failed.lock().unwrap().push(format!("{}: {}", answer.status, answer.text()));
                        }
                        None => {
                            failed.lock().unwrap().push("no answer".to_owned());
                            connection = Connection::open(&address);
                        }
                    }
                }
            });
        }
        let mut hashes = std::collections::HashSet::new();
        for number in 0..200 {
            if number % 5 == 4 {
                std::fs::write(&plan, good.replace("products: [storefront]", "products: [storefrnt]"))
                    .unwrap();
                let answer = dev.admin("POST", "/admin/policy/reload", "{}");
                assert!(answer.status >= 400, "{}", answer.text());
                assert!(
                    answer.text().contains("plans/standard.yaml") && answer.text().contains("storefrnt"),
                    "{}",
                    answer.text()
                );
                let status = dev.admin("GET", "/admin/policy", "").json();
                assert!(!status["last_error"].is_null(), "{status}");
            } else if number % 20 == 7 {
                // By the watcher's own way, and another file than the plan.
                let before = dev.admin("GET", "/admin/policy", "").json()["hash"].to_string();
                std::fs::write(&routes, format!("{routes_text}# {number}\n")).unwrap();
                let hash = || dev.admin("GET", "/admin/policy", "").json()["hash"].to_string();
                wait_for("the watcher's reload", || hash() != before);
                hashes.insert(hash());
            } else {
                std::fs::write(&plan, format!("{good}# {number}\n")).unwrap();
                let answer = dev.admin("POST", "/admin/policy/reload", "{}");
                assert_eq!(answer.status, 200, "{}", answer.text());
                hashes.insert(dev.admin("GET", "/admin/policy", "").json()["hash"].to_string());
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(hashes.len() >= 100, "{} snapshots were in force", hashes.len());
    });
    assert_eq!(failed.into_inner().unwrap(), Vec::<String>::new());
    assert!(served.load(Ordering::Relaxed) > 1000);
}

#[test]
fn a_change_on_disk_takes_effect_by_itself_and_a_broken_one_does_not() {
    let dev = Dev::start();
    let file = dev.policies().join("routes/catalog.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("path: /api/products\n", "path: /api/goods\n")).unwrap();
    wait_for("the new route", || dev.get("/api/goods", &[]).status == 200);
    assert_eq!(dev.get("/api/products", &[]).status, 404);
    std::fs::write(&file, text.replace("upstream: catalog", "upstream: nowhere")).unwrap();
    wait_for("the error in the log", || {
        dev.log().contains("routes/catalog.yaml") && dev.log().contains("there is no upstream nowhere")
    });
    assert_eq!(dev.get("/api/goods", &[]).status, 200);
    std::fs::write(&file, &text).unwrap();
    wait_for("the old route", || dev.get("/api/products", &[]).status == 200);
}

#[test]
fn prices_that_were_in_force_cannot_be_changed_under_what_was_used() {
    let dev = Dev::start();
    let plan = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("percent: 2.5", "percent: 3.5")).unwrap();
    let answer = dev.admin("POST", "/admin/policy/reload", "{}");
    assert!(answer.status >= 400 && answer.text().contains("plans/standard.yaml"), "{}", answer.text());
    assert!(answer.text().contains("add the next version"), "{}", answer.text());
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["policy", "reload", "--ready-file"])
        .arg(dev.ready_file())
        .output()
        .unwrap();
    assert_eq!(command.status.code(), Some(3), "{}", String::from_utf8_lossy(&command.stderr));
}

#[test]
#[ignore = "a long proof: `make prove`"]
fn after_ten_thousand_swaps_memory_is_as_it_was() {
    let dev = Dev::start();
    let routes = dev.policies().join("routes/catalog.yaml");
    let text = std::fs::read_to_string(&routes).unwrap();
    let in_force = || dev.admin("GET", "/admin/policy", "").json()["hash"].to_string();
    let mut before = in_force();
    let mut swap = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            std::fs::write(&routes, format!("{text}# {number}\n")).unwrap();
            let answer = dev.admin("POST", "/admin/policy/reload", "{}");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let now = in_force();
            assert_ne!(before, now, "nothing was swapped");
            before = now;
        }
        dev.resident()
    };
    let (early, late) = (swap(0..1_000), swap(1_000..10_000));
    println!("resident after 1,000 swaps: {early} bytes; after 10,000: {late}");
    assert!(late < early + (8 << 20), "{early} bytes after 1,000 swaps, {late} after 10,000");
}

/// By restarts alone.
#[test]
fn a_node_that_starts_by_files_that_were_changed_back_tells_them_anew() {
    let dev = Dev::start();
    let plan = dev.policies().join("plans/standard.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let versions = text.find("  - version: 1").unwrap();
    let next = text[versions..].replace("2026-01-01", "2099-01-01");
    let write = |existing: &str| {
        let next = next.replace("version: 1", &format!("version: 2\n    existing: {existing}"));
        std::fs::write(&plan, format!("{}\n{next}", text.trim_end())).unwrap();
    };
    let of_before = "was told to subscriptions otherwise since";
    write("stay");
    let dev = dev.kill_and_restart();
    write("move\n    notice: 30d");
    let dev = dev.kill_and_restart();
    write("stay");
    let dev = dev.kill_and_restart();
    assert!(!dev.log().contains(of_before), "{}", dev.log());
}
