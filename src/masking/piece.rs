//! A piece of a body.

use super::fields::FieldTree;
use super::known::Known;
use super::output::Output;
use super::unmaskable::Unmaskable;
use crate::json::blank::{self, is_blank};

/// A piece of a body, and what leaves of it.
pub(super) struct Piece<'p> {
    pub(super) tree: &'p FieldTree,
    pub(super) bytes: &'p [u8],
    pub(super) output: Output,
    pub(super) known: &'p mut Known,
}

impl Piece<'_> {
    /// From here on, it is masked if it was not, and the other way around.
    pub(super) fn turn(&mut self, at: usize) {
        self.output.turn(self.bytes, at);
        self.known.turn(at);
    }

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
