//! The journal's part of `platform.yaml`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::file::platform::{JournalSection, UnwritableName};
use super::super::file::text::{DurationText, SizeText};
use super::super::journal_terms::{Archiving, RecordTimes, Unwritable};
use super::super::load::Document;
use super::basics::duration;
use super::set::Compiling;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// For less, a store that is away overnight would make exceptions of what waits for it.
const OLDEST: RangeInclusive<Duration> = DAY..=Duration::from_secs(400 * 24 * 3600);
const KEEP: Duration = Duration::from_secs(90 * 24 * 3600);
const ARCHIVE_BYTES: u64 = 16 << 30;
const AHEAD: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;

pub(super) fn unwritable(section: &JournalSection) -> Unwritable {
    match section.unwritable {
        UnwritableName::RefuseMoney => Unwritable::RefuseMoney,
        UnwritableName::RefuseAll => Unwritable::RefuseAll,
        UnwritableName::Stop => Unwritable::Stop,
    }
}

pub(super) fn record_times(
    compiling: &mut Compiling<'_>,
    document: &Document,
    section: &JournalSection,
) -> Option<RecordTimes> {
    let usual = RecordTimes::default();
    let oldest = within(
        compiling,
        document,
        ("oldest", section.oldest.as_ref()),
        usual.oldest,
        (OLDEST, "1d to 400d"),
    );
    let ahead =
        within(compiling, document, ("ahead", section.ahead.as_ref()), usual.ahead, (AHEAD, "1s to 1d"));
    Some(RecordTimes { oldest: oldest?, ahead: ahead? })
}

pub(super) fn archiving(
    compiling: &mut Compiling<'_>,
    document: &Document,
    section: &JournalSection,
) -> Option<Archiving> {
    let keep = section.archive.keep.as_ref();
    let keep = within(compiling, document, ("archive/keep", keep), KEEP, (OLDEST, "1d to 400d"));
    let size = section.archive.size.as_ref().map_or(Some(ARCHIVE_BYTES), SizeText::bytes);
    if size.is_none() {
        let help = Some("write it like 512MiB or 16GiB".to_owned());
        compiling.wrong(document, "/journal/archive/size", "this is not a size that fits".to_owned(), help);
    }
    Some(Archiving { keep: keep?, most_bytes: size? })
}

fn within(
    compiling: &mut Compiling<'_>,
    document: &Document,
    (name, text): (&str, Option<&DurationText>),
    usual: Duration,
    (bounds, told): (RangeInclusive<Duration>, &str),
) -> Option<Duration> {
    let Some(text) = text else { return Some(usual) };
    let pointer = format!("/journal/{name}");
    let span = duration(compiling, document, &pointer, text)?;
    if !bounds.contains(&span) {
        compiling.wrong(document, &pointer, format!("it is {told}"), None);
        return None;
    }
    Some(span)
}
