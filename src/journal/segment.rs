//! Segment files of a journal folder: names and order.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::frame::Sequence;

/// A segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// Where it is.
    pub path: PathBuf,
    /// The sequence of its first record, as in its name.
    pub first: Sequence,
}

/// The segments of `folder` by rising sequence. Other files are left alone; a store keeps sequences as signed
/// integers, so no segment begins beyond those.
///
/// # Errors
/// [`JournalError::Io`] if the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<SegmentFile>, JournalError> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(JournalError::io(folder))? {
        let path = entry.map_err(JournalError::io(folder))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let is_segment = path.extension().is_some_and(|extension| extension == "segment");
        let first =
            stem.and_then(|stem| stem.parse::<i64>().ok()).and_then(|first| Sequence::try_from(first).ok());
        if let (true, Some(first)) = (is_segment, first) {
            segments.push(SegmentFile { path, first });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// The name of the segment that begins with `first`.
pub(super) fn name(first: Sequence) -> String {
    format!("{first:020}.segment")
}

/// Makes created and removed names of `folder` durable.
///
/// # Errors
/// [`JournalError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(JournalError::io(folder))
}
