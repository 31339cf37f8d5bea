//! Whatever is done to a journal's files behind its back, looking them over tells of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use tollgate::journal::chain;
use tollgate::journal::error::JournalError;
use tollgate::journal::export::{Exported, export};
use tollgate::journal::finding::Flaw;
use tollgate::journal::frame::{self, SEAL_FRAME, SEGMENT_HEADER};
use tollgate::journal::frames::{Found, Frames};
use tollgate::journal::kept_heads::{Comparison, Disagreement, KeptBatch, KeptJournal};
use tollgate::journal::reader::Entry;
use tollgate::journal::segment;
use tollgate::journal::verify::{node_of, verify};

use super::chain::{Looked, look, sound, written};
use super::{append_durably, last_segment, open, payloads};

const SEVEN: &[&str] = &["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg"];

fn compare(looked: &Looked, kept: &KeptJournal, batches: &[KeptBatch]) -> Vec<Disagreement> {
    let mut more = |after: u64| batches.iter().filter(|batch| batch.last > after).take(1).copied().collect();
    let mut comparison = Comparison::new(kept, 1, &mut more);
    looked.seals.iter().for_each(|(sequence, head)| comparison.passed(*sequence, head));
    comparison.finish(looked).disagreements
}

fn flaws(folder: &Path) -> Vec<&'static str> {
    look(folder).findings.iter().map(|finding| finding.flaw.name()).collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    segment::list(folder).unwrap().into_iter().map(|segment| segment.path).collect()
}

#[test]
fn each_byte_that_is_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), SEVEN);
    // The last one as a kill leaves it.
    let last = last_segment(folder.path());
    fs::write(&last, [fs::read(&last).unwrap(), vec![0; 100]].concat()).unwrap();
    sound(folder.path());
    let mut files = segments(folder.path());
    assert!(files.len() >= 3);
    files.push(folder.path().join("identity"));
    for file in &files {
        let whole = fs::read(file).unwrap();
        // What ends the identity is blank, whichever blank it is.
        let end = whole.len() - usize::from(file.ends_with("identity"));
        for at in 0..end {
            let mut bytes = whole.clone();
            bytes[at] ^= fastrand::u8(1..);
            fs::write(file, bytes).unwrap();
            assert!(!look(folder.path()).findings.is_empty(), "{}: byte {at}", file.display());
        }
        fs::write(file, whole).unwrap();
    }
    sound(folder.path());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_taken_out_or_put_in_are_found(
        which in any::<Index>(), at in any::<Index>(), length in 1..120_usize, is_taken in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), SEVEN);
        let files = segments(folder.path());
        let file = &files[which.index(files.len())];
        let mut bytes = fs::read(file).unwrap();
        let at = at.index(bytes.len());
        if is_taken {
            let end = (at + length).min(bytes.len());
            // The end of the last segment may be missing without being missed: see the heads that a store keeps.
            prop_assume!(file != files.last().unwrap() || end < bytes.len());
            bytes.drain(at..end);
        } else {
            bytes.splice(at..at, std::iter::repeat_n(1, length));
        }
        fs::write(file, bytes).unwrap();
        prop_assert!(!look(folder.path()).findings.is_empty());
    }
}

/// The bytes of each group of a segment, with its seal.
fn groups(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut groups, mut begin) = (Vec::new(), SEGMENT_HEADER + SEAL_FRAME);
    for frame in Frames::of(bytes, 1).skip(1) {
        if matches!(frame.found, Found::Seal(..)) {
            groups.push(bytes[begin..frame.end].to_vec());
            begin = frame.end;
        }
    }
    groups
}

#[test]
fn groups_that_are_whole_by_themselves_have_to_follow_on_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append_durably(&journal, &["a", "b", "c"]);
    journal.close().unwrap();
    let segment = last_segment(folder.path());
    let whole = fs::read(&segment).unwrap();
    let (begin, groups) = (&whole[..SEGMENT_HEADER + SEAL_FRAME], groups(&whole));
    let write = |groups: &[&[u8]]| fs::write(&segment, [begin, &groups.concat()].concat()).unwrap();
    write(&[&groups[0], &groups[2]]);
    assert_eq!(flaws(folder.path()), ["missing", "seal"]);
    write(&[&groups[0], &groups[1], &groups[1], &groups[2]]);
    assert_eq!(flaws(folder.path()), ["out_of_order", "seal"]);
    // Another record in a group, with a seal that its bytes have, but not the ones behind it.
    let mut other = Vec::new();
    frame::encode(&mut other, 2, b"B");
    let before = match frame::decode(&groups[0][groups[0].len() - SEAL_FRAME..]) {
        frame::Decoded::Seal { head, .. } => head,
        other => panic!("{other:?}"),
    };
    let made_up = chain::next(&before, &other);
    frame::encode_seal(&mut other, 2, &made_up);
    write(&[&groups[0], &other, &groups[2]]);
    assert_eq!(flaws(folder.path()), ["seal"]);
    let finding = look(folder.path()).findings[0].to_string();
    assert!(finding.contains("the seal behind record 3 is not that of the bytes before it"), "{finding}");
}

#[test]
fn segments_have_to_follow_on_each_other() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), SEVEN);
    let files = segments(folder.path());
    let aside = folder.path().join("aside");
    fs::rename(&files[1], &aside).unwrap();
    assert_eq!(flaws(folder.path()), ["missing", "other_before"]);
    fs::rename(&aside, &files[1]).unwrap();
    fs::rename(&files[0], &aside).unwrap();
    assert!(flaws(folder.path()).is_empty(), "the oldest is removed once the store has it");
    fs::rename(&aside, &files[0]).unwrap();

    // The first of another journal, at the same place.
    let other = tempfile::tempdir().unwrap();
    written(other.path(), SEVEN);
    let own = fs::read(&files[0]).unwrap();
    fs::copy(&segments(other.path())[0], &files[0]).unwrap();
    assert_eq!(flaws(folder.path()), ["other_before", "other_before"]);
    fs::write(&files[0], own).unwrap();
    fs::remove_file(folder.path().join("identity")).unwrap();
    assert_eq!(flaws(folder.path()), ["identity"]);
}

#[test]
fn what_a_store_kept_shows_that_the_newest_records_are_gone_or_were_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), SEVEN);
    let content = sound(folder.path());
    let batch = |first: usize, last: usize| KeptBatch {
        first: first as u64,
        last: last as u64,
        head: Some(content.seals[last].1),
    };
    let kept = KeptJournal { position: 7, identity: content.identity.clone() };
    let batches = [batch(1, 3), batch(4, 5), batch(6, 7)];
    assert!(compare(&content, &kept, &batches).is_empty());

    // The last group, taken away whole.
    let segment = last_segment(folder.path());
    let whole = fs::read(&segment).unwrap();
    let left = whole.len() - groups(&whole).last().unwrap().len();
    fs::write(&segment, &whole[..left]).unwrap();
    let cut = sound(folder.path());
    assert_eq!(compare(&cut, &kept, &batches), [Disagreement::Ahead { position: 7, last: 6 }]);

    // All of it, written anew with other bytes.
    let anew = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join("identity"), anew.path().join("identity")).unwrap();
    written(anew.path(), &["a", "bb", "ccc", "dddd", "eeeee", "FFFFFF", "ggggggg"]);
    let anew = sound(anew.path());
    assert_eq!(compare(&anew, &kept, &batches), [Disagreement::OtherHead { first: 6, last: 7 }]);
}

#[test]
fn a_broken_record_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), SEVEN);
    let files = segments(folder.path());
    let mut bytes = fs::read(&files[1]).unwrap();
    let at = SEGMENT_HEADER + SEAL_FRAME;
    bytes[at + frame::FRAME_HEADER] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let findings = look(folder.path()).content.findings;
    let name = files[1].file_name().unwrap().to_str().unwrap();
    assert_eq!((findings[0].file.as_str(), findings[0].at), (name, at as u64));
    assert!(matches!(findings[..], [
        tollgate::journal::finding::Finding { flaw: Flaw::Broken(_), .. },
        tollgate::journal::finding::Finding { flaw: Flaw::Missing(first, last), .. },
    ] if first == last));
}

#[test]
fn records_are_given_out_in_order_as_far_as_they_are_sealed() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), SEVEN);
    let exported = |range: std::ops::RangeInclusive<u64>| {
        let mut entries = Vec::new();
        export(folder.path(), range, |found| {
            let Exported::Entry(entry) = found else { panic!("{found:?}") };
            entries.push(entry);
            Ok::<(), JournalError>(())
        })
        .unwrap();
        entries
    };
    assert_eq!(payloads(&exported(1..=u64::MAX)), SEVEN);
    assert_eq!(payloads(&exported(3..=5)), SEVEN[2..5]);
    assert!(exported(8..=u64::MAX).is_empty());
    let segment = last_segment(folder.path());
    let mut bytes = fs::read(&segment).unwrap();
    frame::encode(&mut bytes, 8, b"not acknowledged");
    fs::write(&segment, bytes).unwrap();
    assert_eq!(exported(7..=9), [Entry::Record(7, b"ggggggg".to_vec())]);
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let first_lost = sound_until_lost(&exported(1..=u64::MAX));
    assert!(matches!(exported(first_lost..=first_lost)[..], [Entry::Lost(first, last)] if first == last));
    assert!(matches!(node_of(folder.path()), Ok(Some(node)) if node == "node-1"));
    assert!(matches!(
        verify(Path::new("/nowhere"), Duration::ZERO, &mut |_, _| {}),
        Err(JournalError::Missing(_))
    ));
}

/// Where the first of these that is lost was.
fn sound_until_lost(entries: &[Entry]) -> u64 {
    let lost = entries.iter().find_map(|entry| match entry {
        Entry::Lost(first, _) => Some(*first),
        Entry::Record(..) => None,
    });
    lost.unwrap()
}
