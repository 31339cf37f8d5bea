//! Kill switches: a route or an upstream that an administrator has turned off at once, whatever the policies say. That of an app
//! is its suspension.

use std::fmt;

use super::time::Timestamp;

/// Longest reason or message, in characters.
pub const MAX_TEXT: usize = 500;

/// What can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SwitchKind {
    /// A route.
    Route,
    /// An upstream, with all routes that lead to it.
    Upstream,
}

impl SwitchKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Route, Self::Upstream];

    /// The name in the store, in paths of the admin API and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Upstream => "upstream",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is switched off, or may be: a kind of thing, and its name in the policy files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SwitchKey {
    /// What it is.
    pub kind: SwitchKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for SwitchKey {
    /// `route:place-order` or `upstream:order`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.name)
    }
}

/// Something that is switched off. What is on has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillSwitch {
    /// What.
    pub key: SwitchKey,
    /// Why, for administrators.
    pub reason: String,
    /// What callers are told.
    pub message: Option<String>,
    /// Since when.
    pub off_since: Timestamp,
}

impl KillSwitch {
    /// What a caller is told of it.
    #[must_use]
    pub fn detail(&self) -> String {
        match &self.message {
            Some(message) => message.clone(),
            None => "It is off for the time being, and the call had no effect.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_name_that_leads_back() {
        for kind in SwitchKind::ALL {
            assert_eq!(SwitchKind::named(kind.name()), Some(kind));
        }
        assert_eq!(SwitchKind::named("app"), None, "an app is suspended");
        let key = SwitchKey { kind: SwitchKind::Route, name: "place-order".to_owned() };
        assert_eq!(key.to_string(), "route:place-order");
    }
}
