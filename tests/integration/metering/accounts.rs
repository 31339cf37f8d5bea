//! Every usage record is accounted for, as `/metrics` of the real binary tells: under load, after it, and after a kill.

use std::path::Path;

use tollgate::journal::frame::FRAME_HEADER;
use tollgate::journal::frames::{Found, Frames};
use tollgate::journal::segment;

use crate::support::dev::{Dev, wait_for};

fn figure(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).trim().parse().unwrap()
}

/// The accounts of a page: accepted, recorded, excepted, waiting; nothing is unaccounted for.
#[track_caller]
fn accounts(dev: &Dev) -> [u64; 4] {
    let page = dev.admin("GET", "/metrics", "").text();
    let [accepted, recorded, excepted] = ["accepted", "recorded", "excepted"]
        .map(|name| figure(&page, &format!("tollgate_usage_{name}_total")));
    let waiting = figure(&page, "tollgate_usage_waiting");
    assert_eq!(accepted, recorded + excepted + waiting, "{page}");
    assert_eq!(figure(&page, "tollgate_usage_unaccounted"), 0, "{page}");
    [accepted, recorded, excepted, waiting]
}

#[test]
fn no_record_is_unaccounted_for_under_load_after_it_and_after_a_kill() {
    let mut dev = Dev::start();
    let begin = accounts(&dev)[0];
    let bearer = dev.bearer(0);
    let ordered = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let order = || dev.order(&bearer, "p-1001").is_some_and(|answer| answer.status == 201);
                scope.spawn(move || (0..15).filter(|_| order()).count())
            })
            .collect();
        while callers.iter().any(|caller| !caller.is_finished()) {
            accounts(&dev);
        }
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>()
    });
    assert!(ordered > 0);
    wait_for("the drain", || accounts(&dev)[3] == 0);
    let [accepted, recorded, excepted, _] = accounts(&dev);
    assert!(accepted - begin >= ordered as u64, "{accepted} of {ordered}");
    assert_eq!((recorded, excepted), (accepted, 0));

    dev = dev.kill_and_restart();
    // The new process makes records of its own at the start, such as those of the demonstration's callers.
    assert!(accounts(&dev)[0] >= accepted);
    wait_for("the drain", || accounts(&dev)[3] == 0);
    assert!(accounts(&dev)[1] >= recorded);
}

/// Changes a byte of the last record in a journal's folder.
fn harm_last_record(folder: &Path) {
    let segment = segment::list(folder).unwrap().pop().unwrap();
    let mut bytes = std::fs::read(&segment.path).unwrap();
    let records = Frames::of(&bytes, segment.first).filter(|frame| matches!(frame.found, Found::Record(..)));
    let at = records.last().unwrap().at + FRAME_HEADER;
    bytes[at] ^= 1;
    std::fs::write(&segment.path, bytes).unwrap();
}

#[test]
fn a_record_that_was_lost_is_accounted_for_as_an_exception_after_each_restart() {
    let mut dev = Dev::start();
    let release = dev.hold_store();
    let key = dev.told("/app/api_key").to_owned();
    let before = dev.figure("tollgate_journal_committed");
    for _ in 0..5 {
        assert_eq!(dev.get("/api/products/p-1001", &[("X-Api-Key", &key)]).status, 200);
    }
    wait_for("the journal", || dev.figure("tollgate_journal_committed") >= before + 5);
    assert!(accounts(&dev)[3] >= 5, "they wait for the store");
    dev.kill_now();
    harm_last_record(&dev.data().join("journal"));
    release();
    for _ in 0..2 {
        dev = dev.kill_and_restart();
        wait_for("the drain", || accounts(&dev)[3] == 0);
        let [accepted, recorded, excepted, _] = accounts(&dev);
        assert_eq!((recorded, excepted), (accepted - 1, 1));
    }
}
