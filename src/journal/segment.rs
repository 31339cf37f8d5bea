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

/// What the name of a segment's file ends in.
const ENDING: &str = ".segment";

/// The segments of `folder` by rising sequence. Other files are left alone.
///
/// # Errors
/// [`JournalError::Io`] if the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<SegmentFile>, JournalError> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(JournalError::io(folder))? {
        let path = entry.map_err(JournalError::io(folder))?.path();
        if let Some(first) = first_of(&path, ENDING) {
            segments.push(SegmentFile { path, first });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// The name of the segment that begins with `first`.
pub(super) fn name(first: Sequence) -> String {
    named(first, ENDING)
}

/// The name of a file with the records from `first` on.
pub(super) fn named(first: Sequence, ending: &str) -> String {
    format!("{first:020}{ending}")
}

/// The first record of such a file; `None` of one that is named in another way, if only by a digit: no file may stand beside one with the
/// same records. A store keeps sequences as signed integers, so none begins beyond those.
pub(super) fn first_of(path: &Path, ending: &str) -> Option<Sequence> {
    let name = path.file_name()?.to_str()?;
    let first = Sequence::try_from(name.strip_suffix(ending)?.parse::<i64>().ok()?).ok()?;
    (name == named(first, ending)).then_some(first)
}

/// Makes created and removed names of `folder` durable.
///
/// # Errors
/// [`JournalError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(JournalError::io(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_the_name_that_its_first_record_makes_and_no_other() {
        let largest = Sequence::try_from(i64::MAX).unwrap();
        for first in [0, 1, 77, largest] {
            assert_eq!(first_of(Path::new(&name(first)), ENDING), Some(first));
        }
        for other in [
            "1.segment",
            "+0000000000000000001.segment",
            "-0000000000000000001.segment",
            "000000000000000000001.segment",
            "00000000000000000001.segment.corrupt",
            "00000000000000000001 (1).segment",
            "00000000000000000001.zst",
            "spare.segment",
            ".segment",
        ] {
            assert_eq!(first_of(Path::new(other), ENDING), None, "{other}");
        }
        assert_eq!(first_of(Path::new(&name(largest + 1)), ENDING), None);
    }
}
