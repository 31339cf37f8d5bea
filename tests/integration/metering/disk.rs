//! A node whose disk is full, and one whose journal was cut behind its back: it does as the policies say, tells of it, and loses nothing
//! in silence.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tollgate::journal::frames::{Found, Frames};
use tollgate::journal::segment;
use tollgate::journal::verify::verify;

use crate::support::dev::{Dev, wait_for};

/// A disk of its own, of so many MiB, in place of a folder.
struct Disk(PathBuf);

impl Disk {
    /// `None` where only others may mount, such as in most containers.
    fn mount(folder: &Path, size: u64) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let size = format!("size={size}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        mounted.is_ok_and(|mounted| mounted.success()).then(|| Self(folder.to_owned()))
    }

    /// Takes all the room that there is.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for piece in [1 << 20, 1 << 12, 1] {
            let zeros = vec![0; piece];
            while file.write_all(&zeros).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    /// The process that uses it ends later; it keeps what it has open.
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn metered(dev: &Dev) -> u16 {
    dev.get("/api/products/p-1001", &[("X-Api-Key", dev.told("/app/api_key"))]).status
}

#[test]
fn on_a_full_disk_what_costs_something_is_refused_and_nothing_that_was_accepted_is_lost() {
    let mut mounted = None;
    let dev = Dev::with_policies(|policies| {
        mounted = Disk::mount(&policies.parent().unwrap().join("data"), 48);
    });
    // Whoever may not mount has no disk that may get full.
    let Some(disk) = mounted else { return };
    let bearer = dev.bearer(0);
    let mut accepted = Vec::new();
    let mut order = || {
        let answer = dev.order(&bearer, "p-1001").unwrap();
        if answer.status == 201 {
            accepted.push(answer.header("x-request-id").unwrap().to_owned());
        }
        answer.status
    };
    assert_eq!((metered(&dev), order(), order()), (200, 201, 201));
    assert_eq!(dev.figure("tollgate_journal_short_of_room"), 1, "a segment of 64 MiB is more than it has");

    let filler = disk.fill();
    // What is left of a page takes some more.
    wait_for("the disk to be full", || {
        order();
        dev.figure("tollgate_journal_failing") == 1
    });
    assert_eq!((metered(&dev), order()), (503, 503));
    assert_eq!(dev.get("/api/products/p-1001", &[]).status, 200, "nobody pays for it");
    assert_eq!(dev.admin("GET", "/readyz", "").status, 503);

    fs::remove_file(filler).unwrap();
    wait_for("the journal", || dev.figure("tollgate_journal_failing") == 0);
    assert_eq!((metered(&dev), order()), (200, 201));
    wait_for("the books", || dev.figure("tollgate_usage_waiting") == 0);
    assert_eq!(dev.figure("tollgate_usage_unaccounted"), 0);
    for record in &accepted {
        let found = dev.admin("GET", &format!("/admin/usage/{record}"), "");
        assert_eq!((found.status, found.json()["outcome"].as_str()), (200, Some("billable")), "{record}");
    }
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], serde_json::json!([]), "{check}");
    let looked = verify(&dev.data().join("journal"), Duration::from_millis(100), &mut |_, _| {}).unwrap();
    assert!(looked.findings.is_empty(), "{:#?}", looked.findings);
    drop(disk);
}

#[test]
fn a_segment_that_was_cut_behind_what_the_books_have_is_told_of_and_gone_on_after() {
    let mut dev = Dev::start();
    for _ in 0..5 {
        assert_eq!(metered(&dev), 200);
    }
    wait_for("the books", || {
        let recorded = dev.figure("tollgate_journal_recorded");
        recorded >= 5 && recorded == dev.figure("tollgate_journal_committed")
    });
    let recorded = dev.figure("tollgate_journal_recorded");
    dev.kill_now();
    let folder = dev.data().join("journal");
    let last = segment::list(&folder).unwrap().pop().unwrap();
    let bytes = fs::read(&last.path).unwrap();
    // Within the last record but two.
    let records: Vec<usize> = Frames::of(&bytes, last.first)
        .filter(|frame| matches!(frame.found, Found::Record(..)))
        .map(|frame| frame.at)
        .collect();
    let cut = records[records.len() - 3] + 20;
    OpenOptions::new().write(true).open(&last.path).unwrap().set_len(cut as u64).unwrap();

    dev = dev.kill_and_restart();
    let log = dev.log();
    assert!(log.contains("the journal is behind the store"), "{log}");
    assert!(log.contains("a torn end of the journal is cut"), "{log}");
    for _ in 0..2 {
        assert_eq!(metered(&dev), 200);
    }
    wait_for("the books", || {
        dev.figure("tollgate_usage_waiting") == 0 && dev.figure("tollgate_journal_recorded") >= recorded + 2
    });
    assert_eq!(
        (dev.figure("tollgate_usage_unaccounted"), dev.figure("tollgate_usage_excepted_total")),
        (0, 0)
    );
    let looked = verify(&folder, Duration::from_millis(100), &mut |_, _| {}).unwrap();
    let kinds: Vec<_> = looked.findings.iter().map(|finding| finding.flaw.name()).collect();
    assert!(kinds.contains(&"missing"), "{:#?}", looked.findings);
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], serde_json::json!([]), "{check}");
}
