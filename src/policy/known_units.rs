//! How many units a call is as far as the head of its request tells, so that a limit can count them before the upstream has it.

use super::body_reading::reads_body;
use super::expression::Expression;
use crate::domain::asked_names::AskedNames;

/// An expression that reads nothing but the head of a request, and who sends it.
#[derive(Debug)]
pub struct KnownUnits {
    /// The expression.
    pub expression: Expression,
    /// What it asks for of the query.
    pub query: AskedNames,
    /// The least it says: a guess that the caller makes may not be that the call is nothing.
    pub least: u64,
}

impl KnownUnits {
    /// By the expression that says how many they are; `None` if it reads a body, or the answer.
    #[must_use]
    pub fn by(expression: &Expression) -> Option<Self> {
        Self::at_least(0, expression)
    }

    /// By an expression that guesses how many they are, but at least 1.
    #[must_use]
    pub fn guessed(expression: &Expression) -> Option<Self> {
        Self::at_least(1, expression)
    }

    fn at_least(least: u64, expression: &Expression) -> Option<Self> {
        let is_of_head = expression.paths("response").is_empty() && !reads_body(expression, "request");
        let query = || AskedNames::of(expression.names_of("request", "query"));
        is_of_head.then(|| Self { query: query(), expression: expression.clone(), least })
    }
}
