//! What of a piece is no JSON. None of its contents are told.

/// What of a piece is no JSON, by the byte of the piece, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The byte cannot stand there.
    Syntax(usize),
    /// Before that byte, a name has half of a surrogate pair, so nobody can say which name it is.
    Name(usize),
}
