//! Reads committed records in order, across segments, while the committer appends; of what is archived, from the archives.

use std::path::PathBuf;
use std::sync::Arc;

use super::accepted;
use super::archive;
use super::chain::Head;
use super::error::JournalError;
use super::frame::Sequence;
use super::frames::{Found, Frames};
use super::given_up;
use super::quarantine;
use super::segment::{self, SegmentFile};
use super::segment_reader::{Next, SegmentReader};
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
    /// The last seal on the way: behind which record, and what it held.
    head: Option<(Sequence, Head)>,
    open: Option<SegmentReader>,
}

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
        self.head.map(|(_, head)| head)
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
    /// [`JournalError::Gone`] if no file has the next record, and nobody has given it up; [`JournalError::OtherBefore`] if the file that
    /// should have it is none of this journal's, and nobody has accepted it; [`JournalError::Io`], [`JournalError::GivenUp`].
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
                    self.head = Some((sequence, head));
                }
                None => match self.go_on(committed, &mut batch) {
                    Ok(true) => {}
                    Ok(false) => break,
                    // What was read before that comes first.
                    Err(_) if !batch.is_empty() => break,
                    Err(error) => return Err(error),
                },
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
            self.head = Some((self.position, head));
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

    /// Opens the segment that holds the next record.
    fn open_segment(&mut self, batch: &mut Vec<Entry>) -> Result<(), JournalError> {
        let segments = archive::all(&self.folder)?;
        let wanted = self.position + 1;
        let place = segments.iter().rposition(|segment| segment.first <= wanted);
        if let (None, Some(oldest)) = (place, segments.first()) {
            self.pass_gap(oldest.first, batch)?;
        }
        self.enter(&segments, place.unwrap_or(0))
    }

    /// At the end of a segment: goes to the next, if there is one. What is missing before it was lost where rot ends this one; else it was
    /// in a file of its own.
    fn go_on(&mut self, committed: Sequence, batch: &mut Vec<Entry>) -> Result<bool, JournalError> {
        let current = self.open.as_ref().map_or(0, |open| open.first);
        let segments = archive::all(&self.folder)?;
        match segments.iter().position(|segment| segment.first > current) {
            Some(next) => {
                let first = segments[next].first.min(committed + 1);
                match self.open.as_ref().is_some_and(SegmentReader::ends_in_rot) {
                    true => self.note_loss(first, batch),
                    false => self.pass_gap(first, batch)?,
                }
                self.enter(&segments, next)?;
                Ok(true)
            }
            None => {
                self.note_loss(committed + 1, batch);
                self.open = None;
                Ok(false)
            }
        }
    }

    /// Passes over the records before `next` that no file has, once they are given up. Their files were removed, not broken, by somebody, or
    /// as they were in the books and these were put back since: until then they may come back.
    fn pass_gap(&mut self, next: Sequence, batch: &mut Vec<Entry>) -> Result<(), JournalError> {
        let (first, last) = (self.position + 1, next - 1);
        if first <= last && given_up::read(&self.folder)? < last {
            return Err(JournalError::Gone { first, last });
        }
        self.open = None;
        self.note_loss(next, batch);
        Ok(())
    }

    /// Opens the segment at `place`, unless it begins with another head of the chain than there is before it.
    fn enter(&mut self, segments: &[SegmentFile], place: usize) -> Result<(), JournalError> {
        let mut open = SegmentReader::of(&self.folder, segments, place)?;
        if let Some(open) = &mut open
            && let Some(head) = open.opening()?
            && self.head_before(segments, place).is_some_and(|before| before != head)
        {
            let (path, first) = (open.path.clone(), open.first);
            if !accepted::is_accepted(&self.folder, first, &head)? {
                return Err(JournalError::OtherBefore { path, first });
            }
            tracing::warn!(path = %path.display(), first, "a segment that does not follow on the one before it is read as it is");
        }
        self.open = open;
        Ok(())
    }

    /// The chain's head right before the segment at `place`, if that is known.
    fn head_before(&self, segments: &[SegmentFile], place: usize) -> Option<Head> {
        let last = segments.get(place)?.first.checked_sub(1)?;
        if let Some((sequence, head)) = self.head {
            return (sequence == last).then_some(head);
        }
        let before = segments.get(place.checked_sub(1)?)?;
        // Whoever wants its records is told if it cannot be read.
        let contents = archive::read(&self.folder, before).ok()??;
        let seals = Frames::of(&contents.bytes, before.first).filter_map(|frame| match frame.found {
            Found::Seal(sequence, head) => (sequence == last).then_some(head),
            Found::Record(..) | Found::Broken | Found::Rest => None,
        });
        seals.last()
    }
}
