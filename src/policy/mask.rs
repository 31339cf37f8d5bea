//! Personal data in a route's answers, and the scopes that let it through.

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
}
