//! Reads the records of a journal's folder from outside, in order: of a node that runs, or of none. It changes nothing, and gives
//! only what is under a seal, as what is behind the last one was never acknowledged.

use std::ops::RangeInclusive;
use std::path::Path;

use super::archive;
use super::error::JournalError;
use super::frame::{Form, SegmentHeader, Sequence};
use super::frames::{Found, Frames};
use super::reader::Entry;

/// What an export comes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// An entry of the journal.
    Entry(Entry),
    /// Records of the range whose segments are kept no longer, first and last.
    KeptNoLonger(Sequence, Sequence),
}

/// Gives the entries of `folder` that are in `range` to `take`, one after another; those that are archived too.
///
/// # Errors
/// [`JournalError::Io`], [`JournalError::Missing`], or what `take` says, with which it ends.
pub fn export<E: From<JournalError>>(
    folder: &Path,
    range: RangeInclusive<Sequence>,
    take: impl FnMut(Exported) -> Result<(), E>,
) -> Result<(), E> {
    if !folder.is_dir() {
        return Err(JournalError::Missing(folder.to_owned()).into());
    }
    let segments = archive::all(folder)?;
    let mut export = Export { range, last: 0, take };
    if let Some(oldest) = segments.first() {
        export.pass_over(oldest.first)?;
    }
    for (place, segment) in segments.iter().enumerate() {
        let next = segments.get(place + 1).map(|next| next.first);
        if let Some(next) = next.filter(|next| *next <= *export.range.start()) {
            export.last = next.saturating_sub(1);
            continue;
        }
        if segment.first > *export.range.end() {
            return export.note_loss(segment.first.saturating_sub(1));
        }
        match (archive::read(folder, segment)?, next) {
            (Some(contents), _) => export.segment(&contents.bytes, (segment.first, next))?,
            // It is kept no longer, since the files were listed.
            (None, Some(next)) => export.pass_over(next)?,
            (None, None) => {}
        }
    }
    Ok(())
}

struct Export<T> {
    range: RangeInclusive<Sequence>,
    /// The last record that was come by.
    last: Sequence,
    take: T,
}

impl<E: From<JournalError>, T: FnMut(Exported) -> Result<(), E>> Export<T> {
    /// Tells of the records behind the last one and before `next`, of which no file is kept.
    fn pass_over(&mut self, next: Sequence) -> Result<(), E> {
        let known = next.saturating_sub(1).max(self.last);
        let first = self.last.saturating_add(1).max(*self.range.start());
        self.last = known;
        let last = known.min(*self.range.end());
        if first <= last { (self.take)(Exported::KeptNoLonger(first, last)) } else { Ok(()) }
    }

    /// The entries of a segment that begins with `first`; what the next one begins with was given up here.
    fn segment(&mut self, bytes: &[u8], (first, next): (Sequence, Option<Sequence>)) -> Result<(), E> {
        let end = if next.is_some() { bytes.len() } else { sealed(bytes, first) };
        for frame in Frames::of(bytes, first).take_while(|frame| frame.at < end) {
            match frame.found {
                Found::Record(sequence, _) | Found::Seal(sequence, _)
                    if next.is_some_and(|next| sequence >= next) =>
                {
                    break;
                }
                Found::Record(sequence, payload) if sequence > self.last => {
                    self.note_loss(sequence - 1)?;
                    self.last = sequence;
                    self.give(Entry::Record(sequence, payload.to_vec()))?;
                }
                Found::Seal(sequence, _) => self.note_loss(sequence)?,
                Found::Record(..) | Found::Broken | Found::Rest => {}
            }
        }
        Ok(())
    }

    /// Tells of the records behind the last one up to `known`, if there are any.
    fn note_loss(&mut self, known: Sequence) -> Result<(), E> {
        if known <= self.last {
            return Ok(());
        }
        let first = self.last.saturating_add(1);
        self.last = known;
        self.give(Entry::Lost(first, known))
    }

    /// Gives what of an entry is in the range.
    fn give(&mut self, entry: Entry) -> Result<(), E> {
        match entry {
            Entry::Record(sequence, _) if !self.range.contains(&sequence) => Ok(()),
            Entry::Record(..) => (self.take)(Exported::Entry(entry)),
            Entry::Lost(first, last) => {
                let (first, last) = (first.max(*self.range.start()), last.min(*self.range.end()));
                match first <= last {
                    true => (self.take)(Exported::Entry(Entry::Lost(first, last))),
                    false => Ok(()),
                }
            }
        }
    }
}

/// Where the last seal of the newest segment ends; all of one that has none under seals.
fn sealed(bytes: &[u8], first: Sequence) -> usize {
    if SegmentHeader::decode(bytes).is_some_and(|header| header.form == Form::Plain) {
        return bytes.len();
    }
    let seals = Frames::of(bytes, first).filter(|frame| matches!(frame.found, Found::Seal(..)));
    seals.last().map_or(0, |seal| seal.end)
}
