//! Why a body cannot be masked. None of its contents are told.

use crate::json::malformed::Malformed;

/// Deepest nesting: the masker keeps something of each level.
pub const MAX_DEPTH: u8 = 128;

/// Why a body cannot be masked. Places are bytes of the body, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmaskable {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// It is not JSON.
    #[error("it is not JSON from byte {0} on")]
    Syntax(u64),
    /// The name of a member has half of a surrogate pair, so nobody can say which name it is.
    #[error("the name of a member has half of a surrogate pair before byte {0}")]
    Name(u64),
    /// It is nested too deep.
    #[error("it is nested deeper than {MAX_DEPTH}")]
    Depth,
    /// It ends within a text.
    #[error("it ends too soon")]
    Incomplete,
}

impl Unmaskable {
    /// The same in a piece behind so many bytes.
    pub(super) fn behind(self, bytes: u64) -> Self {
        match self {
            Self::Syntax(at) => Self::Syntax(bytes.saturating_add(at)),
            Self::Name(at) => Self::Name(bytes.saturating_add(at)),
            Self::Encoding | Self::Depth | Self::Incomplete => self,
        }
    }
}

impl From<Malformed> for Unmaskable {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Syntax(at) => Self::Syntax(at as u64),
            Malformed::Name(at) => Self::Name(at as u64),
        }
    }
}
