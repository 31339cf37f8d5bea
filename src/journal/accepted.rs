//! Segments that do not begin with the seal that the one before them ends with, and of which somebody has said that they are read as they
//! are: the right files are lost for good. Until then whoever reads the journal waits at them. That the chain is broken there stays
//! a finding of who looks it over.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::archive;
use super::chain::Head;
use super::error::JournalError;
use super::frame::Sequence;
use super::segment;
use super::segment_reader::SegmentReader;
use crate::domain::hexadecimal::hexadecimal;

const NAME: &str = "accepted";

/// Whether the segment from record `first` on is read as it is, which begins with the seal of `head`.
///
/// # Errors
/// [`JournalError::Io`].
pub(super) fn is_accepted(folder: &Path, first: Sequence, head: &Head) -> Result<bool, JournalError> {
    let line = line(first, head);
    Ok(read(folder)?.lines().any(|accepted| accepted == line))
}

/// Has the segment from record `first` on be read as it is, durably, and no other in its place.
///
/// # Errors
/// [`JournalError::NoSegment`] if none begins there, or not with a seal; [`JournalError::Missing`], [`JournalError::Io`].
pub fn accept(folder: &Path, first: Sequence) -> Result<(), JournalError> {
    if !folder.is_dir() {
        return Err(JournalError::Missing(folder.to_owned()));
    }
    let no_segment = || JournalError::NoSegment { folder: folder.to_owned(), first };
    let segments = archive::all(folder)?;
    let place = segments.iter().position(|segment| segment.first == first).ok_or_else(no_segment)?;
    let mut opened = SegmentReader::of(folder, &segments, place)?.ok_or_else(no_segment)?;
    let head = opened.opening()?.ok_or_else(no_segment)?;
    if is_accepted(folder, first, &head)? {
        return Ok(());
    }
    let text = read(folder)?;
    let path = folder.join(NAME);
    let draft = path.with_extension("draft");
    File::create(&draft)
        .and_then(|mut file| writeln!(file, "{text}{}", line(first, &head)).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(JournalError::io(&path))?;
    segment::sync_folder(folder)
}

/// A line of the file: where a segment begins, and with which head. All else in it accepts nothing.
fn line(first: Sequence, head: &Head) -> String {
    format!("{first} {}", hexadecimal(head))
}

fn read(folder: &Path) -> Result<String, JournalError> {
    let path = folder.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}
