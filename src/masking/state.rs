//! What of a JSON text may come next.

use crate::json::number::Number;

/// What may come next.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// A mark, of which so many bytes have come, or what is in [`State::Top`].
    Mark(u8),
    /// A value outside of all others.
    Top,
    /// A value.
    Value,
    /// A value, or the end of the array.
    FirstValue,
    /// A name.
    Name,
    /// A name, or the end of the object.
    FirstName,
    /// More of a name.
    InName,
    /// The colon behind a name.
    Colon,
    /// More of a string that is a value.
    InString,
    /// More of a number, if it is not at its end.
    InNumber(Number),
    /// The rest of a word, such as `true`.
    InWord,
    /// A comma, or the end of an object or array.
    Next,
    /// Nothing more.
    Nothing,
    /// Nothing at all: what came could not be masked.
    Broken,
}
