//! CEL expressions: bounded, parsed and type-checked when policies load, evaluated per call. This module and the files
//! of its folder alone name `cel`.
//!
//! A whole JSON number reaches an expression as an integer however it is spelled, one with a fraction as its exact text,
//! so an amount never passes through a float.

mod addresses;
mod bounds;
mod check;
mod declared;
mod functions;
mod grammar;
pub mod json;
mod kind;
mod networks;
mod number;
mod reading;
#[cfg(test)]
mod tests;
mod values;
mod wanted;

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::ast::IdedExpr;
use cel::objects::Value;
use cel::parser::Parser;
use rust_decimal::Decimal;

use self::check::{Check, Fault};
pub use self::declared::Declared;
use self::networks::Asked;
pub use self::values::{Field, Variables};
pub use self::wanted::Wanted;
use crate::domain::location::Location;
use crate::domain::money::parse_decimal;
use crate::domain::narrowing::Networks;

/// Most characters of an expression that an error tells.
const MAX_TOLD: usize = 200;
/// Most items of a list or map over which a macro such as `exists` runs.
const MAX_ITEMS: usize = 1000;

/// A compiled CEL expression, and where it stands.
#[derive(Clone)]
pub struct Expression {
    tree: Arc<IdedExpr>,
    has_macro: bool,
    /// Those that its calls of `in_network` ask for.
    networks: Arc<[Networks]>,
    text: Arc<str>,
    source: Location,
}

/// Why an expression is refused when policies load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The character, from 0, of the expression at which it is wrong, if it is known.
    pub offset: Option<u32>,
}

/// Why an expression gave no usable value for a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// It could not be evaluated.
    #[error("{expression} ({source_place}): {reason}")]
    Failed {
        /// The expression.
        expression: Arc<str>,
        /// Where it stands.
        source_place: String,
        /// Why, without any contents of a body.
        reason: String,
    },
    /// Its value has another type than is needed.
    #[error("{expression} ({source_place}) gave {found}, not {wanted}")]
    Type {
        /// The expression.
        expression: Arc<str>,
        /// Where it stands.
        source_place: String,
        /// The type that it gave.
        found: String,
        /// The type that is needed.
        wanted: &'static str,
    },
}

impl Expression {
    /// Compiles `text`, which may read what is `declared` and must give what is `wanted`.
    ///
    /// # Errors
    /// [`ExpressionError`] if it is too large, no CEL, or makes no sense.
    pub fn compile(
        text: &str,
        source: Location,
        declared: &Declared,
        wanted: Wanted,
    ) -> Result<Self, ExpressionError> {
        bounds::check_text(text)?;
        let (tree, networks) = bounds::with_stack(|| parse(text, declared, wanted))?;
        let (has_macro, networks) = (reading::has_macro(&tree), networks.into());
        Ok(Self { has_macro, networks, tree: Arc::new(tree), text: text.into(), source })
    }

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

    /// Whether it reads `variable.field`, or the whole variable. In which network `source.address` is, it asks without reading it.
    #[must_use]
    pub fn reads(&self, variable: &str, field: &str) -> bool {
        reading::reads(&self.tree, variable, field)
    }

    /// What it reads of a variable: of each place the names that lead there, as far as they are known before a call comes; none if it
    /// reads all of the variable.
    #[must_use]
    pub fn paths(&self, variable: &str) -> Vec<Vec<String>> {
        reading::paths(&self.tree, variable)
    }

    /// The names that it asks for of a map that is a field of a variable; `None` if only a call tells which.
    #[must_use]
    pub fn names_of(&self, variable: &str, field: &str) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        reading::names_of(&self.tree, (variable, field), &mut names).then_some(names)
    }

    /// All names that it asks for, of whatever.
    #[must_use]
    pub fn all_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        reading::all_names(&self.tree, &mut names);
        names
    }

    /// Whether its value may depend on where a call comes from.
    #[must_use]
    pub fn asks_for_address(&self) -> bool {
        !self.networks.is_empty() || self.reads("source", "address")
    }

    /// Its value as a truth value.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables.
    pub fn evaluate_bool(&self, variables: &Variables) -> Result<bool, EvaluationError> {
        match self.evaluate(variables)? {
            Value::Bool(value) => Ok(value),
            other => Err(self.wrong_type(&other, "true or false")),
        }
    }

    /// Its value as a number of units.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables, or it is below zero.
    pub fn evaluate_units(&self, variables: &Variables) -> Result<u64, EvaluationError> {
        match self.evaluate(variables)? {
            Value::UInt(value) => Ok(value),
            Value::Int(value) if value >= 0 => Ok(value.unsigned_abs()),
            other => Err(self.wrong_type(&other, "a whole number of at least 0")),
        }
    }

    /// Its value as text; a whole number is taken as its digits.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables.
    pub fn evaluate_text(&self, variables: &Variables) -> Result<String, EvaluationError> {
        self.evaluate(variables).and_then(|value| self.text_of(value))
    }

    /// The same; `None` if it is null.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables.
    pub fn evaluate_optional_text(&self, variables: &Variables) -> Result<Option<String>, EvaluationError> {
        match self.evaluate(variables)? {
            Value::Null => Ok(None),
            value => self.text_of(value).map(Some),
        }
    }

    /// Its value as words: those of a text, or each text of a list.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables.
    pub fn evaluate_words(&self, variables: &Variables) -> Result<Vec<String>, EvaluationError> {
        match self.evaluate(variables)? {
            Value::String(value) => Ok(value.split_ascii_whitespace().map(str::to_owned).collect()),
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::String(value) => Ok(value.to_string()),
                    other => Err(self.wrong_type(other, "a list of texts")),
                })
                .collect(),
            other => Err(self.wrong_type(&other, "a text or a list of texts")),
        }
    }

    fn text_of(&self, value: Value) -> Result<String, EvaluationError> {
        match value {
            Value::String(value) => Ok(value.to_string()),
            Value::Int(value) => Ok(value.to_string()),
            Value::UInt(value) => Ok(value.to_string()),
            other => Err(self.wrong_type(&other, "text")),
        }
    }

    /// Its value as an exact decimal.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables.
    pub fn evaluate_decimal(&self, variables: &Variables) -> Result<Decimal, EvaluationError> {
        self.evaluate(variables).and_then(|value| self.decimal_of(value))
    }

    /// The same; `None` if it is null.
    ///
    /// # Errors
    /// [`EvaluationError`] if it has none for these variables.
    pub fn evaluate_optional_decimal(
        &self,
        variables: &Variables,
    ) -> Result<Option<Decimal>, EvaluationError> {
        match self.evaluate(variables)? {
            Value::Null => Ok(None),
            value => self.decimal_of(value).map(Some),
        }
    }

    fn decimal_of(&self, value: Value) -> Result<Decimal, EvaluationError> {
        match value {
            Value::String(value) => parse_decimal(&value)
                .map_err(|_| self.wrong_type(&Value::String(value), "a decimal such as 100.00")),
            Value::Int(value) => Ok(Decimal::from(value)),
            Value::UInt(value) => Ok(Decimal::from(value)),
            other => Err(self.wrong_type(&other, "a decimal such as 100.00")),
        }
    }

    fn evaluate(&self, variables: &Variables) -> Result<Value, EvaluationError> {
        if self.has_macro && variables.longest > MAX_ITEMS {
            return Err(
                self.failed(format!("a list has more than the {MAX_ITEMS} items that a macro goes over"))
            );
        }
        let resolved = if self.networks.is_empty() {
            Value::resolve(&self.tree, &variables.context)
        } else {
            let asked = Asked { networks: &self.networks, address: variables.address };
            Value::resolve(&self.tree, &asked.beside(&variables.context))
        };
        resolved.map_err(|error| self.failed(self.reason(&error)))
    }

    fn failed(&self, reason: String) -> EvaluationError {
        let (expression, source_place) = (self.told(), self.source.to_string());
        EvaluationError::Failed { expression, source_place, reason }
    }

    fn wrong_type(&self, found: &Value, wanted: &'static str) -> EvaluationError {
        EvaluationError::Type {
            expression: self.told(),
            source_place: self.source.to_string(),
            found: found.type_of().to_string(),
            wanted,
        }
    }

    /// The expression as errors tell it.
    fn told(&self) -> Arc<str> {
        match self.text.char_indices().nth(MAX_TOLD) {
            Some((end, _)) => format!("{}…", &self.text[..end]).into(),
            None => self.text.clone(),
        }
    }

    /// The error without the values in it, which may be a caller's data: a key is named only if the expression names it.
    fn reason(&self, error: &cel::ExecutionError) -> String {
        match error {
            cel::ExecutionError::NoSuchKey(name) | cel::ExecutionError::UndeclaredReference(name)
                if self.text.contains(name.as_str()) =>
            {
                format!("there is no {name}")
            }
            cel::ExecutionError::NoSuchKey(_) | cel::ExecutionError::UndeclaredReference(_) => {
                "there is no such field".to_owned()
            }
            _ => "it cannot be evaluated for this call".to_owned(),
        }
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({:?} at {})", self.text, self.source)
    }
}

/// Parses a text whose bounds have been checked, and checks what it means. Gives the networks that it asks for, too.
fn parse(
    text: &str,
    declared: &Declared,
    wanted: Wanted,
) -> Result<(IdedExpr, Vec<Networks>), ExpressionError> {
    let refused = |message, help, offset| ExpressionError { message, help, offset };
    let parser = Parser::new().max_recursion_depth(bounds::MAX_RECURSION);
    let (mut tree, places) =
        parser.parse_with_source_info(text).map_err(|errors| grammar::mistake(text, &errors))?;
    bounds::check_tree(&tree)?;
    let told = |fault: Fault| {
        let sign = places.offset_for(fault.node).map(|(start, _)| start);
        refused(fault.message, fault.help, sign.map(|sign| name_at(text, sign)))
    };
    let kind = Check::new(declared.variables()).kind(&tree).map_err(told)?;
    if !wanted.takes(&kind) {
        return Err(refused(format!("this gives {kind}, not {}", wanted.name()), None, None));
    }
    let networks = networks::take(&mut tree).map_err(told)?;
    Ok((tree, networks))
}

/// The parser places a call at its bracket and a field at its point; a person looks for the name.
fn name_at(text: &str, sign: u32) -> u32 {
    let before: Vec<char> = text.chars().take(sign as usize + 1).collect();
    match before.last() {
        Some('.') => sign + 1,
        Some('(') => {
            let is_name = |char: &&char| char.is_ascii_alphanumeric() || **char == '_';
            let length = before.iter().rev().skip(1).take_while(is_name).count();
            sign.saturating_sub(u32::try_from(length).unwrap_or(0))
        }
        _ => sign,
    }
}
