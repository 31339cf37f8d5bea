//! Up to where somebody has said that records are given up which no file of a journal has any more. Until then whoever reads it waits at
//! them: their files may still come back, from a backup or another disk.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::Path;

use super::archive;
use super::error::JournalError;
use super::frame::Sequence;
use super::frames::{Found, Frames};
use super::segment::{self, SegmentFile};

const NAME: &str = "given-up";

/// The last record that is given up; 0 if none is.
///
/// # Errors
/// [`JournalError::GivenUp`] if what is kept there is no number, [`JournalError::Io`].
pub(super) fn read(folder: &Path) -> Result<Sequence, JournalError> {
    let path = folder.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim_end().parse().map_err(|_| JournalError::GivenUp(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}

/// Gives up all up to record `last`, durably, so that a node goes on behind it: it makes one exception of them.
///
/// # Errors
/// [`JournalError::StillThere`] if a file has that record, or may yet have it; [`JournalError::Missing`], [`JournalError::Io`].
pub fn give_up(folder: &Path, last: Sequence) -> Result<(), JournalError> {
    if !folder.is_dir() {
        return Err(JournalError::Missing(folder.to_owned()));
    }
    let still_there = || JournalError::StillThere { folder: folder.to_owned(), last };
    let segments = archive::all(folder)?;
    let behind = segments.partition_point(|segment| segment.first <= last);
    let Some(next) = segments.get(behind) else { return Err(still_there()) };
    let before = behind.checked_sub(1).and_then(|place| segments.get(place));
    let is_held = before.map(|before| has_any(folder, before, last..next.first)).transpose()?;
    if is_held == Some(true) {
        return Err(still_there());
    }
    let path = folder.join(NAME);
    let draft = path.with_extension("draft");
    File::create(&draft)
        .and_then(|mut file| writeln!(file, "{last}").and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(JournalError::io(&path))?;
    segment::sync_folder(folder)
}

/// Whether a segment tells of any of these records.
fn has_any(folder: &Path, segment: &SegmentFile, records: Range<Sequence>) -> Result<bool, JournalError> {
    let Some(contents) = archive::read(folder, segment)? else { return Ok(false) };
    Ok(Frames::of(&contents.bytes, segment.first).any(|frame| match frame.found {
        Found::Record(sequence, _) | Found::Seal(sequence, _) => records.contains(&sequence),
        Found::Broken | Found::Rest => false,
    }))
}
