//! A piece of a body.

use super::fields::FieldTree;
use super::output::Output;
use super::shape::Shapes;
use super::state::is_blank;
use super::stops::Stops;
use super::unmaskable::Unmaskable;

/// A piece of a body, and what leaves of it.
pub(super) struct Piece<'p> {
    pub(super) tree: &'p FieldTree,
    pub(super) bytes: &'p [u8],
    pub(super) stops: Stops<'p>,
    pub(super) output: Output,
    pub(super) shapes: Shapes,
}

impl Piece<'_> {
    /// The first byte from `at` on that is not blank, with its place.
    pub(super) fn sign(&self, at: usize) -> Option<(usize, u8)> {
        let first = *self.bytes.get(at)?;
        if first > b' ' {
            return Some((at, first));
        }
        let blanks = self.bytes[at..].iter().position(|byte| !is_blank(*byte))?;
        Some((at + blanks, self.bytes[at + blanks]))
    }

    /// Whether no line ends before that byte.
    pub(super) fn check_line(&self, at: usize) -> Result<(), Unmaskable> {
        match self.bytes[at..].iter().position(|byte| !matches!(byte, b' ' | b'\t')) {
            Some(blanks) if is_blank(self.bytes[at + blanks]) => {
                Err(Unmaskable::Syntax((at + blanks) as u64))
            }
            Some(_) | None => Ok(()),
        }
    }
}
