//! One change between two policy sets: of which class, of what, from when on, and where it stands.

use std::collections::HashSet;
use std::fmt;

use crate::domain::id::{PlanName, ProductName, RouteName, UpstreamName};
use crate::domain::location::Location;
use crate::domain::plan::{Existing, PlanRef};
use crate::domain::scope::Scope;
use crate::domain::time::Timestamp;

/// What a change means for those who use what it is of. What may be worse for some use of it is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something costs more for some use, or may.
    RaisesPrice,
    /// Less can be used.
    CutsLimit,
    /// Some call is refused that was let through, or may be.
    NarrowsScope,
    /// Something costs less, and nothing more.
    LowersPrice,
    /// More can be used.
    RaisesLimit,
    /// Some call is let through that was refused.
    WidensScope,
    /// None of these.
    Other,
}

impl Class {
    /// All classes, the worse first.
    pub const ALL: [Self; 7] = [
        Self::RaisesPrice,
        Self::CutsLimit,
        Self::NarrowsScope,
        Self::LowersPrice,
        Self::RaisesLimit,
        Self::WidensScope,
        Self::Other,
    ];

    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RaisesPrice => "raises_price",
            Self::CutsLimit => "cuts_limit",
            Self::NarrowsScope => "narrows_scope",
            Self::LowersPrice => "lowers_price",
            Self::RaisesLimit => "raises_limit",
            Self::WidensScope => "widens_scope",
            Self::Other => "other",
        }
    }

    /// Whether somebody may be worse off by it.
    #[must_use]
    pub fn is_worse(self) -> bool {
        matches!(self, Self::RaisesPrice | Self::CutsLimit | Self::NarrowsScope)
    }

    /// Its heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::RaisesPrice => "Raises price",
            Self::CutsLimit => "Cuts limit",
            Self::NarrowsScope => "Narrows scope",
            Self::LowersPrice => "Lowers price",
            Self::RaisesLimit => "Raises limit",
            Self::WidensScope => "Widens scope",
            Self::Other => "Other",
        }
    }

    /// What it does, as a verb of a sentence whose object follows.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::RaisesPrice => "raises the price of",
            Self::CutsLimit => "cuts what may be used by",
            Self::NarrowsScope => "narrows",
            Self::LowersPrice => "lowers the price of",
            Self::RaisesLimit => "raises what may be used by",
            Self::WidensScope => "widens",
            Self::Other => "changes",
        }
    }
}

/// What a change is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The platform as a whole.
    Platform,
    /// A plan.
    Plan(PlanName),
    /// A version of a plan.
    Version(PlanRef),
    /// An API product.
    Product(ProductName),
    /// A route.
    Route(RouteName),
    /// A scope.
    Scope(Scope),
    /// An upstream.
    Upstream(UpstreamName),
    /// Another issuer of access tokens.
    Issuer(String),
}

impl fmt::Display for Subject {
    /// `plan standard@3`, `route place-order`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Plan(name) => write!(f, "plan {name}"),
            Self::Version(version) => write!(f, "plan {version}"),
            Self::Product(name) => write!(f, "product {name}"),
            Self::Route(name) => write!(f, "route {name}"),
            Self::Scope(scope) => write!(f, "scope {scope}"),
            Self::Upstream(name) => write!(f, "upstream {name}"),
            Self::Issuer(issuer) => write!(f, "issuer {issuer}"),
        }
    }
}

/// From when on a change is felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// As soon as the set is in force.
    AtOnce,
    /// With a plan version that comes into force later.
    From {
        /// When.
        at: Timestamp,
        /// What becomes of subscriptions that there are then.
        existing: Existing,
    },
}

/// A change between two policy sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it means.
    pub class: Class,
    /// Of what it is.
    pub subject: Subject,
    /// Which part of that: `limit per-second`, `scope order:place`.
    pub part: String,
    /// What that was, in words; none if there was none.
    pub before: Option<String>,
    /// What it is; none if there is none.
    pub after: Option<String>,
    /// From when on.
    pub applies: Applies,
    /// Where that stood, and where it stands.
    pub places: (Option<Location>, Option<Location>),
}

impl Change {
    /// By what changes stand: the worse first, then by what they are of.
    pub(super) fn order(&self) -> (Class, &Subject, &str) {
        (self.class, &self.subject, &self.part)
    }
}

impl fmt::Display for Change {
    /// `narrows route place-order: scope order:place`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.class.verb(), self.subject, self.part)
    }
}

/// One side of a change: in words, and where it stands.
pub(super) type Side<'s> = Option<(String, &'s Location)>;

/// Changes of one subject, as they are found.
pub(super) struct Found<'f> {
    pub(super) subject: Subject,
    pub(super) applies: Applies,
    pub(super) changes: &'f mut Vec<Change>,
}

impl Found<'_> {
    /// Notes a change of a part of the subject.
    pub(super) fn note(
        &mut self,
        class: Class,
        part: impl Into<String>,
        (before, after): (Side<'_>, Side<'_>),
    ) {
        let (subject, applies) = (self.subject.clone(), self.applies);
        let place = |side: &Side<'_>| side.as_ref().map(|(_, place)| (*place).clone());
        let places = (place(&before), place(&after));
        let [before, after] = [before, after].map(|side| side.map(|(words, _)| words));
        self.changes.push(Change { class, subject, part: part.into(), before, after, applies, places });
    }

    /// Notes that a part is said otherwise now, if it is, and what that means.
    pub(super) fn note_if(
        &mut self,
        class: Class,
        part: &str,
        words: (String, String),
        (before, after): (&Location, &Location),
    ) {
        if words.0 != words.1 {
            self.note(class, part, (Some((words.0, before)), Some((words.1, after))));
        }
    }

    /// Notes what of a list went, and what came; `went` and `came` say what that means.
    pub(super) fn note_list(
        &mut self,
        noun: &str,
        (before, after): (&[String], &[String]),
        (went, came): (Class, Class),
        (old, new): (&Location, &Location),
    ) {
        let [had, has] = [before, after].map(|list| list.iter().collect::<HashSet<&String>>());
        for gone in before.iter().filter(|one| !has.contains(one)) {
            self.note(went, format!("{noun} {gone}"), (Some((gone.clone(), old)), None));
        }
        for added in after.iter().filter(|one| !had.contains(one)) {
            self.note(came, format!("{noun} {added}"), (None, Some((added.clone(), new))));
        }
    }
}
