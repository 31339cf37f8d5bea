//! The journal over real files, across crashes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tollgate::journal::error::JournalError;
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::reader::{Entry, Reader};
use tollgate::journal::recover::Recovery;

fn open(folder: &Path) -> (Journal, Recovery) {
    Journal::open(JournalSettings::new(folder.to_owned(), "node-1".to_owned())).unwrap()
}

fn read_all(reader: &mut Reader) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let batch = reader.next_batch(7).unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch);
    }
}

fn append_durably(journal: &Journal, payloads: &[&str]) {
    let mut writer = journal.writer();
    for payload in payloads {
        writer.append_durable(payload.as_bytes()).unwrap().blocking_recv().unwrap().unwrap();
    }
}

fn payloads(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| match entry {
        Entry::Record(_, payload) => String::from_utf8(payload.clone()).unwrap(),
        Entry::Lost(from, to) => format!("lost {from}-{to}"),
    };
    entries.iter().map(text).collect()
}

fn last_segment(folder: &Path) -> std::path::PathBuf {
    tollgate::journal::segment::list(folder).unwrap().pop().unwrap().path
}

#[test]
fn what_was_acknowledged_is_read_back_in_order_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!(recovery, Recovery::default());
    append_durably(&journal, &["a", "b"]);
    journal.close();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.cut_bytes), (2, 0));
    append_durably(&journal, &["c"]);
    let entries = read_all(&mut journal.reader(0));
    assert_eq!(payloads(&entries), ["a", "b", "c"]);
    assert!(matches!(entries[2], Entry::Record(3, _)));
    assert_eq!(payloads(&read_all(&mut journal.reader(2))), ["c"]);
    journal.close();
}

#[test]
fn records_of_many_cores_are_each_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    settings.segment_bytes = 4096;
    settings.kept_segments = 1;
    let (journal, _) = Journal::open(settings).unwrap();
    std::thread::scope(|scope| {
        for core in 0..4 {
            let mut writer = journal.writer();
            scope.spawn(move || {
                for number in 0..500 {
                    let payload = format!("{core}-{number}");
                    if number % 50 == 0 {
                        writer.append_durable(payload.as_bytes()).unwrap().blocking_recv().unwrap().unwrap();
                    } else {
                        writer.append(payload.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    append_durably(&journal, &["end"]);
    let mut reader = journal.reader(0);
    let mut read = payloads(&read_all(&mut reader));
    assert_eq!(read.len(), 2001);
    let of_core_0: Vec<&String> = read.iter().filter(|payload| payload.starts_with("0-")).collect();
    assert!(of_core_0.iter().enumerate().all(|(at, payload)| **payload == format!("0-{at}")));
    read.sort();
    read.dedup();
    assert_eq!(read.len(), 2001);
    let before = tollgate::journal::segment::list(folder.path()).unwrap().len();
    assert!(before > 3, "{before} segments");
    journal.release(reader.position()).unwrap();
    assert_eq!(tollgate::journal::segment::list(folder.path()).unwrap().len(), 2);
    journal.close();
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first", "second"]);
    journal.close();
    let segment = last_segment(folder.path());
    let whole = fs::read(&segment).unwrap();
    for length in 161..whole.len() {
        fs::write(&segment, &whole[..length]).unwrap();
        let (journal, recovery) = open(folder.path());
        assert!(recovery.quarantined.is_empty());
        let expected: &[&str] = if length >= whole.len() - 22 { &["first"] } else { &[] };
        assert_eq!(payloads(&read_all(&mut journal.reader(0))), expected, "cut at {length}");
        journal.close();
    }
}

#[test]
fn rot_is_kept_aside_and_reported_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first", "second", "third"]);
    journal.close();
    let segment = last_segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"second").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.quarantined.len()), (3, 1));
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2", "third"]);
    append_durably(&journal, &["fourth"]);
    assert!(matches!(read_all(&mut journal.reader(3))[..], [Entry::Record(4, _)]));
    journal.close();
}

#[test]
fn a_folder_in_use_or_of_another_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let again = Journal::open(JournalSettings::new(folder.path().to_owned(), "node-1".to_owned()));
    assert!(matches!(again, Err(JournalError::Locked(_))));
    append_durably(&journal, &["a"]);
    journal.close();
    let other = Journal::open(JournalSettings::new(folder.path().to_owned(), "node-2".to_owned()));
    assert!(matches!(other, Err(JournalError::OtherNode { .. })));
}

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

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["journal::child_that_appends_until_it_is_killed", "--exact", "--nocapture"])
            .env("TOLLGATE_TEST_JOURNAL", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = 0;
        for line in lines {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged.push(number.parse::<u64>().unwrap());
                seen += 1;
            }
            if seen == round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
    }
    let (journal, recovery) = open(folder.path());
    let read = payloads(&read_all(&mut journal.reader(0)));
    assert_eq!(read.len() as u64, recovery.last);
    for number in &acknowledged {
        assert_eq!(read.iter().filter(|payload| **payload == format!("record {number}")).count(), 1);
    }
    assert!(acknowledged.len() >= 7 * 55);
    journal.close();
}
