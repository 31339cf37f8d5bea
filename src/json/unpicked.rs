//! Why members cannot be picked from a text. None of its contents are told.

use super::malformed::Malformed;

/// Deepest nesting of what a value stands in.
pub const MAX_DEPTH: u8 = 64;

/// Why members cannot be picked from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unpicked {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// It is not JSON from that byte on, from 0.
    #[error("it is not JSON from byte {0} on")]
    Syntax(u64),
    /// A name on the way has half of a surrogate pair, so nobody can say which name it is.
    #[error("it has a broken string")]
    BrokenString,
    /// A member that is asked for, or what one stands in, is there twice: nobody can say which is meant.
    #[error("it has a key twice")]
    KeyTwice,
    /// Some readers take the name of a member for one that is asked for: nobody can say which the reader of the text takes.
    #[error("it has a key that some readers take for one that is read")]
    LikeKey,
    /// It is nested too deep.
    #[error("it is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// What is asked for is longer than may be kept.
    #[error("what is read of it is longer than the meter captures")]
    TooLong,
    /// It ends too soon.
    #[error("it is not JSON: it ends too soon")]
    Incomplete,
}

impl Unpicked {
    /// The same in a piece behind so many bytes.
    pub(super) fn behind(self, bytes: u64) -> Self {
        match self {
            Self::Syntax(at) => Self::Syntax(bytes.saturating_add(at)),
            Self::Encoding
            | Self::BrokenString
            | Self::KeyTwice
            | Self::LikeKey
            | Self::TooDeep
            | Self::TooLong
            | Self::Incomplete => self,
        }
    }
}

impl From<Malformed> for Unpicked {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Syntax(at) => Self::Syntax(at as u64),
            Malformed::Name(_) => Self::BrokenString,
        }
    }
}
