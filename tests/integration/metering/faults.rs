//! A node whose disk is slow, fails or turns read-only, and one whose clock jumps: nothing that was accepted is lost, nothing is charged
//! for in a wrong month, and every record is accounted for.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use serde_json::{Value, json};
use tollgate::journal::verify::verify;

use crate::support::dev::{Dev, wait_for};
use crate::support::faults::{Fault, Faults};

fn metered(dev: &Dev) -> u16 {
    dev.get("/api/products/p-1001", &[("X-Api-Key", dev.told("/app/api_key"))]).status
}

/// Places an order; gives the status, and the id of the call if it was accepted.
fn order(dev: &Dev, bearer: &str) -> (u16, Option<String>) {
    let answer = dev.order(bearer, "p-1001").unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status, Some(id).filter(|_| answer.status == 201))
}

/// All is in the books that was accepted, and these and the journal are whole.
#[track_caller]
fn sound(dev: &Dev, accepted: &[String]) {
    wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);
    assert_eq!(dev.figure("tollgate_usage_unaccounted"), 0);
    assert_eq!(dev.figure("tollgate_usage_excepted_total"), 0);
    for record in accepted {
        let found = dev.admin("GET", &format!("/admin/usage/{record}"), "");
        assert_eq!((found.status, found.json()["outcome"].as_str()), (200, Some("billable")), "{record}");
    }
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
    let looked = verify(&dev.data().join("journal"), Duration::from_millis(100), &mut |_, _| {}).unwrap();
    assert!(looked.findings.is_empty(), "{:#?}", looked.findings);
}

#[test]
fn a_slow_disk_is_waited_for_by_those_alone_who_must_be_sure() {
    let faults = Faults::none();
    let dev = Dev::with_faults(&faults);
    let bearer = dev.bearer(0);
    faults.set(Fault { sync_millis: 200, ..Fault::default() });
    let begun = Instant::now();
    let mut accepted = Vec::new();
    for _ in 0..3 {
        let (status, id) = order(&dev, &bearer);
        assert_eq!(status, 201);
        accepted.extend(id);
    }
    assert!(begun.elapsed() >= Duration::from_millis(600), "each waits until it is on disk");
    assert!(dev.figure("tollgate_journal_sync_microseconds") >= 200_000);
    for _ in 0..20 {
        assert_eq!(metered(&dev), 200);
    }
    assert_eq!(dev.figure("tollgate_journal_failing"), 0);
    sound(&dev, &accepted);
}

#[track_caller]
fn fails_and_goes_on(fault: Fault) {
    let faults = Faults::none();
    let dev = Dev::with_faults(&faults);
    let bearer = dev.bearer(0);
    let mut accepted = Vec::new();
    let mut placed = |expected: u16| {
        let (status, id) = order(&dev, &bearer);
        assert_eq!(status, expected);
        accepted.extend(id);
    };
    placed(201);
    faults.set(fault);
    // Nobody knows until the first is to be written; it is told that it may not be on disk.
    placed(500);
    wait_for("the journal to fail", || dev.figure("tollgate_journal_failing") == 1);
    assert_eq!(metered(&dev), 503, "{fault:?}");
    assert_eq!(dev.admin("GET", "/readyz", "").status, 503);
    placed(503);
    faults.set(Fault::default());
    wait_for("the journal", || dev.figure("tollgate_journal_failing") == 0);
    placed(201);
    assert_eq!(metered(&dev), 200);
    sound(&dev, &accepted);
}

#[test]
fn a_disk_that_fails_to_sync_is_written_anew_once_it_does() {
    fails_and_goes_on(Fault { sync_errno: Errno::IO.raw_os_error().into(), ..Fault::default() });
}

#[test]
fn a_disk_that_turned_read_only_is_written_on_once_it_can_be() {
    fails_and_goes_on(Fault { write_errno: Errno::ROFS.raw_os_error().into(), ..Fault::default() });
}

/// The exceptions that nobody has resolved.
fn asked(dev: &Dev) -> Vec<Value> {
    dev.admin("GET", "/admin/exceptions", "").json()["items"].as_array().unwrap().clone()
}

#[test]
fn a_clock_that_steps_back_changes_nothing_and_one_that_leaps_ahead_is_asked_about() {
    const DAYS: i64 = 24 * 3_600;
    let faults = Faults::none();
    let dev = Dev::with_faults(&faults);
    let call = |clock_seconds: i64| {
        faults.set(Fault { clock_seconds, ..Fault::default() });
        let recorded = || dev.figure("tollgate_usage_recorded_total");
        let before = recorded();
        for _ in 0..3 {
            assert_eq!(metered(&dev), 200);
        }
        wait_for("the books", || recorded() >= before + 3);
    };
    // Behind all that the demo partner began with, whatever is taken off.
    let usual = 41 * DAYS;
    call(usual);
    call(usual - 3_600);
    assert_eq!(asked(&dev), [Value::Null; 0]);
    call(usual + 40 * DAYS);
    let open = asked(&dev);
    assert_eq!(open.len(), 3, "{open:#?}");
    assert!(open.iter().all(|one| one["kind"] == "time"), "{open:#?}");
    assert!(open[0]["reason"].as_str().unwrap().contains("after the latest of the books"), "{open:#?}");
    call(usual);
    assert_eq!(asked(&dev).len(), 3, "set right, it is believed again");
    call(usual - 40 * DAYS);
    let open = asked(&dev);
    assert_eq!(open.len(), 6, "{open:#?}");
    assert!(
        open.iter().any(|one| one["reason"].as_str().unwrap().contains("before the latest of the books"))
    );
    faults.set(Fault { clock_seconds: usual, ..Fault::default() });
    sound(&dev, &[]);
}
