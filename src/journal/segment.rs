//! Segment files of a journal folder: names, order, creation.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::frame::{SEGMENT_HEADER, SegmentHeader, Sequence};

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

/// Creates the segment that begins with `first`, durably: file and folder are synced.
///
/// # Errors
/// [`JournalError::Io`] if it exists or cannot be written.
pub fn create(folder: &Path, node: &str, first: Sequence) -> Result<(File, u64), JournalError> {
    let path = folder.join(format!("{first:020}.segment"));
    // A segment of that name can only be one that was given up before any of its records was acknowledged.
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&path)
        .map_err(JournalError::io(&path))?;
    let header = SegmentHeader { node: node.to_owned(), first };
    file.write_all(&header.encode()).map_err(JournalError::io(&path))?;
    file.sync_all().map_err(JournalError::io(&path))?;
    sync_folder(folder)?;
    Ok((file, SEGMENT_HEADER as u64))
}

/// Makes created and removed names of `folder` durable.
///
/// # Errors
/// [`JournalError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(JournalError::io(folder))
}
