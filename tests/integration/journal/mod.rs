//! The journal over real files, across crashes.

mod chain;
mod damage;
mod faults;
mod missing;
mod recovery;
mod retention;
mod room;
mod verified;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tollgate::domain::random::{Random, RandomUnavailable};
use tollgate::domain::time::ManualClock;
use tollgate::journal::error::JournalError;
use tollgate::journal::frame::{FRAME_HEADER, SEAL_FRAME, SEGMENT_HEADER};
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::reader::{Entry, Reader};
use tollgate::journal::recover::Recovery;

fn open(folder: &Path) -> (Journal, Recovery) {
    try_open(JournalSettings::new(folder.to_owned(), "node-1".to_owned())).unwrap()
}

fn try_open(settings: JournalSettings) -> Result<(Journal, Recovery), JournalError> {
    Journal::open(settings, Arc::new(ManualClock::default()), &Chance)
}

/// Another number each time.
struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        fastrand::fill(bytes);
        Ok(())
    }
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
    journal.close().unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.cut_bytes), (2, 0));
    append_durably(&journal, &["c"]);
    let entries = read_all(&mut journal.reader(0));
    assert_eq!(payloads(&entries), ["a", "b", "c"]);
    assert!(matches!(entries[2], Entry::Record(3, _)));
    assert_eq!(payloads(&read_all(&mut journal.reader(2))), ["c"]);
    journal.close().unwrap();
}

#[test]
fn records_of_many_cores_are_each_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    settings.segment_bytes = 4096;
    let (journal, _) = try_open(settings).unwrap();
    let write = |core: usize| {
        let mut writer = journal.writer();
        let mut acknowledged = Vec::new();
        for number in 0..500 {
            let payload = format!("{core}-{number}");
            if number % 50 == 0 {
                let committed = writer.append_durable(payload.as_bytes()).unwrap();
                acknowledged.push((committed.blocking_recv().unwrap().unwrap(), payload));
            } else {
                writer.append(payload.as_bytes()).unwrap();
            }
        }
        acknowledged
    };
    let acknowledged: Vec<_> = std::thread::scope(|scope| {
        let cores: Vec<_> = (0..4).map(|core| scope.spawn(move || write(core))).collect();
        cores.into_iter().flat_map(|core| core.join().unwrap()).collect()
    });
    append_durably(&journal, &["end"]);
    let mut reader = journal.reader(0);
    let mut read = payloads(&read_all(&mut reader));
    assert_eq!(read.len(), 2001);
    for (sequence, payload) in &acknowledged {
        assert_eq!(&read[usize::try_from(*sequence).unwrap() - 1], payload, "acknowledged at its own place");
    }
    let of_core_0: Vec<&String> = read.iter().filter(|payload| payload.starts_with("0-")).collect();
    assert!(of_core_0.iter().enumerate().all(|(at, payload)| **payload == format!("0-{at}")));
    read.sort();
    read.dedup();
    assert_eq!(read.len(), 2001);
    let before = tollgate::journal::segment::list(folder.path()).unwrap().len();
    assert!(before > 3, "{before} segments");
    journal.close().unwrap();
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first", "second"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let whole = fs::read(&segment).unwrap();
    // The segment begins with a seal, and one is behind each record.
    let first = SEGMENT_HEADER + SEAL_FRAME + FRAME_HEADER + "first".len();
    let second = first + SEAL_FRAME + FRAME_HEADER + "second".len();
    assert_eq!(whole.len(), second + SEAL_FRAME);
    for length in SEGMENT_HEADER + 1..whole.len() {
        fs::write(&segment, &whole[..length]).unwrap();
        let (journal, recovery) = open(folder.path());
        assert!(recovery.quarantined.is_empty() && recovery.missing.is_empty(), "cut at {length}");
        let count = usize::from(length >= first) + usize::from(length >= second);
        let expected = &["first", "second"][..count];
        assert_eq!(payloads(&read_all(&mut journal.reader(0))), expected, "cut at {length}");
        journal.close().unwrap();
    }
}

#[test]
fn rot_is_kept_aside_and_reported_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first", "second", "third"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"second").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.quarantined.len()), (3, 1));
    assert_eq!(recovery.missing, [(2, 2)]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2", "third"]);
    append_durably(&journal, &["fourth"]);
    assert!(matches!(read_all(&mut journal.reader(3))[..], [Entry::Record(4, _)]));
    journal.close().unwrap();
}

#[test]
fn a_folder_in_use_or_of_another_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let again = try_open(JournalSettings::new(folder.path().to_owned(), "node-1".to_owned()));
    assert!(matches!(again, Err(JournalError::Locked(_))));
    append_durably(&journal, &["a"]);
    journal.close().unwrap();
    let other = try_open(JournalSettings::new(folder.path().to_owned(), "node-2".to_owned()));
    assert!(matches!(other, Err(JournalError::OtherNode { .. })));
}

#[test]
fn rot_in_the_last_record_is_told_from_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first", "second"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    let last = bytes.len() - SEAL_FRAME - 1;
    bytes[last] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    for _ in 0..2 {
        let (journal, recovery) = open(folder.path());
        assert_eq!((recovery.last, recovery.cut_bytes, recovery.missing), (2, 0, vec![(2, 2)]));
        assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2"]);
        journal.close().unwrap();
    }
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["third"]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2", "third"]);
    journal.close().unwrap();
}

#[test]
fn what_looks_like_a_record_inside_a_rotten_one_does_not_pass_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut forged = b"x".to_vec();
    tollgate::journal::frame::encode(&mut forged, 2, b"forged");
    let (journal, _) = open(folder.path());
    let mut writer = journal.writer();
    for payload in [b"first".as_slice(), &forged, b"third"] {
        writer.append_durable(payload).unwrap().blocking_recv().unwrap().unwrap();
    }
    drop(writer);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"forged").unwrap() - 17;
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (journal, _) = open(folder.path());
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2", "third"]);
    journal.close().unwrap();
}

#[test]
fn a_journal_that_was_lost_goes_on_after_the_position_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    settings.resume_after = 1000;
    let (journal, _) = try_open(settings).unwrap();
    append_durably(&journal, &["new"]);
    assert!(matches!(read_all(&mut journal.reader(1000))[..], [Entry::Record(1001, _)]));
    journal.close().unwrap();
}

#[test]
fn a_journal_keeps_its_identity_and_another_of_the_same_node_has_another() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let identity = |folder: &Path| {
        let (journal, _) = open(folder);
        let identity = journal.identity().to_owned();
        journal.close().unwrap();
        identity
    };
    let first = identity(folder.path());
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    assert_eq!(identity(folder.path()), first);
    assert_ne!(identity(other.path()), first);
    fs::write(folder.path().join("identity"), "of nobody").unwrap();
    let opened = try_open(JournalSettings::new(folder.path().to_owned(), "node-1".to_owned()));
    assert!(matches!(opened, Err(JournalError::Identity(_))));
}

#[test]
fn a_journal_with_records_is_given_no_other_identity_if_its_own_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first"]);
    journal.close().unwrap();
    let file = folder.path().join("identity");
    let identity = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let opened = try_open(JournalSettings::new(folder.path().to_owned(), "node-1".to_owned()));
    assert!(matches!(opened, Err(JournalError::NoIdentity(_))));
    assert!(!file.exists());
    fs::write(&file, identity).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!(recovery.last, 1);
    journal.close().unwrap();
}

#[test]
fn a_name_that_no_segment_can_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in [String::new(), "n".repeat(129)] {
        let opened = try_open(JournalSettings::new(folder.path().to_owned(), name));
        assert!(matches!(opened, Err(JournalError::NodeName(_))));
    }
}
