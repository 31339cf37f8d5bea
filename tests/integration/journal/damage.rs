//! Damage of any kind to the files: what is read is what was written, and what is not read is told.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use tollgate::journal::error::JournalError;
use tollgate::journal::given_up::give_up;
use tollgate::journal::journal::JournalSettings;
use tollgate::journal::reader::{Entry, Reader};
use tollgate::journal::segment;

use super::{read_all, try_open};

#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Zeros(Index, Index),
    Cut(Index),
    Remove,
}

fn damage() -> impl Strategy<Value = (Index, Damage)> {
    let kind = prop_oneof![
        4 => (any::<Index>(), 1_u8..).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Zeros(from, to)),
        2 => any::<Index>().prop_map(Damage::Cut),
        1 => Just(Damage::Remove),
    ];
    (any::<Index>(), kind)
}

fn harm(path: &Path, damage: &Damage) {
    let mut bytes = fs::read(path).unwrap();
    match damage {
        Damage::Remove => return fs::remove_file(path).unwrap(),
        _ if bytes.is_empty() => return,
        Damage::Flip(at, mask) => {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        Damage::Zeros(from, to) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes[from.min(to)..from.max(to)].fill(0);
        }
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
    }
    fs::write(path, bytes).unwrap();
}

fn settings(folder: &Path) -> JournalSettings {
    let mut settings = JournalSettings::new(folder.to_owned(), "node-1".to_owned());
    settings.segment_bytes = 300;
    settings
}

/// All of it. What no file has is given up.
fn read_giving_up(folder: &Path, reader: &mut Reader) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        match reader.next_batch(7) {
            Ok(batch) if batch.is_empty() => return all,
            Ok(batch) => all.extend(batch),
            Err(JournalError::Gone { last, .. }) => give_up(folder, last).unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_the_files_nothing_wrong_is_read_and_nothing_is_passed_over(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..25),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = try_open(settings(folder.path())).unwrap();
        let mut writer = journal.writer();
        let mut written = HashMap::new();
        for payload in &payloads {
            let sequence = writer.append_durable(payload).unwrap().blocking_recv().unwrap().unwrap();
            written.insert(sequence, payload.clone());
        }
        drop(writer);
        journal.close().unwrap();
        for (which, damage) in &damages {
            let segments = segment::list(folder.path()).unwrap();
            if !segments.is_empty() {
                harm(&segments[which.index(segments.len())].path, damage);
            }
        }

        let (journal, recovery) = try_open(settings(folder.path())).unwrap();
        let segments = segment::list(folder.path()).unwrap();
        let begin = segments.first().map_or(0, |first| first.first - 1);
        let last_begins = segments.last().map_or(1, |last| last.first);
        let mut position = begin;
        let mut missing = Vec::new();
        for entry in read_giving_up(folder.path(), &mut journal.reader(begin)) {
            match entry {
                Entry::Record(sequence, payload) => {
                    prop_assert_eq!(sequence, position + 1);
                    prop_assert_eq!(Some(&payload), written.get(&sequence));
                    position = sequence;
                }
                Entry::Lost(first, last) => {
                    prop_assert_eq!(first, position + 1);
                    missing.extend(first..=last);
                    position = last;
                }
            }
        }
        prop_assert_eq!(position, recovery.last);
        let reported: Vec<u64> = recovery.missing.iter().flat_map(|(first, last)| *first..=*last).collect();
        missing.retain(|sequence| *sequence >= last_begins);
        prop_assert_eq!(missing, reported, "recovery and reader agree on the last segment");

        let mut writer = journal.writer();
        let next = writer.append_durable(b"next").unwrap().blocking_recv().unwrap().unwrap();
        prop_assert_eq!(next, recovery.last + 1);
        prop_assert_eq!(read_all(&mut journal.reader(recovery.last)), [Entry::Record(next, b"next".to_vec())]);
        drop(writer);
        journal.close().unwrap();
    }
}
