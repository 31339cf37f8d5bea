//! What an administrator's token is good for.

/// What an administrator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminAccess {
    /// See everything that the admin API shows, and change nothing.
    Read,
    /// Change things, too.
    Write,
}

impl AdminAccess {
    /// The name in the store and the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The access of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|access| access.name() == name)
    }
}
