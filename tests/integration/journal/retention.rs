//! What is drained is archived, read from there again, and kept as long as it is to be, and as the store needs it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate::domain::time::Timestamp;
use tollgate::journal::archive;
use tollgate::journal::error::JournalError;
use tollgate::journal::export::{Exported, export};
use tollgate::journal::given_up::give_up;
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::retention::{Terms, tend};
use tollgate::journal::segment;

use super::chain::{look, sound};
use super::{append_durably, payloads, read_all, try_open};

const KEEP: Terms = Terms { keep: Duration::from_secs(86_400), most_bytes: 1 << 30 };

/// A journal of records of 100 bytes, two a segment.
pub(super) fn journal(folder: &Path, records: usize) -> (Journal, Vec<String>) {
    let mut settings = JournalSettings::new(folder.to_owned(), "node-1".to_owned());
    settings.segment_bytes = 400;
    settings.kept_segments = 1;
    let (journal, _) = try_open(settings).unwrap();
    let texts: Vec<String> = (1..=records).map(|number| format!("{number:0100}")).collect();
    append_durably(&journal, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    (journal, texts)
}

/// Now, as files have it, and so much later.
fn after(span: Duration) -> Timestamp {
    let file = tempfile::tempfile().unwrap();
    let now = file.metadata().unwrap().modified().unwrap();
    Timestamp::default().plus(now.duration_since(std::time::UNIX_EPOCH).unwrap()).plus(span)
}

fn tended(journal: &Journal, position: u64, terms: &Terms, now: Timestamp) {
    tend(journal.settings(), journal.state(), &|| Some(position), (terms, now), &|| true).unwrap();
}

fn firsts(folder: &Path) -> (Vec<u64>, Vec<u64>) {
    let firsts = |files: Vec<segment::SegmentFile>| files.iter().map(|file| file.first).collect();
    (firsts(archive::list(folder).unwrap()), firsts(segment::list(folder).unwrap()))
}

fn archives(folder: &Path) -> Vec<PathBuf> {
    archive::list(folder).unwrap().into_iter().map(|archive| archive.path).collect()
}

#[test]
fn drained_segments_are_archived_but_the_newest_and_read_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, texts) = journal(folder.path(), 9);
    let (_, before) = firsts(folder.path());
    assert!(before.len() >= 4, "{before:?}");
    tended(&journal, 0, &KEEP, after(Duration::ZERO));
    assert_eq!(firsts(folder.path()), (Vec::new(), before.clone()), "none of it is in the books");
    // All but the last two segments: of one, not all is drained, and one stays as it is.
    let position = before[before.len() - 1] - 1;
    tended(&journal, position, &KEEP, after(Duration::ZERO));
    let (archived, plain) = before.split_at(before.len() - 2);
    assert_eq!(firsts(folder.path()), (archived.to_vec(), plain.to_vec()));
    assert_eq!(
        (journal.state().packed(), journal.state().archives()),
        (archived.len() as u64, archived.len() as u64)
    );
    assert!(journal.state().archive_bytes() > 0);

    // The store was replaced by an older copy: it is given all of it again.
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), texts);
    assert_eq!(payloads(&read_all(&mut journal.reader(2))), texts[2..]);
    let mut reader = journal.reader(0);
    assert_eq!(reader.next_batch(2).unwrap().len(), 2);
    assert!(reader.head().is_some());
    append_durably(&journal, &["more"]);
    assert_eq!(read_all(&mut reader).len(), texts.len() - 1);
    let looked = sound(folder.path());
    assert_eq!(looked.segments.iter().filter(|segment| segment.is_archived).count(), archived.len());
    assert_eq!((looked.segments[0].first, looked.last()), (1, 10));
    journal.close().unwrap();
    let (journal, _) = self::journal(folder.path(), 0);
    assert_eq!(read_all(&mut journal.reader(0)).len(), 10, "after a restart too");
    journal.close().unwrap();
}

#[test]
fn archives_go_when_they_are_old_or_too_many_and_never_while_the_store_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = journal(folder.path(), 12);
    tended(&journal, 12, &KEEP, after(Duration::ZERO));
    let (archived, plain) = firsts(folder.path());
    assert!(archived.len() >= 3, "{archived:?}");
    let (old, tight) = (after(Duration::from_secs(2 * 86_400)), Terms { most_bytes: 1, ..KEEP });
    // As if the store had been set back.
    for position in [0, archived[1] - 2] {
        tended(&journal, position, &KEEP, old);
        tended(&journal, position, &tight, after(Duration::ZERO));
        assert_eq!(firsts(folder.path()), (archived.clone(), plain.clone()), "at {position}");
    }
    tended(&journal, archived[1] - 1, &KEEP, old);
    assert_eq!(firsts(folder.path()).0, archived[1..], "the first is drained and old");
    let all_but_one =
        archives(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>() - 1;
    tended(&journal, 12, &Terms { most_bytes: all_but_one, ..KEEP }, after(Duration::ZERO));
    assert_eq!(firsts(folder.path()).0, archived[2..], "one goes for their bytes");
    // A clock that went back makes nothing old.
    tended(&journal, 12, &KEEP, Timestamp::from_seconds(0));
    assert_eq!(firsts(folder.path()).0, archived[2..]);
    for left in (2..archived.len()).rev() {
        tended(&journal, 12, &KEEP, old);
        assert_eq!(firsts(folder.path()).0.len(), left - 2, "one at a time: a clock may have jumped ahead");
    }
    assert_eq!(firsts(folder.path()), (Vec::new(), plain));
    sound(folder.path());
    journal.close().unwrap();
}

#[test]
fn a_segment_that_cannot_be_packed_stays_and_keeps_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = journal(folder.path(), 12);
    let (_, before) = firsts(folder.path());
    // No draft can be made for the first: a folder stands in its place.
    fs::create_dir_all(folder.path().join("archive/00000000000000000001.segment.draft")).unwrap();
    let tend = |terms: &Terms, now| {
        tend(journal.settings(), journal.state(), &|| Some(12), (terms, now), &|| true).unwrap_err()
    };
    assert!(matches!(tend(&KEEP, after(Duration::ZERO)), JournalError::Io { .. }));
    let (archived, plain) = firsts(folder.path());
    assert_eq!((plain[0], &archived[..]), (1, &before[1..=archived.len()]));
    assert!(archived.len() >= 3 && journal.state().archive_failures() == 1, "{archived:?}");
    // What is kept no longer goes from the oldest on, packed or not.
    tend(&KEEP, after(Duration::from_secs(2 * 86_400)));
    assert_eq!((firsts(folder.path()).0, firsts(folder.path()).1[0]), (archived.clone(), plain[1]));
    journal.close().unwrap();
}

#[test]
fn nothing_is_removed_that_the_store_lacks_at_that_moment_or_while_it_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = journal(folder.path(), 12);
    let (_, before) = firsts(folder.path());
    let old = after(Duration::from_secs(2 * 86_400));
    let tend = |position: &dyn Fn() -> Option<u64>| {
        tend(journal.settings(), journal.state(), position, (&KEEP, old), &|| true).unwrap();
    };
    tend(&|| None);
    assert_eq!(firsts(folder.path()), (Vec::new(), before.clone()));
    // It is put back while a segment is packed.
    let asked = Cell::new(0);
    tend(&|| Some(if asked.replace(asked.get() + 1) == 0 { 12 } else { 0 }));
    assert_eq!(firsts(folder.path()), (vec![1], before));
    journal.close().unwrap();
}

#[test]
fn records_that_no_file_has_are_waited_at_until_they_are_given_up_or_back() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, texts) = journal(folder.path(), 12);
    tended(&journal, 12, &KEEP, after(Duration::ZERO));
    let (oldest, kept) = (archives(folder.path()).swap_remove(0), folder.path().join("elsewhere"));
    fs::rename(&oldest, &kept).unwrap();
    let first = firsts(folder.path()).0[0];
    let mut reader = journal.reader(0);
    for _ in 0..2 {
        let gone = reader.next_batch(7).unwrap_err();
        assert!(matches!(gone, JournalError::Gone { first: 1, last } if last == first - 1), "{gone}");
    }
    assert!(matches!(give_up(folder.path(), first), Err(JournalError::StillThere { .. })));
    fs::rename(&kept, &oldest).unwrap();
    assert_eq!(payloads(&read_all(&mut reader)), texts);

    fs::remove_file(&oldest).unwrap();
    let mut found = Vec::new();
    export(folder.path(), 2..=u64::MAX, |one| {
        found.push(one);
        Ok::<(), JournalError>(())
    })
    .unwrap();
    assert_eq!(found[0], Exported::KeptNoLonger(2, first - 1));
    assert_eq!(found.len(), texts.len() + 2 - usize::try_from(first).unwrap());
    reader.rewind(0);
    assert!(matches!(reader.next_batch(7), Err(JournalError::Gone { .. })));
    give_up(folder.path(), first - 1).unwrap();
    let read = payloads(&read_all(&mut reader));
    assert_eq!(read[0], format!("lost 1-{}", first - 1));
    assert_eq!(read[1..], texts[usize::try_from(first).unwrap() - 1..]);
    let mut names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.any(|name| name.to_str().unwrap().ends_with("corrupt")), "none has rot");
    journal.close().unwrap();
}

#[test]
fn bytes_that_were_kept_aside_count_and_go_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = journal(folder.path(), 3);
    let aside = folder.path().join("00000000000000000001.segment.cut-200");
    fs::write(&aside, [7; 1000]).unwrap();
    tended(&journal, 0, &KEEP, after(Duration::ZERO));
    assert!(aside.exists());
    assert_eq!(journal.state().archive_bytes(), 1000);
    tended(&journal, 0, &KEEP, after(Duration::from_secs(2 * 86_400)));
    assert!(!aside.exists());
    assert_eq!(journal.state().archive_bytes(), 0);
    journal.close().unwrap();
}

#[test]
fn a_kill_while_a_segment_is_archived_leaves_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, texts) = journal(folder.path(), 7);
    let segments = segment::list(folder.path()).unwrap();
    let first = fs::read(&segments[0].path).unwrap();
    tended(&journal, 7, &KEEP, after(Duration::ZERO));
    // The archive was there, and the segment still is; of another, there is a draft.
    fs::write(&segments[0].path, first).unwrap();
    fs::write(folder.path().join("archive/00000000000000000003.segment.draft"), "half of it").unwrap();
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), texts);
    sound(folder.path());
    tended(&journal, 7, &KEEP, after(Duration::ZERO));
    assert!(!segments[0].path.exists());
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), texts);
    journal.close().unwrap();
}

#[test]
fn damage_in_an_archive_is_found_and_costs_no_more_than_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, texts) = journal(folder.path(), 9);
    tended(&journal, 9, &KEEP, after(Duration::ZERO));
    let (archived, _) = firsts(folder.path());
    let harmed = archives(folder.path()).swap_remove(1);
    let whole = fs::read(&harmed).unwrap();
    let lost = format!("lost {}-{}", archived[1], archived[2] - 1);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&harmed, bytes).unwrap();
        let looked = look(folder.path());
        let finding = looked.findings.first().unwrap_or_else(|| panic!("byte {at}"));
        assert_eq!((finding.flaw.name(), finding.at), ("archive", 0));
        assert!(finding.file.starts_with("archive/"), "{finding}");
    }
    fs::write(&harmed, &whole[..20]).unwrap();
    let read = payloads(&read_all(&mut journal.reader(0)));
    let before = usize::try_from(archived[1]).unwrap() - 1;
    assert_eq!((&read[..before], &read[before]), (&texts[..before], &lost));
    assert_eq!(read[before + 1..], texts[usize::try_from(archived[2]).unwrap() - 1..]);
    let mut exported = Vec::new();
    export(folder.path(), 1..=u64::MAX, |found| {
        let Exported::Entry(entry) = found else { panic!("{found:?}") };
        exported.push(entry);
        Ok::<(), JournalError>(())
    })
    .unwrap();
    assert_eq!(payloads(&exported), read);
    journal.close().unwrap();
}

#[test]
fn on_a_disk_without_room_the_oldest_goes_and_nothing_is_packed_but_what_the_store_lacks_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = journal(folder.path(), 12);
    let (_, before) = firsts(folder.path());
    tended(&journal, before[3] - 1, &KEEP, after(Duration::ZERO));
    let packed = firsts(folder.path());
    assert_eq!(packed.0, before[..2]);
    // No disk has room for two such segments.
    let mut settings = journal.settings().clone();
    settings.segment_bytes = 1 << 60;
    let tend = |position| {
        let terms = (&KEEP, after(Duration::ZERO));
        tend(&settings, journal.state(), &|| Some(position), terms, &|| true).unwrap();
    };
    tend(0);
    assert_eq!(firsts(folder.path()), packed);
    tend(12);
    assert_eq!(firsts(folder.path()), (Vec::new(), before[before.len() - 2..].to_vec()));
    journal.close().unwrap();
}
