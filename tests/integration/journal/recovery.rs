//! What a start reads, keeps aside and reports, and what it leaves to the readers.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate::journal::error::JournalError;
use tollgate::journal::frame::{
    FRAME_HEADER, Form, SEAL_FRAME, SEGMENT_HEADER, SegmentHeader, encode, encode_seal,
};
use tollgate::journal::journal::JournalSettings;
use tollgate::journal::reader::Entry;

use super::chain::sound;
use super::{append_durably, last_segment, open, payloads, read_all, try_open};

/// The files of `folder` whose names have `part` in them.
fn files(folder: &Path, part: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().to_str().unwrap().contains(part)).collect()
}

/// A segment as older programs wrote it, without seals.
pub(super) fn write_segment(folder: &Path, first: u64, payloads: &[&[u8]]) -> PathBuf {
    let path = folder.join(format!("{first:020}.segment"));
    let mut bytes = SegmentHeader { form: Form::Plain, node: "node-1".to_owned(), first }.encode().to_vec();
    (first..).zip(payloads).for_each(|(sequence, payload)| encode(&mut bytes, sequence, payload));
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_last_record_whose_length_has_rot_is_missing_and_its_sequence_is_not_used_again() {
    // One bit of the length, in the bytes from its lowest to its highest: short, beyond the end, beyond any record.
    for (byte, bit) in [(0, 1), (1, 0x10), (2, 4), (3, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let path = write_segment(folder.path(), 1, &[b"first", b"second"]);
        let mut bytes = fs::read(&path).unwrap();
        let begin = bytes.len() - FRAME_HEADER - b"second".len();
        bytes[begin + byte] ^= bit;
        fs::write(&path, &bytes).unwrap();
        for _ in 0..2 {
            let (journal, recovery) = open(folder.path());
            assert_eq!((recovery.last, &recovery.missing[..]), (2, &[(2, 2)][..]), "byte {byte}");
            assert_eq!(recovery.quarantined.len(), 1);
            journal.close().unwrap();
        }
        let (journal, _) = open(folder.path());
        append_durably(&journal, &["third"]);
        assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2", "third"]);
        journal.close().unwrap();
    }
}

#[test]
fn what_is_cut_from_a_torn_end_is_kept_beside_the_segment() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_segment(folder.path(), 1, &[b"first", b"second"]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.cut_bytes), (1, 20));
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first"]);
    journal.close().unwrap();
    let kept = files(folder.path(), "cut-181");
    assert_eq!(fs::read(&kept[0]).unwrap(), whole[SEGMENT_HEADER + 21..whole.len() - 2]);
}

#[test]
fn rot_in_an_older_segment_is_told_by_the_reader_which_keeps_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_segment(folder.path(), 1, &[b"first", b"second"]);
    write_segment(folder.path(), 3, &[b"third"]);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.missing.len(), recovery.quarantined.len()), (3, 0, 0));
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "lost 2-2", "third"]);
    assert_eq!(fs::read(&files(folder.path(), "corrupt")[0]).unwrap(), bytes);
    journal.close().unwrap();
}

#[test]
fn a_start_does_not_need_room_for_what_it_would_keep_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_segment(folder.path(), 1, &[b"first", b"second", b"third"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[SEGMENT_HEADER + FRAME_HEADER] ^= 1;
    bytes.truncate(bytes.len() - 1);
    fs::write(&path, &bytes).unwrap();
    // No draft can be written: a folder stands in its place.
    fs::create_dir(folder.path().join("00000000000000000001.segment.draft")).unwrap();
    let (journal, recovery) = open(folder.path());
    let whole = SEGMENT_HEADER + 2 * FRAME_HEADER + "firstsecond".len();
    let cut = (bytes.len() - whole) as u64;
    assert_eq!((recovery.last, recovery.cut_bytes, recovery.quarantined.len()), (2, cut, 0));
    append_durably(&journal, &["next"]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["lost 1-1", "second", "next"]);
    assert_eq!(fs::read(&path).unwrap(), bytes[..whole], "what cannot be kept was never acknowledged");
    journal.close().unwrap();
}

#[test]
fn a_torn_group_whose_pages_came_in_another_order_is_torn_and_not_lost() {
    for is_kept in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path());
        append_durably(&journal, &["a"]);
        journal.close().unwrap();
        let segment = last_segment(folder.path());
        let mut bytes = fs::read(&segment).unwrap();
        encode(&mut bytes, 2, b"b");
        let hole = bytes.len();
        encode(&mut bytes, 3, &[7; 100]);
        let end = bytes.len();
        encode(&mut bytes, 4, &[8; 100]);
        // The page between has not come there, and no seal.
        bytes[hole..end].fill(0);
        fs::write(&segment, &bytes).unwrap();
        if !is_kept {
            fs::create_dir(folder.path().join("00000000000000000001.segment.draft")).unwrap();
        }
        let (journal, recovery) = open(folder.path());
        let cut = (bytes.len() - hole) as u64;
        assert_eq!((recovery.last, recovery.cut_bytes), (2, cut));
        assert!(recovery.missing.is_empty() && recovery.quarantined.is_empty(), "{recovery:?}");
        append_durably(&journal, &["c"]);
        assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["a", "b", "c"]);
        journal.close().unwrap();
        sound(folder.path());
        assert_eq!(files(folder.path(), "cut-").len(), usize::from(is_kept));
    }
}

#[test]
fn of_segments_that_overlap_the_later_one_holds() {
    let folder = tempfile::tempdir().unwrap();
    write_segment(folder.path(), 1, &[b"first", b"given up", b"given up"]);
    write_segment(folder.path(), 2, &[b"second"]);
    let (journal, recovery) = open(folder.path());
    assert_eq!(recovery.last, 2);
    append_durably(&journal, &["third"]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["first", "second", "third"]);
    journal.close().unwrap();
}

#[test]
fn a_record_behind_megabytes_of_rot_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let long = vec![7; 1 << 20];
    let path = write_segment(folder.path(), 1, &[b"first", &long, &long, &long, &long, &long, b"last"]);
    let mut bytes = fs::read(&path).unwrap();
    let (begin, end) = (SEGMENT_HEADER + FRAME_HEADER + 5, bytes.len() - FRAME_HEADER - 4);
    bytes[begin..end].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    let (journal, _) = open(folder.path());
    let entries = read_all(&mut journal.reader(0));
    assert_eq!(payloads(&entries), ["first", "lost 2-6", "last"]);
    assert!(matches!(entries[2], Entry::Record(7, _)));
    journal.close().unwrap();
}

#[test]
fn an_older_segment_of_another_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_segment(folder.path(), 1, &[b"first"]);
    let header = SegmentHeader { form: Form::Plain, node: "node-2".to_owned(), first: 1 }.encode();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [&header[..], &bytes[SEGMENT_HEADER..]].concat()).unwrap();
    write_segment(folder.path(), 2, &[b"second"]);
    let opened = try_open(JournalSettings::new(folder.path().to_owned(), "node-1".to_owned()));
    assert!(matches!(opened, Err(JournalError::OtherNode { .. })));
}

#[test]
fn a_stop_between_the_seal_that_was_missing_and_the_cut_behind_it_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["a", "b"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    // A start has put the seal over the begin of a torn record, whose rest is still there.
    let mut torn = Vec::new();
    encode(&mut torn, 3, &[7; 200]);
    let rest = &torn[SEAL_FRAME..150];
    fs::write(&segment, [&fs::read(&segment).unwrap(), rest, &[0; 100]].concat()).unwrap();
    let (journal, recovery) = open(folder.path());
    assert_eq!((recovery.last, recovery.cut_bytes), (2, rest.len() as u64));
    assert!(recovery.missing.is_empty() && recovery.quarantined.is_empty(), "{recovery:?}");
    append_durably(&journal, &["c"]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), ["a", "b", "c"]);
    journal.close().unwrap();
    sound(folder.path());
}

#[test]
fn what_a_segment_holds_that_was_given_up_while_it_was_read_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["a"]);
    journal.close().unwrap();
    let (journal, _) = open(folder.path());
    let mut reader = journal.reader(0);
    assert_eq!(payloads(&read_all(&mut reader)), ["a"]);
    let segment = last_segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    encode(&mut bytes, 2, b"given up");
    encode_seal(&mut bytes, 2, &[7; 32]);
    fs::write(&segment, bytes).unwrap();
    append_durably(&journal, &["b"]);
    assert_eq!(payloads(&read_all(&mut reader)), ["b"]);
    assert_ne!(reader.head(), Some([7; 32]));
    journal.close().unwrap();
}
