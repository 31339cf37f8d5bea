//! Personal data in a route's answers, and the scopes that let it through.

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;

use crate::domain::location::Location;
use crate::domain::scope::{Scope, ScopeSet};
use crate::masking::fields::{FieldPath, FieldTree, Rules};

/// Personal data in a route's answers.
#[derive(Debug)]
pub struct Mask {
    /// Where it stands in their bodies; the rule at a place is of the scope at that place.
    pub fields: FieldTree,
    /// Where the policy says so.
    pub source: Location,
    paths: Vec<(FieldPath, usize)>,
    headers: Vec<(HeaderName, usize)>,
    scopes: Vec<Scope>,
}

/// Something of an answer that is personal data.
#[derive(Debug, Clone, Copy)]
pub enum PersonalData<'m> {
    /// A member of its body.
    Field(&'m FieldPath),
    /// A header field.
    Header(&'m HeaderName),
}

impl fmt::Display for PersonalData<'_> {
    /// `receiver.name`, `header x-receiver`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => path.fmt(f),
            Self::Header(name) => write!(f, "header {name}"),
        }
    }
}

impl Mask {
    /// What leads to personal data, each path and header field with the place among `scopes` of the one that lets it through.
    #[must_use]
    pub fn new(
        paths: Vec<(FieldPath, usize)>,
        headers: Vec<(HeaderName, usize)>,
        scopes: Vec<Scope>,
        source: Location,
    ) -> Self {
        let fields = FieldTree::new(paths.iter().map(|(path, scope)| (path, *scope)));
        Self { fields, source, paths, headers, scopes }
    }

    /// The rules by which the body of an answer is masked for who has the scopes `had`.
    #[must_use]
    pub fn rules_for(&self, had: &ScopeSet) -> Rules {
        let lacking = self.scopes.iter().enumerate().filter(|(_, scope)| !had.contains(scope));
        lacking.fold(Rules::NONE, |rules, (place, _)| rules.with(place)).and(self.fields.rules())
    }

    /// Whether a header field of an answer is not for who has the scopes `had`.
    #[must_use]
    pub fn withholds_header(&self, name: &HeaderName, had: &ScopeSet) -> bool {
        self.headers.iter().any(|(known, scope)| known == name && !self.has(had, *scope))
    }

    /// Whether any header field is personal data.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// What is not for who has the scopes `had`, and which scope would let it through.
    pub fn withheld_from<'m>(
        &'m self,
        had: &'m ScopeSet,
    ) -> impl Iterator<Item = (PersonalData<'m>, &'m Scope)> {
        let paths = self.paths.iter().map(|(path, scope)| (PersonalData::Field(path), *scope));
        let headers = self.headers.iter().map(|(name, scope)| (PersonalData::Header(name), *scope));
        let all = paths.chain(headers).filter_map(|(what, scope)| Some((what, self.scopes.get(scope)?)));
        all.filter(|(_, scope)| !had.contains(scope))
    }

    /// The scopes that let something through.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Those of `had` that let something through, with a blank between two.
    #[must_use]
    pub fn lifted_by(&self, had: &ScopeSet) -> Cow<'_, str> {
        let mut lifting = self.scopes.iter().filter(|scope| had.contains(scope)).map(Scope::as_str);
        let Some(first) = lifting.next() else { return Cow::Borrowed("") };
        lifting.fold(Cow::Borrowed(first), |all, more| Cow::Owned(format!("{all} {more}")))
    }

    fn has(&self, had: &ScopeSet, scope: usize) -> bool {
        self.scopes.get(scope).is_some_and(|scope| had.contains(scope))
    }
}
