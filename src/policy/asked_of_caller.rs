//! What a meter asks for by name of what a caller writes, found by what its expressions read: only there is it a question whether every
//! upstream reads the same.

use std::collections::BTreeSet;

use super::expression::Expression;
use crate::domain::asked_names::AskedNames;

/// What a meter's expressions ask for by name of what a caller writes.
#[derive(Debug, Clone, Default)]
pub struct AskedOfCaller {
    /// Of `request.query`.
    pub query: AskedNames,
    /// Of `request.form`.
    pub form: AskedNames,
    /// Of JSON, wherever in it.
    pub members: Vec<String>,
}

impl AskedOfCaller {
    /// What expressions ask for.
    #[must_use]
    pub fn by(expressions: &[&Expression]) -> Self {
        let of = |field: &str| {
            let names: Option<Vec<BTreeSet<String>>> =
                expressions.iter().map(|expression| expression.names_of("request", field)).collect();
            AskedNames::of(names.map(|names| names.into_iter().flatten().collect()))
        };
        let members: BTreeSet<String> =
            expressions.iter().flat_map(|expression| expression.all_names()).collect();
        Self { query: of("query"), form: of("form"), members: members.into_iter().collect() }
    }
}
