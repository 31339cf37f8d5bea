//! A segment that is missing between others is waited at, and one of another journal in its place is not read.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate::journal::accepted::accept;
use tollgate::journal::error::JournalError;
use tollgate::journal::given_up::give_up;
use tollgate::journal::journal::Journal;
use tollgate::journal::reader::{Entry, Reader};
use tollgate::journal::segment;

use super::retention::journal;
use super::{payloads, read_all};

/// The file of the second segment and those records that it has, first and last.
fn second(folder: &Path) -> (PathBuf, u64, u64) {
    let segments = segment::list(folder).unwrap();
    assert!(segments.len() >= 4, "{segments:?}");
    (segments[1].path.clone(), segments[1].first, segments[2].first - 1)
}

/// What is read until that fails, and how it does.
fn read_until(reader: &mut Reader) -> (Vec<String>, JournalError) {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        match reader.next_batch(7) {
            Ok(batch) if batch.is_empty() => panic!("all is read: {:?}", payloads(&all)),
            Ok(batch) => all.extend(batch),
            Err(error) => return (payloads(&all), error),
        }
    }
}

fn up_to(texts: &[String], last: u64) -> &[String] {
    &texts[..usize::try_from(last).unwrap()]
}

#[test]
fn a_segment_that_is_missing_between_others_is_waited_at_until_it_is_back_or_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, texts) = journal(folder.path(), 9);
    let (file, first, last) = second(folder.path());
    let aside = folder.path().join("elsewhere");
    fs::rename(&file, &aside).unwrap();
    let mut reader = journal.reader(0);
    let (before, gone) = read_until(&mut reader);
    assert_eq!(before, up_to(&texts, first - 1), "what is before it is read");
    for gone in
        [gone, reader.next_batch(7).unwrap_err(), journal.reader(first - 1).next_batch(7).unwrap_err()]
    {
        assert!(
            matches!(gone, JournalError::Gone { first: from, last: to } if (from, to) == (first, last)),
            "{gone}"
        );
    }
    for held in [first - 1, last + 1, u64::from(u32::MAX)] {
        let refused = give_up(folder.path(), held);
        assert!(matches!(refused, Err(JournalError::StillThere { .. })), "{held}: {refused:?}");
    }
    fs::rename(&aside, &file).unwrap();
    assert_eq!(payloads(&read_all(&mut reader)), texts[usize::try_from(first).unwrap() - 1..]);

    fs::remove_file(&file).unwrap();
    give_up(folder.path(), last).unwrap();
    let read = payloads(&read_all(&mut journal.reader(0)));
    let lost = vec![format!("lost {first}-{last}")];
    let rest = &texts[usize::try_from(last).unwrap()..];
    assert_eq!(read, [up_to(&texts, first - 1), &lost, rest].concat());
    let mut names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.any(|name| name.to_str().unwrap().ends_with("corrupt")), "none has rot");
    journal.close().unwrap();
}

#[test]
fn a_segment_of_another_journal_of_the_node_is_not_read() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (journal, texts): (Journal, Vec<String>) = journal(folder.path(), 9);
    let (other, _) = super::retention::journal(elsewhere.path(), 9);
    other.close().unwrap();
    let (file, first, last) = second(folder.path());
    let (own, foreign) = (fs::read(&file).unwrap(), fs::read(second(elsewhere.path()).0).unwrap());
    fs::write(&file, foreign).unwrap();
    let mut reader = journal.reader(0);
    let (before, refused) = read_until(&mut reader);
    assert_eq!(before, up_to(&texts, first - 1));
    // Also for one who begins there, or within it.
    for refused in [refused, reader.next_batch(7).unwrap_err()]
        .into_iter()
        .chain([first - 1, first].map(|position| journal.reader(position).next_batch(7).unwrap_err()))
    {
        assert!(matches!(&refused, JournalError::OtherBefore { path, .. } if *path == file), "{refused}");
    }
    // What follows it does not follow on it.
    let mut reader = journal.reader(last);
    assert!(matches!(reader.next_batch(7), Err(JournalError::OtherBefore { .. })));
    fs::write(&file, own).unwrap();
    assert_eq!(payloads(&read_all(&mut reader)), texts[usize::try_from(last).unwrap()..]);
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), texts);
    journal.close().unwrap();
}

#[test]
fn a_segment_that_does_not_follow_is_read_once_somebody_accepts_it_and_no_other_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, texts): (Journal, Vec<String>) = journal(folder.path(), 9);
    let (file, first, last) = second(folder.path());
    let own = fs::read(&file).unwrap();
    let foreign = || {
        let elsewhere = tempfile::tempdir().unwrap();
        super::retention::journal(elsewhere.path(), 9).0.close().unwrap();
        fs::read(second(elsewhere.path()).0).unwrap()
    };
    fs::write(&file, foreign()).unwrap();
    let mut reader = journal.reader(0);
    let (_, refused) = read_until(&mut reader);
    let says = refused.to_string();
    assert!(says.contains(&format!("tollgate journal accept --from {first}")), "{says}");
    for nowhere in [first + 1, u64::MAX] {
        let none = accept(folder.path(), nowhere);
        assert!(matches!(none, Err(JournalError::NoSegment { .. })), "{none:?}");
    }
    for _ in 0..2 {
        accept(folder.path(), first).unwrap();
    }
    // What follows it does not follow on it, and is asked about by itself.
    let (read, refused) = read_until(&mut reader);
    assert_eq!(read, texts[usize::try_from(first).unwrap() - 1..usize::try_from(last).unwrap()]);
    assert!(
        matches!(refused, JournalError::OtherBefore { first: next, .. } if next == last + 1),
        "{refused}"
    );
    accept(folder.path(), last + 1).unwrap();
    assert_eq!(payloads(&read_all(&mut reader)), texts[usize::try_from(last).unwrap()..]);
    fs::write(&file, foreign()).unwrap();
    let (_, refused) = read_until(&mut journal.reader(0));
    assert!(matches!(refused, JournalError::OtherBefore { path, .. } if path == file), "it is another one");
    fs::write(&file, own).unwrap();
    assert_eq!(payloads(&read_all(&mut journal.reader(0))), texts);
    journal.close().unwrap();
}
