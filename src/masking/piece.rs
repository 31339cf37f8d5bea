//! A piece of a body.

use super::fields::FieldTree;
use super::output::Output;
use super::shape::Shapes;
use super::unmaskable::Unmaskable;
use crate::json::blank::{self, is_blank};
use crate::json::stops::Stops;

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
        blank::sign(self.bytes, at)
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
