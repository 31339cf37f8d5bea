//! Personal data in a route's answers, and the scopes that let it through.

use std::borrow::Cow;

use crate::domain::scope::{Scope, ScopeSet};
use crate::masking::fields::{FieldPath, FieldTree, Rules};

/// Personal data in a route's answers.
#[derive(Debug)]
pub struct Mask {
    /// Where it stands; the rule at a place is of the scope at that place.
    pub fields: FieldTree,
    scopes: Vec<Scope>,
}

impl Mask {
    /// What leads to personal data, each path with the place among `scopes` of the one that lets it through.
    #[must_use]
    pub fn new(paths: &[(FieldPath, usize)], scopes: Vec<Scope>) -> Self {
        Self { fields: FieldTree::new(paths.iter().map(|(path, scope)| (path, *scope))), scopes }
    }

    /// The rules by which an answer is masked for who has the scopes `had`.
    #[must_use]
    pub fn rules_for(&self, had: &ScopeSet) -> Rules {
        let lacking = self.scopes.iter().enumerate().filter(|(_, scope)| !had.contains(scope));
        lacking.fold(Rules::NONE, |rules, (place, _)| rules.with(place))
    }

    /// Those of `had` that let something through, with a blank between two.
    #[must_use]
    pub fn lifted_by(&self, had: &ScopeSet) -> Cow<'_, str> {
        let mut lifting = self.scopes.iter().filter(|scope| had.contains(scope)).map(Scope::as_str);
        let Some(first) = lifting.next() else { return Cow::Borrowed("") };
        lifting.fold(Cow::Borrowed(first), |all, more| Cow::Owned(format!("{all} {more}")))
    }
}
