//! The segment that is appended to: it gets its name once its beginning is on disk, and is cut to what it holds when it is left.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::chain::Head;
use super::error::JournalError;
use super::frame::{self, Form, SegmentHeader, Sequence};
use super::segment;
use super::spare::Spare;

/// A segment that is open for appending.
#[derive(Debug)]
pub(super) struct OpenSegment {
    file: File,
    length: u64,
}

impl OpenSegment {
    /// Begins the segment behind record `last` and `head`, durably: file and folder are synced.
    ///
    /// # Errors
    /// [`JournalError::Io`] if it cannot be written.
    pub(super) fn begin(
        folder: &Path,
        node: &str,
        (last, head): (Sequence, &Head),
        spare: &mut Spare,
    ) -> Result<Self, JournalError> {
        let first = last.saturating_add(1);
        let path = folder.join(segment::name(first));
        // One of that name can only be one that was given up before any of its records was acknowledged. A reader may have it
        // open, so it stays the same file.
        let (mut file, made_at) = match path.exists() {
            true => (spare.make_at(&path).map_err(JournalError::io(&path))?, None),
            false => {
                let (file, made_at) = spare.take().map_err(JournalError::io(&path))?;
                (file, Some(made_at))
            }
        };
        let mut begin = SegmentHeader { form: Form::Sealed, node: node.to_owned(), first }.encode().to_vec();
        frame::encode_seal(&mut begin, last, head);
        file.write_all(&begin).and_then(|()| file.sync_all()).map_err(JournalError::io(&path))?;
        if let Some(made_at) = made_at {
            fs::rename(made_at, &path).map_err(JournalError::io(&path))?;
        }
        segment::sync_folder(folder)?;
        Ok(Self { file, length: begin.len() as u64 })
    }

    /// Appends a group. If that fails, the segment is to be given up.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn write(&mut self, group: &[u8]) -> io::Result<()> {
        self.file.write_all(group)
    }

    /// Waits until `written` bytes, those of the last group, are on disk, and counts them. If that fails, the segment is to be
    /// given up: nobody knows what the disk holds.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn sync(&mut self, written: usize) -> io::Result<()> {
        self.file.sync_data()?;
        self.length += written as u64;
        Ok(())
    }

    /// Bytes of it that are on disk.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Leaves it after a write that failed. What that left is cut, so that its sequences are free for the next segment. Should
    /// that fail too, recovery and readers pass over it: a later segment repeats its sequences.
    pub(super) fn give_up(self) {
        let _ = self.file.set_len(self.length).and_then(|()| self.file.sync_all());
    }

    /// Of a file that was begun before, for tests.
    #[cfg(test)]
    pub(super) fn of(file: File) -> Self {
        Self { file, length: 0 }
    }
}

impl Drop for OpenSegment {
    /// Gives back the room that it did not need. Should it stay allocated, it reads as zeros, which end a segment.
    fn drop(&mut self) {
        let _ = self.file.set_len(self.length);
    }
}
