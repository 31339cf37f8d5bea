//! While a journal takes no records, the calls of which it takes none are counted, and once it does, it tells of them itself.

use std::fs;
use std::sync::Arc;

use tollgate::domain::id::AppId;
use tollgate::domain::time::{ManualClock, Timestamp};
use tollgate::gateway::omitted::Omitted;
use tollgate::journal::error::JournalError;
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::reader::Entry;
use tollgate::journal::writer::Writer;
use tollgate::metering::omission::{self, Omission};
use tollgate::server::random::MachineRandom;

use crate::support::dev::wait_for;

#[test]
fn what_the_journal_could_not_take_is_told_by_the_journal_once_it_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    settings.waiting_bytes = 1 << 20;
    let (journal, _) =
        Journal::open(settings, Arc::new(ManualClock::default()), &MachineRandom::new()).unwrap();
    // Nothing can be written where a folder stands.
    let in_the_way = folder.path().join(format!("{:020}.segment", 1));
    fs::create_dir(&in_the_way).unwrap();
    let mut writer = journal.writer();
    let (mut omitted, app) = (Omitted::default(), AppId::new("app_1").unwrap());
    let (mut taken, mut lost) = (0_u64, 0_u64);
    while lost < 30 {
        match writer.append(&[7; 10_000]) {
            Ok(()) => taken += 1,
            Err(JournalError::Full) => {
                omitted.add(&app, Timestamp::from_seconds(100 + i64::try_from(lost).unwrap()));
                lost += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    omitted.hand_over(&mut writer);
    assert!(!writer.has_handed_over(), "nothing was, while there is no room");

    fs::remove_dir(&in_the_way).unwrap();
    let handed_over = |writer: &mut Writer| {
        wait_for("the journal", || {
            writer.flush();
            writer.has_handed_over()
        });
    };
    handed_over(&mut writer);
    omitted.hand_over(&mut writer);
    omitted.hand_over_all(&mut writer);
    handed_over(&mut writer);
    drop(writer);
    let mut reader = journal.reader(0);
    wait_for("the records", || journal.state().committed() == taken + 1);
    let mut entries = Vec::new();
    loop {
        let batch = reader.next_batch(1000).unwrap();
        if batch.is_empty() {
            break;
        }
        entries.extend(batch);
    }
    assert_eq!(entries.len() as u64, taken + 1, "one record tells of all of them");
    let Some(Entry::Record(sequence, payload)) = entries.last() else { panic!("{:?}", entries.last()) };
    assert_eq!((*sequence, omission::is_one(payload)), (taken + 1, true));
    let (from, until) = (Timestamp::from_seconds(100), Timestamp::from_seconds(129));
    assert_eq!(omission::decode(payload).unwrap(), Omission { app: Some(app), calls: 30, from, until });
    journal.close().unwrap();
}
