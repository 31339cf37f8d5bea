//! The frames of a segment one after another, with what is broken between them. Pure over the segment's bytes.

use super::chain::Head;
use super::frame::{Decoded, SEAL_FRAME, SEGMENT_HEADER, Sequence, decode, resynchronise, used};

/// Something in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'b> {
    /// A whole record.
    Record(Sequence, &'b [u8]),
    /// A whole seal, and the last record before it.
    Seal(Sequence, Head),
    /// Bytes that are no whole frame, before one that is.
    Broken,
    /// Bytes with no whole frame behind them: the last of all.
    Rest,
}

/// Something in a segment, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'b> {
    /// The offset of its first byte.
    pub at: usize,
    /// The offset behind its last byte; behind a rest there are zeros alone.
    pub end: usize,
    /// What it is.
    pub found: Found<'b>,
}

/// Goes through a segment.
#[derive(Debug)]
pub struct Frames<'b> {
    bytes: &'b [u8],
    /// The offset behind which there are zeros alone.
    used: usize,
    offset: usize,
    last: Sequence,
}

impl<'b> Frames<'b> {
    /// What stands in a segment behind its header; `first` is its first record by its name.
    #[must_use]
    pub fn of(bytes: &'b [u8], first: Sequence) -> Self {
        let offset = SEGMENT_HEADER.min(bytes.len());
        Self { bytes, used: used(bytes), offset, last: first.saturating_sub(1) }
    }

    fn broken(&self) -> (usize, Found<'b>) {
        match resynchronise(&self.bytes[self.offset..], self.last) {
            Some(skip) => (self.offset + skip, Found::Broken),
            None => (self.used, Found::Rest),
        }
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    fn next(&mut self) -> Option<Frame<'b>> {
        if self.offset >= self.used {
            return None;
        }
        let at = self.offset;
        let (end, found) = match decode(&self.bytes[at..]) {
            Decoded::Record { sequence, payload, length } => {
                self.last = self.last.max(sequence);
                (at + length, Found::Record(sequence, payload))
            }
            Decoded::Seal { sequence, head } => {
                self.last = self.last.max(sequence);
                (at + SEAL_FRAME, Found::Seal(sequence, head))
            }
            Decoded::End | Decoded::Broken => self.broken(),
        };
        self.offset = end;
        Some(Frame { at, end, found })
    }
}
