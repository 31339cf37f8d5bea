//! A process that is killed, and a disk that takes no more: what was acknowledged stays, what was not is told.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tollgate::journal::error::JournalError;

use super::{open, payloads, read_all};

/// Not a test by itself: the process that the next test kills.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Ok(folder) = std::env::var("TOLLGATE_TEST_JOURNAL") else { return };
    let (journal, recovery) = open(Path::new(&folder));
    let mut writer = journal.writer();
    for number in recovery.last.. {
        let payload = format!("record {number}");
        writer.append_durable(payload.as_bytes()).unwrap().blocking_recv().unwrap().unwrap();
        println!("acknowledged {number}");
    }
}

/// Starts one of this binary's tests as a process of its own, by a shell that does `before` first.
fn start(test: &str, (variable, folder): (&str, &Path), before: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("journal::faults::{test}"), "--exact", "--nocapture"])
        .env(variable, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for _ in 0..10 {
        let variable = ("TOLLGATE_TEST_JOURNAL", folder.path());
        let (mut child, output) = start("child_that_appends_until_it_is_killed", variable, "");
        let lives_for = fastrand::usize(1..200);
        let mut seen = 0;
        for line in output.lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged.push(number.parse::<u64>().unwrap());
                seen += 1;
            }
            if seen == lives_for {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
    }
    let (journal, recovery) = open(folder.path());
    assert!(recovery.missing.is_empty() && recovery.quarantined.is_empty(), "{recovery:?}");
    let read = payloads(&read_all(&mut journal.reader(0)));
    assert_eq!(read.len() as u64, recovery.last);
    for number in &acknowledged {
        assert_eq!(read.iter().filter(|payload| **payload == format!("record {number}")).count(), 1);
    }
    assert!(acknowledged.len() >= 10);
    journal.close().unwrap();
}

/// Not a test by itself: appends a record for each line that it is sent, and tells what became of it.
#[test]
fn child_that_appends_on_demand() {
    let Ok(folder) = std::env::var("TOLLGATE_TEST_JOURNAL_ON_DEMAND") else { return };
    let (journal, _) = open(Path::new(&folder));
    let mut writer = journal.writer();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let result = writer.append_durable(line.as_bytes()).unwrap().blocking_recv().unwrap();
        match result {
            Ok(sequence) => println!("told {line} at {sequence}"),
            Err(JournalError::NotCommitted) => {
                println!("told {line} refused, ready: {}", writer.reserve(100).is_some())
            }
            Err(error) => println!("told {line}: {error}"),
        }
    }
    drop(writer);
    println!("told closed: {}", journal.close().is_ok());
}

struct OnDemand {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl OnDemand {
    fn append(&mut self, text: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{text}").unwrap();
        self.hear()
    }

    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the child ended");
            // The test harness writes its own words before the first one on the line.
            if let Some((_, told)) = line.trim_end().split_once("told ") {
                return told.to_owned();
            }
        }
    }

    fn allow_files_of(&self, bytes: &str) {
        let limit = format!("--fsize={bytes}:unlimited");
        let done = Command::new("prlimit").args(["--pid", &self.child.id().to_string(), &limit]).status();
        assert!(done.unwrap().success());
    }
}

#[test]
fn a_disk_that_takes_no_more_is_told_to_the_waiting_and_all_is_written_once_it_does() {
    let folder = tempfile::tempdir().unwrap();
    // Without the signal a write beyond the limit gives an error, as it does on a full disk.
    let variable = ("TOLLGATE_TEST_JOURNAL_ON_DEMAND", folder.path());
    let (child, output) = start("child_that_appends_on_demand", variable, "trap '' XFSZ;");
    let mut child = OnDemand { child, output };
    assert_eq!(child.append("first"), "first at 1");
    child.allow_files_of("150");
    assert_eq!(child.append("second"), "second refused, ready: false");
    assert_eq!(child.append("third"), "third refused, ready: false");
    child.allow_files_of("unlimited");
    while child.append("more").starts_with("more refused") {}
    drop(child.child.stdin.take());
    assert_eq!(child.hear(), "closed: true");
    child.child.wait().unwrap();

    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.cut_bytes, recovery.missing.len()), (0, 0));
    let read = payloads(&read_all(&mut journal.reader(0)));
    assert_eq!(read[..4], ["first", "second", "third", "more"]);
    assert_eq!(read.len() as u64, recovery.last);
    journal.close().unwrap();
}

#[test]
fn a_journal_that_closes_on_a_full_disk_says_what_it_could_not_keep() {
    let folder = tempfile::tempdir().unwrap();
    let variable = ("TOLLGATE_TEST_JOURNAL_ON_DEMAND", folder.path());
    let (child, output) = start("child_that_appends_on_demand", variable, "trap '' XFSZ;");
    let mut child = OnDemand { child, output };
    assert_eq!(child.append("first"), "first at 1");
    child.allow_files_of("150");
    assert_eq!(child.append("second"), "second refused, ready: false");
    drop(child.child.stdin.take());
    assert_eq!(child.hear(), "closed: false");
    child.child.wait().unwrap();
    let (journal, _) = open(folder.path());
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first"]);
    journal.close().unwrap();
}
