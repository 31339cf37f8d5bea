//! Whose tokens an app may ask about (RFC 7662).

/// Whose tokens an app may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introspects {
    /// Its own.
    Own,
    /// Those of all apps: it is a resource server, which sees what others' apps send it.
    All,
}

impl Introspects {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::All => "all",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Own, Self::All].into_iter().find(|whose| whose.name() == name)
    }
}
