//! CEL expressions: parsed and checked when policies load, evaluated per call. The only module that names `cel`.

use std::sync::Arc;

use crate::domain::location::Location;

/// A compiled CEL expression, and where it stands.
#[derive(Clone)]
pub struct Expression {
    program: Arc<cel::Program>,
    text: Arc<str>,
    source: Location,
}

impl Expression {
    /// The expression as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it stands.
    #[must_use]
    pub fn source(&self) -> &Location {
        &self.source
    }

    /// The compiled program.
    #[must_use]
    pub fn program(&self) -> &cel::Program {
        &self.program
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({:?} at {})", self.text, self.source)
    }
}
