//! The chain over groups: it goes on over segments, restarts and kills, and from what older programs left.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tollgate::journal::chain::{self, Head};
use tollgate::journal::frame::{Decoded, Form, SEAL_FRAME, SEGMENT_HEADER, decode};
use tollgate::journal::journal::JournalSettings;
use tollgate::journal::segment;
use tollgate::journal::verify::{Content, verify};

use super::recovery::write_segment;
use super::{append_durably, last_segment, open, payloads, read_all, try_open};

/// What is in a folder, with all of its seals.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) content: Content,
    pub(super) seals: Vec<(u64, Head)>,
}

impl std::ops::Deref for Looked {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

pub(super) fn look(folder: &Path) -> Looked {
    let mut seals = Vec::new();
    let content =
        verify(folder, Duration::ZERO, &mut |sequence, head| seals.push((sequence, *head))).unwrap();
    Looked { content, seals }
}

/// What is in a folder in which nothing is wrong.
#[track_caller]
pub(super) fn sound(folder: &Path) -> Looked {
    let looked = look(folder);
    assert!(looked.findings.is_empty(), "{:#?}", looked.findings);
    looked
}

/// A journal of these records, each a group of its own, in segments of a few.
pub(super) fn written(folder: &Path, payloads: &[&str]) {
    let mut settings = JournalSettings::new(folder.to_owned(), "node-1".to_owned());
    settings.segment_bytes = 400;
    let (journal, _) = try_open(settings).unwrap();
    append_durably(&journal, payloads);
    journal.close().unwrap();
}

#[test]
fn each_group_is_sealed_and_each_segment_begins_with_the_last_seal() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["a", "b", "c", "d", "e"]);
    written(folder.path(), &["f", "g"]);
    let content = sound(folder.path());
    assert!(content.segments.len() >= 3, "{:#?}", content.segments);
    let sequences: Vec<u64> = content.seals.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3, 4, 5, 6, 7]);
    let identity = content.identity.clone().unwrap();
    assert_eq!(content.seals[0].1, chain::begin(&identity, "node-1"));
    for pair in content.segments.windows(2) {
        let bytes = fs::read(folder.path().join(&pair[1].file)).unwrap();
        let opening = decode(&bytes[SEGMENT_HEADER..]);
        assert_eq!(opening, Decoded::Seal { sequence: pair[0].last, head: pair[0].head.unwrap() });
    }
    assert!(content.segments.iter().all(|segment| segment.form == Some(Form::Sealed)));
    assert_eq!((content.last(), content.segments.iter().map(|segment| segment.records).sum()), (7, 7_u64));
}

#[test]
fn a_group_of_many_records_has_one_seal() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let mut writer = journal.writer();
    for number in 0..99 {
        writer.append(format!("record {number}").as_bytes()).unwrap();
    }
    writer.append_durable(b"the last").unwrap().blocking_recv().unwrap().unwrap();
    drop(writer);
    journal.close().unwrap();
    let content = sound(folder.path());
    assert_eq!((content.segments[0].records, content.segments[0].groups), (100, 1));
}

#[test]
fn a_reader_has_the_head_of_the_last_seal_that_it_passed() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["a", "b", "c", "d", "e"]);
    let (journal, _) = open(folder.path());
    let seals = sound(folder.path()).seals;
    let mut reader = journal.reader(0);
    assert_eq!(reader.head(), None);
    for (sequence, head) in &seals[1..] {
        assert_eq!(reader.next_batch(1).unwrap().len(), 1);
        assert_eq!((reader.position(), reader.head()), (*sequence, Some(*head)));
    }
    reader.rewind(2);
    assert_eq!(reader.head(), None);
    reader.next_batch(1).unwrap();
    assert_eq!((reader.position(), reader.head()), (3, Some(seals[3].1)));
    journal.close().unwrap();
}

#[test]
fn what_a_stop_kept_from_its_seal_is_sealed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["first", "second"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let whole = fs::read(&segment).unwrap();
    for length in SEGMENT_HEADER + SEAL_FRAME..=whole.len() {
        // As it is cut, and with the zeros behind that were allocated before.
        for zeros in [0, 5000] {
            let bytes = [&whole[..length], &vec![0; zeros]].concat();
            fs::write(&segment, bytes).unwrap();
            let (journal, recovery) = open(folder.path());
            journal.close().unwrap();
            assert_eq!(sound(folder.path()).last(), recovery.last, "cut at {length}");
        }
    }
    fs::write(&segment, &whole[..whole.len() - 1]).unwrap();
    written(folder.path(), &["third"]);
    let content = sound(folder.path());
    assert_eq!((content.last(), content.segments.len()), (3, 2));
}

#[test]
fn a_seal_that_is_broken_takes_no_record_with_it() {
    for at in [1, SEAL_FRAME / 2, SEAL_FRAME] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path());
        append_durably(&journal, &["first", "second"]);
        journal.close().unwrap();
        let segment = last_segment(folder.path());
        let mut bytes = fs::read(&segment).unwrap();
        let at = bytes.len() - at;
        bytes[at] ^= 0x55;
        fs::write(&segment, &bytes).unwrap();
        let (journal, recovery) = open(folder.path());
        assert_eq!((recovery.last, recovery.missing.len()), (2, 0), "byte {at}");
        assert!(recovery.cut_bytes > 0, "it is kept aside");
        assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "second"]);
        journal.close().unwrap();
        sound(folder.path());
    }
}

#[test]
fn a_folder_of_an_older_program_goes_on_and_its_chain_begins() {
    let folder = tempfile::tempdir().unwrap();
    write_segment(folder.path(), 1, &[b"first", b"second"]);
    write_segment(folder.path(), 3, &[b"third"]);
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.head), (3, None));
    append_durably(&journal, &["fourth"]);
    let mut reader = journal.reader(0);
    assert_eq!(payloads(&reader.next_batch(3).unwrap()), ["first", "second", "third"]);
    assert_eq!(reader.head(), None, "there is none yet");
    assert_eq!(payloads(&read_all(&mut reader)), ["fourth"]);
    assert!(reader.head().is_some());
    journal.close().unwrap();
    let content = sound(folder.path());
    let forms: Vec<_> = content.segments.iter().map(|segment| segment.form.unwrap()).collect();
    assert_eq!(forms, [Form::Plain, Form::Plain, Form::Sealed]);
    let identity = content.identity.clone().unwrap();
    assert_eq!(content.seals[0], (3, chain::begin(&identity, "node-1")));
    written(folder.path(), &["fifth"]);
    assert_eq!(sound(folder.path()).last(), 5);
}

#[test]
fn the_chain_goes_on_from_an_older_segment_when_the_newest_has_no_seal_left() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &["a", "b"]);
    written(folder.path(), &["c"]);
    let segment = last_segment(folder.path());
    let bytes = fs::read(&segment).unwrap();
    // Killed when only its header was on disk.
    fs::write(&segment, &bytes[..SEGMENT_HEADER]).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!(recovery.last, 2);
    append_durably(&journal, &["c again"]);
    journal.close().unwrap();
    assert_eq!(segment::list(folder.path()).unwrap().len(), 2);
    assert_eq!(sound(folder.path()).last(), 3);
}
