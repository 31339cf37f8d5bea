//! A journal that cannot be written: what is refused then is what the policies say.

use std::path::{Path, PathBuf};

use crate::support::dev::{Dev, wait_for};

/// A node under such a policy, whose journal will fail at its first record: a folder stands where its segment would be made.
fn failing(unwritable: &str) -> (Dev, PathBuf) {
    let dev = Dev::with_policies(|policies| policy(policies, unwritable));
    let next = dev.figure("tollgate_journal_committed") + 1;
    assert_eq!(next, 1, "nobody has called yet");
    let in_the_way = dev.data().join("journal").join(format!("{next:020}.segment"));
    std::fs::create_dir(&in_the_way).unwrap();
    assert_ne!(metered(&dev), 503, "nobody knows yet");
    wait_for("the journal to fail", || dev.figure("tollgate_journal_failing") == 1);
    (dev, in_the_way)
}

fn policy(policies: &Path, unwritable: &str) {
    let path = policies.join("platform.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (own, other) = ("unwritable: refuse-money", format!("unwritable: {unwritable}"));
    assert!(text.contains(own));
    std::fs::write(&path, text.replace(own, &other)).unwrap();
}

/// The status of a call that costs something.
fn metered(dev: &Dev) -> u16 {
    let key = dev.told("/app/api_key").to_owned();
    dev.get("/api/products/p-1001", &[("X-Api-Key", &key)]).status
}

/// The status of a call of an app that costs nothing.
fn free(dev: &Dev) -> u16 {
    let key = dev.told("/other_app/api_key").to_owned();
    let headers = [("X-Api-Key", key.as_str()), ("Content-Type", "application/json")];
    let path = "/api/products/p-1001/stock";
    crate::support::http::request(dev.plain(), "PUT", path, &headers, r#"{"stock":7}"#).status
}

/// The status of a call of nobody.
fn anonymous(dev: &Dev) -> u16 {
    dev.get("/api/products/p-1001", &[]).status
}

#[track_caller]
fn check(unwritable: &str, expected: (u16, u16, u16)) {
    let (dev, in_the_way) = failing(unwritable);
    let seen = (metered(&dev), free(&dev), anonymous(&dev));
    assert_eq!(seen, expected, "metered, free, anonymous under {unwritable}");
    std::fs::remove_dir(in_the_way).unwrap();
    wait_for("the journal", || dev.figure("tollgate_journal_failing") == 0);
    assert_eq!((metered(&dev), free(&dev), anonymous(&dev)), (200, 200, 200), "once it can be written");
    wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);
    assert_eq!(dev.figure("tollgate_usage_unaccounted"), 0);
}

#[test]
fn calls_that_cost_something_are_refused_and_others_are_served() {
    check("refuse-money", (503, 200, 200));
}

#[test]
fn all_calls_of_apps_are_refused_if_the_platform_wants_it_so() {
    check("refuse-all", (503, 503, 200));
}

#[test]
fn a_node_stops_if_the_platform_wants_it_so_and_says_why() {
    let (mut dev, _in_the_way) = failing("stop");
    assert_eq!((metered(&dev), free(&dev)), (503, 200), "until then as by default");
    assert_eq!(dev.ended().code(), Some(1));
    let log = dev.log();
    assert!(log.contains("the journal could not be written for 10 s"), "{log}");
}
