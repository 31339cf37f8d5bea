//! The room that is allocated ahead: it reads as the end, and goes when a segment is left.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tollgate::journal::frame::used;
use tollgate::journal::journal::JournalSettings;

use super::chain::{look, sound};
use super::{append_durably, last_segment, open, payloads, read_all, try_open};

const SEGMENT: u64 = 64 << 10;

fn settings(folder: &Path) -> JournalSettings {
    let mut settings = JournalSettings::new(folder.to_owned(), "node-1".to_owned());
    settings.segment_bytes = SEGMENT;
    settings
}

fn spare(folder: &Path) -> PathBuf {
    folder.join("spare.segment")
}

#[test]
fn a_segment_has_its_room_before_it_is_needed_and_no_more_than_it_needs_when_it_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = try_open(settings(folder.path())).unwrap();
    append_durably(&journal, &["first"]);
    let segment = last_segment(folder.path());
    let metadata = fs::metadata(&segment).unwrap();
    assert_eq!(metadata.len(), SEGMENT);
    assert!(metadata.blocks() * 512 >= SEGMENT, "the disk has room for it");
    journal.close().unwrap();
    let bytes = fs::read(&segment).unwrap();
    assert!(bytes.len() < 1000 && used(&bytes) + 8 > bytes.len(), "{} bytes", bytes.len());
    sound(folder.path());
}

#[test]
fn a_reader_sees_what_is_written_where_it_had_read_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = try_open(settings(folder.path())).unwrap();
    let mut reader = journal.reader(0);
    for round in 0..50 {
        let record = format!("record {round}");
        append_durably(&journal, &[&record]);
        assert_eq!(payloads(&read_all(&mut reader)), [record]);
    }
    journal.close().unwrap();
}

#[test]
fn the_next_segment_is_made_when_half_of_one_is_full_and_used_when_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = try_open(settings(folder.path())).unwrap();
    let third = "x".repeat(SEGMENT as usize / 3);
    append_durably(&journal, &[&third]);
    assert!(!spare(folder.path()).exists());
    append_durably(&journal, &[&third]);
    let late = Instant::now() + Duration::from_secs(30);
    while fs::metadata(spare(folder.path())).map_or(0, |made| made.len()) < SEGMENT {
        assert!(Instant::now() < late, "no segment is made ahead");
        std::thread::yield_now();
    }
    let made = fs::metadata(spare(folder.path())).unwrap().ino();
    append_durably(&journal, &[&third, "in the next one"]);
    assert_eq!(fs::metadata(last_segment(folder.path())).unwrap().ino(), made);
    assert!(!journal.state().is_short_of_room());
    assert_eq!(payloads(&read_all(&mut journal.reader(0)))[3], "in the next one");
    append_durably(&journal, &[&third, &third]);
    journal.close().unwrap();
    assert!(!spare(folder.path()).exists(), "what nobody took is removed");
    assert_eq!(sound(folder.path()).last(), 6);
}

#[test]
fn a_kill_leaves_zeros_which_the_next_start_takes_for_the_end() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (journal, _) = try_open(settings(folder.path())).unwrap();
    append_durably(&journal, &["first", "second"]);
    for file in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    journal.close().unwrap();
    assert_eq!(fs::metadata(last_segment(copy.path())).unwrap().len(), SEGMENT);
    assert_eq!(sound(copy.path()).last(), 2, "zeros are no fault");
    let (journal, recovery) = open(copy.path());
    assert_eq!((recovery.last, recovery.cut_bytes, recovery.missing.len()), (2, 0, 0));
    assert!(fs::metadata(last_segment(copy.path())).unwrap().len() < 1000);
    append_durably(&journal, &["third"]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "second", "third"]);
    journal.close().unwrap();
    sound(copy.path());
}

#[test]
fn what_was_torn_before_zeros_is_cut_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let whole = fs::read(&segment).unwrap();
    let mut torn = Vec::new();
    tollgate::journal::frame::encode(&mut torn, 2, &[7; 100]);
    for length in 1..torn.len() {
        fs::write(&segment, [&whole[..], &torn[..length], &[0; 9000]].concat()).unwrap();
        assert!(!look(folder.path()).findings.is_empty(), "torn at {length}");
        let (journal, recovery) = open(folder.path());
        assert_eq!((recovery.last, recovery.missing.len()), (1, 0), "torn at {length}");
        assert_eq!(recovery.cut_bytes as usize, used(&torn[..length]));
        journal.close().unwrap();
        assert_eq!(fs::read(&segment).unwrap(), whole);
    }
}
