//! One segment as it is read, from its file or its archive, frame by frame, over what is broken.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::archive;
use super::chain::Head;
use super::error::JournalError;
use super::frame::{
    Decoded, MAX_FRAME, SEAL_FRAME, SEGMENT_HEADER, Sequence, decode, next_frame, resynchronise, used,
};
use super::segment::SegmentFile;

/// A segment that is read.
#[derive(Debug)]
pub(super) struct SegmentReader {
    source: Source,
    pub(super) path: PathBuf,
    pub(super) first: Sequence,
    /// Where the next segment begins, if there was one when this was opened: what this one has from there on was
    /// given up.
    pub(super) next: Option<Sequence>,
    /// Where in the file the buffer begins.
    begin: u64,
    buffer: Vec<u8>,
    offset: usize,
    /// Whether what is gone through ends in bytes that are no whole frame.
    is_rotten: bool,
}

/// Where a segment's bytes come from.
#[derive(Debug)]
enum Source {
    File(File),
    /// Of an archive, all of them, or those up to its damage.
    Unpacked {
        bytes: Vec<u8>,
        is_damaged: bool,
    },
}

/// A whole frame of a segment.
pub(super) enum Next {
    Record(Sequence, Vec<u8>),
    Seal(Sequence, Head),
}

const CHUNK: usize = 256 << 10;
/// Bytes in which the next whole record is searched at once behind a broken one: it and the next fit, however long.
const WINDOW: usize = 2 * MAX_FRAME;

impl SegmentReader {
    /// Opens the segment of `folder` at `place`, if there is one.
    pub(super) fn of(
        folder: &Path,
        segments: &[SegmentFile],
        place: usize,
    ) -> Result<Option<Self>, JournalError> {
        let Some(segment) = segments.get(place).cloned() else { return Ok(None) };
        let Some(source) = Source::of(folder, &segment)? else { return Ok(None) };
        let next = segments.get(place + 1).map(|segment| segment.first);
        Ok(Some(Self {
            source,
            path: segment.path,
            first: segment.first,
            next,
            begin: SEGMENT_HEADER as u64,
            buffer: Vec::new(),
            offset: 0,
            is_rotten: false,
        }))
    }

    /// The head in the seal that it begins with, if it does.
    pub(super) fn opening(&mut self) -> Result<Option<Head>, JournalError> {
        self.fill()?;
        match decode(&self.buffer) {
            Decoded::Seal { head, .. } => Ok(Some(head)),
            Decoded::Record { .. } | Decoded::End | Decoded::Broken => Ok(None),
        }
    }

    /// Whether broken bytes stand where it was gone through last.
    pub(super) fn ends_in_rot(&self) -> bool {
        self.is_rotten || matches!(self.source, Source::Unpacked { is_damaged: true, .. })
    }

    /// Forgets what was read of the file and not yet gone through: it is read again.
    pub(super) fn forget_ahead(&mut self) {
        self.begin += self.offset as u64;
        self.buffer.clear();
        self.offset = 0;
    }

    /// What the seal holds that comes next, if one does and it is that behind record `position`. It is on disk if anything
    /// behind the record is.
    pub(super) fn seal_behind(&mut self, position: Sequence) -> Result<Option<Head>, JournalError> {
        if self.buffer.len() - self.offset < SEAL_FRAME {
            self.fill()?;
        }
        match decode(&self.buffer[self.offset..]) {
            Decoded::Seal { sequence, head } if sequence == position => {
                self.offset += SEAL_FRAME;
                Ok(Some(head))
            }
            Decoded::Seal { .. } | Decoded::Record { .. } | Decoded::End | Decoded::Broken => Ok(None),
        }
    }

    /// The next whole frame up to `committed`, after `position`; `None` at the segment's end.
    pub(super) fn next(
        &mut self,
        position: Sequence,
        committed: Sequence,
    ) -> Result<Option<Next>, JournalError> {
        let mut is_frame_begin = true;
        loop {
            match decode(&self.buffer[self.offset..]) {
                Decoded::Record { sequence, .. } | Decoded::Seal { sequence, .. }
                    if sequence > committed || self.is_given_up(sequence) =>
                {
                    return Ok(None);
                }
                Decoded::Record { sequence, payload, length } => {
                    let payload = payload.to_vec();
                    self.offset += length;
                    self.is_rotten = false;
                    return Ok(Some(Next::Record(sequence, payload)));
                }
                Decoded::Seal { sequence, head } => {
                    self.offset += SEAL_FRAME;
                    self.is_rotten = false;
                    return Ok(Some(Next::Seal(sequence, head)));
                }
                // Not whole: as much is read as makes any record whole. What is broken then is rot.
                Decoded::End | Decoded::Broken => {
                    if self.buffer.len() - self.offset < WINDOW && self.fill()? {
                        continue;
                    }
                    self.is_rotten |= used(&self.buffer[self.offset..]) > 0;
                    if !self.skip_rot(position, is_frame_begin) {
                        return Ok(None);
                    }
                    is_frame_begin = false;
                }
            }
        }
    }

    fn is_given_up(&self, sequence: Sequence) -> bool {
        self.next.is_some_and(|next| sequence >= next)
    }

    /// Reads on; false at the end of the file.
    fn fill(&mut self) -> Result<bool, JournalError> {
        self.buffer.drain(..self.offset);
        self.begin += self.offset as u64;
        self.offset = 0;
        let mut chunk = vec![0; CHUNK];
        let at = self.begin + self.buffer.len() as u64;
        let read = self.source.read_at(&mut chunk, at).map_err(JournalError::io(&self.path))?;
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    }

    /// Steps over what is broken, to the next whole frame or as far as none begins; false at the end of the file.
    fn skip_rot(&mut self, position: Sequence, is_frame_begin: bool) -> bool {
        let rest = &self.buffer[self.offset..];
        let found = match is_frame_begin {
            true => resynchronise(rest, position),
            false => next_frame(rest, position),
        };
        match found {
            Some(skip) => self.offset += skip,
            None if rest.len() < WINDOW => return false,
            None => self.offset += rest.len() - MAX_FRAME,
        }
        true
    }
}

impl Source {
    /// That of a segment of `folder`, which may be packed meanwhile; `None` if it is gone.
    fn of(folder: &Path, segment: &SegmentFile) -> Result<Option<Self>, JournalError> {
        if !archive::is_one(segment) {
            match File::open(&segment.path) {
                Ok(file) => return Ok(Some(Self::File(file))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(JournalError::Io { path: segment.path.clone(), source }),
            }
        }
        let Some(contents) = archive::read(folder, segment)? else { return Ok(None) };
        let is_damaged = contents.damage.is_some();
        if let Some(damage) = contents.damage {
            let file = segment.path.display();
            tracing::error!(%file, damage, "an archived segment of the journal is damaged; what is whole of it is read");
        }
        Ok(Some(Self::Unpacked { bytes: contents.bytes, is_damaged }))
    }

    fn read_at(&self, chunk: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(chunk, at),
            Self::Unpacked { bytes, .. } => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let length = rest.len().min(chunk.len());
                chunk[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            }
        }
    }
}
