//! Reads committed records in order, across segments, while the committer appends; of what is archived, from the archives.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive;
use super::chain::Head;
use super::error::JournalError;
use super::frame::{
    Decoded, MAX_FRAME, SEAL_FRAME, SEGMENT_HEADER, Sequence, decode, next_frame, resynchronise,
};
use super::given_up;
use super::quarantine;
use super::segment::{self, SegmentFile};
use super::state::State;

/// What a reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record.
    Record(Sequence, Vec<u8>),
    /// Records that rot has made unreadable, or that are given up, first and last.
    Lost(Sequence, Sequence),
}

/// Reads a journal from a position on.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    state: Arc<State>,
    position: Sequence,
    /// What the last seal on the way held.
    head: Option<Head>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    source: Source,
    path: PathBuf,
    first: Sequence,
    /// Where the next segment begins, if there was one when this was opened: what this one has from there on was
    /// given up.
    next: Option<Sequence>,
    /// Where in the file the buffer begins.
    begin: u64,
    buffer: Vec<u8>,
    offset: usize,
}

/// Where a segment's bytes come from.
#[derive(Debug)]
enum Source {
    File(File),
    /// Of an archive, all of them.
    Unpacked(Vec<u8>),
}

/// A whole frame of a segment.
enum Next {
    Record(Sequence, Vec<u8>),
    Seal(Sequence, Head),
}

const CHUNK: usize = 256 << 10;
/// Bytes in which the next whole record is searched at once behind a broken one: it and the next fit, however long.
const WINDOW: usize = 2 * MAX_FRAME;
/// Bytes of payload after which a batch is long enough.
const MAX_BATCH_BYTES: usize = 24 << 20;

impl Reader {
    pub(super) fn new(folder: PathBuf, state: Arc<State>, position: Sequence) -> Self {
        Self { folder, state, position, head: None, open: None }
    }

    /// The last record that was read.
    #[must_use]
    pub fn position(&self) -> Sequence {
        self.position
    }

    /// The chain's head in the last seal at or before the position; `None` if none was passed yet.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.head
    }

    /// Goes back to `position`, to read what follows again.
    pub fn rewind(&mut self, position: Sequence) {
        self.position = position;
        self.head = None;
        self.open = None;
    }

    /// Up to `max` further entries, and not many more than 24 MiB of them; empty if all that is committed has been
    /// read.
    ///
    /// # Errors
    /// [`JournalError::Gone`] if no file has the next record, and nobody has given it up; [`JournalError::Io`],
    /// [`JournalError::GivenUp`].
    pub fn next_batch(&mut self, max: usize) -> Result<Vec<Entry>, JournalError> {
        let committed = self.state.committed();
        // What was read ahead of that last time may have been zeros in place of which there are records now.
        if let Some(open) = &mut self.open {
            open.forget_ahead();
            // The last segment may have been given up since it was opened: what the next one repeats of it does not count.
            if open.next.is_none() && self.position < committed {
                let mut firsts = segment::list(&self.folder)?.into_iter().map(|segment| segment.first);
                open.next = firsts.find(|first| *first > open.first);
            }
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < max && bytes < MAX_BATCH_BYTES && self.position < committed {
            let position = self.position;
            if self.open.is_none() {
                self.open_segment(&mut batch)?;
            }
            let Some(open) = &mut self.open else { break };
            match open.next(position, committed)? {
                Some(Next::Record(sequence, payload)) => {
                    // What is read over, to get to the position, is not part of the batch.
                    if sequence > position {
                        bytes += payload.len();
                    }
                    self.take(sequence, payload, &mut batch);
                }
                Some(Next::Seal(sequence, head)) => {
                    self.note_loss(sequence.saturating_add(1), &mut batch);
                    self.head = Some(head);
                }
                None if !self.go_on(committed, &mut batch)? => break,
                None => {}
            }
        }
        if !batch.is_empty() {
            self.pass_seal()?;
        }
        Ok(batch)
    }

    /// Passes the seal right behind the position, if that is where a group ends.
    fn pass_seal(&mut self) -> Result<(), JournalError> {
        if let Some(open) = &mut self.open
            && let Some(head) = open.seal_behind(self.position)?
        {
            self.head = Some(head);
        }
        Ok(())
    }

    fn take(&mut self, sequence: Sequence, payload: Vec<u8>, batch: &mut Vec<Entry>) {
        if sequence <= self.position {
            return;
        }
        self.note_loss(sequence, batch);
        self.position = sequence;
        batch.push(Entry::Record(sequence, payload));
    }

    /// Tells of the records between the position and `next`, if any are missing.
    fn note_loss(&mut self, next: Sequence, batch: &mut Vec<Entry>) {
        let first = self.position + 1;
        if first < next {
            tracing::error!(first, last = next - 1, "journal records are lost");
            if let Some(open) = &self.open {
                quarantine::keep_segment(&open.path);
            }
            batch.push(Entry::Lost(first, next - 1));
            self.position = next - 1;
        }
    }

    /// Opens the segment that holds the next record. One before the oldest was removed, not broken: by somebody, or as it was in the
    /// books and these were put back since.
    fn open_segment(&mut self, batch: &mut Vec<Entry>) -> Result<(), JournalError> {
        let segments = archive::all(&self.folder)?;
        let wanted = self.position + 1;
        let place = segments.iter().rposition(|segment| segment.first <= wanted);
        if let (None, Some(oldest)) = (place, segments.first()) {
            let last = oldest.first - 1;
            if given_up::read(&self.folder)? < last {
                return Err(JournalError::Gone { first: wanted, last });
            }
            self.note_loss(oldest.first, batch);
        }
        self.open = Open::of(&self.folder, &segments, place.unwrap_or(0))?;
        Ok(())
    }

    /// At the end of a segment: goes to the next, if there is one. What the next begins after was lost.
    fn go_on(&mut self, committed: Sequence, batch: &mut Vec<Entry>) -> Result<bool, JournalError> {
        let current = self.open.as_ref().map_or(0, |open| open.first);
        let segments = archive::all(&self.folder)?;
        match segments.iter().position(|segment| segment.first > current) {
            Some(next) => {
                self.note_loss(segments[next].first.min(committed + 1), batch);
                self.open = Open::of(&self.folder, &segments, next)?;
                Ok(true)
            }
            None => {
                self.note_loss(committed + 1, batch);
                self.open = None;
                Ok(false)
            }
        }
    }
}

impl Open {
    /// Opens the segment of `folder` at `place`, if there is one.
    fn of(folder: &Path, segments: &[SegmentFile], place: usize) -> Result<Option<Self>, JournalError> {
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
        }))
    }

    /// Forgets what was read of the file and not yet gone through: it is read again.
    fn forget_ahead(&mut self) {
        self.begin += self.offset as u64;
        self.buffer.clear();
        self.offset = 0;
    }

    /// What the seal holds that comes next, if one does and it is that behind record `position`. It is on disk if anything
    /// behind the record is.
    fn seal_behind(&mut self, position: Sequence) -> Result<Option<Head>, JournalError> {
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
    fn next(&mut self, position: Sequence, committed: Sequence) -> Result<Option<Next>, JournalError> {
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
                    return Ok(Some(Next::Record(sequence, payload)));
                }
                Decoded::Seal { sequence, head } => {
                    self.offset += SEAL_FRAME;
                    return Ok(Some(Next::Seal(sequence, head)));
                }
                // Not whole: as much is read as makes any record whole. What is broken then is rot.
                Decoded::End | Decoded::Broken => {
                    if self.buffer.len() - self.offset < WINDOW && self.fill()? {
                        continue;
                    }
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
        if let Some(damage) = contents.damage {
            let file = segment.path.display();
            tracing::error!(%file, damage, "an archived segment of the journal is damaged; what is whole of it is read");
        }
        Ok(Some(Self::Unpacked(contents.bytes)))
    }

    fn read_at(&self, chunk: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(chunk, at),
            Self::Unpacked(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let length = rest.len().min(chunk.len());
                chunk[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            }
        }
    }
}
