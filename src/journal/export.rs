//! Reads the records of a journal's folder from outside, in order: of a node that runs, or of none. It changes nothing, and gives
//! only what is under a seal, as what is behind the last one was never acknowledged.

use std::fs;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::Path;

use super::error::JournalError;
use super::frame::{Form, SegmentHeader, Sequence};
use super::frames::{Found, Frames};
use super::reader::Entry;
use super::segment;

/// Gives the entries of `folder` that are in `range` to `take`, one after another.
///
/// # Errors
/// [`JournalError::Io`], [`JournalError::Missing`], or what `take` says, with which it ends.
pub fn export<E: From<JournalError>>(
    folder: &Path,
    range: RangeInclusive<Sequence>,
    mut take: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    if !folder.is_dir() {
        return Err(JournalError::Missing(folder.to_owned()).into());
    }
    let segments = segment::list(folder)?;
    let mut last = segments.first().map_or(0, |segment| segment.first.saturating_sub(1));
    for (place, segment) in segments.iter().enumerate() {
        let next = segments.get(place + 1).map(|next| next.first);
        if next.is_some_and(|next| next <= *range.start()) {
            last = next.map_or(last, |next| next.saturating_sub(1));
            continue;
        }
        if segment.first > *range.end() {
            let mut lost = Vec::new();
            note_loss(&mut last, segment.first.saturating_sub(1), &mut lost);
            return lost.into_iter().filter_map(|entry| within(entry, &range)).try_for_each(take);
        }
        let bytes = match fs::read(&segment.path) {
            Ok(bytes) => bytes,
            // Removed meanwhile, as a node does with those that it needs no more.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(JournalError::Io { path: segment.path.clone(), source }.into()),
        };
        for entry in entries(&bytes, (segment.first, next), &mut last) {
            if let Some(entry) = within(entry, &range) {
                take(entry)?;
            }
        }
    }
    Ok(())
}

/// The entries of a segment that begins with `first`; what the next one begins with was given up here.
fn entries(bytes: &[u8], (first, next): (Sequence, Option<Sequence>), last: &mut Sequence) -> Vec<Entry> {
    let is_plain = SegmentHeader::decode(bytes).is_some_and(|header| header.form == Form::Plain);
    let mut entries = Vec::new();
    let (mut sealed, mut last_sealed) = (0, *last);
    for frame in Frames::of(bytes, first) {
        match frame.found {
            Found::Record(sequence, _) | Found::Seal(sequence, _)
                if next.is_some_and(|next| sequence >= next) =>
            {
                break;
            }
            Found::Record(sequence, payload) if sequence > *last => {
                note_loss(last, sequence - 1, &mut entries);
                entries.push(Entry::Record(sequence, payload.to_vec()));
                *last = sequence;
            }
            Found::Seal(sequence, _) => {
                note_loss(last, sequence, &mut entries);
                (sealed, last_sealed) = (entries.len(), *last);
            }
            Found::Record(..) | Found::Broken | Found::Rest => {}
        }
    }
    if next.is_none() && !is_plain {
        entries.truncate(sealed);
        *last = last_sealed;
    }
    entries
}

/// Tells of the records behind `last` up to `known`, if there are any.
fn note_loss(last: &mut Sequence, known: Sequence, entries: &mut Vec<Entry>) {
    if known > *last {
        entries.push(Entry::Lost(*last + 1, known));
        *last = known;
    }
}

/// What of an entry is in the range.
fn within(entry: Entry, range: &RangeInclusive<Sequence>) -> Option<Entry> {
    match entry {
        Entry::Record(sequence, _) => range.contains(&sequence).then_some(entry),
        Entry::Lost(first, last) => {
            let (first, last) = (first.max(*range.start()), last.min(*range.end()));
            (first <= last).then_some(Entry::Lost(first, last))
        }
    }
}
