//! CEL expressions: parsed and checked when policies load, evaluated per call. The only module that names `cel`.
//!
//! A whole JSON number reaches an expression as an integer however it is spelled, one with a fraction as its exact text,
//! so an amount never passes through a float.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr};
use cel::objects::{Key, Map, Value};
use cel::{Context, Program};
use rust_decimal::Decimal;

use crate::domain::location::Location;
use crate::domain::money::parse_decimal;

/// Most characters of an expression that an error tells.
const MAX_TOLD: usize = 200;
/// Longest expression, in bytes.
const MAX_LENGTH: usize = 2000;

/// A compiled CEL expression, and where it stands.
#[derive(Clone)]
pub struct Expression {
    program: Arc<Program>,
    text: Arc<str>,
    source: Location,
}

/// Which variables an expression may read: each with its fields.
#[derive(Debug, Clone, Copy)]
pub struct Declared(&'static [(&'static str, &'static [&'static str])]);

const REQUEST: (&str, &[&str]) = ("request", &["method", "path", "params", "query", "body"]);
const RESPONSE: (&str, &[&str]) = ("response", &["status", "body"]);
const PRINCIPAL: (&str, &[&str]) = ("principal", &["app", "partner", "merchant", "scopes", "environment"]);
const SOURCE: (&str, &[&str]) = ("source", &["address"]);

/// What a route's condition may read: nothing of the answer, and no body.
pub const FOR_CONDITIONS: Declared =
    Declared(&[("request", &["method", "path", "params", "query"]), PRINCIPAL, SOURCE]);
/// What a meter may read.
pub const FOR_METERS: Declared = Declared(&[REQUEST, RESPONSE, PRINCIPAL]);

/// Why an expression is refused when policies load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
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
    /// Compiles `text`, which may read what is `declared`.
    ///
    /// # Errors
    /// [`ExpressionError`] if it is no CEL or reads anything else.
    pub fn compile(text: &str, source: Location, declared: Declared) -> Result<Self, ExpressionError> {
        if text.len() > MAX_LENGTH {
            let message = format!("the expression has more than {MAX_LENGTH} bytes");
            return Err(ExpressionError { message, help: None });
        }
        let program = Program::compile(text).map_err(|errors| {
            let first = errors.errors.first().map_or_else(|| errors.to_string(), |error| error.msg.clone());
            ExpressionError { message: format!("this is not a CEL expression: {first}"), help: None }
        })?;
        check(program.expression(), declared, &mut Vec::new())?;
        Ok(Self { program: Arc::new(program), text: text.into(), source })
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

    /// Whether it reads `variable.field`, or the whole variable.
    #[must_use]
    pub fn reads(&self, variable: &str, field: &str) -> bool {
        reads(self.program.expression(), variable, field)
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
        match self.evaluate(variables)? {
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
        match self.evaluate(variables)? {
            Value::String(value) => parse_decimal(&value)
                .map_err(|_| self.wrong_type(&Value::String(value), "a decimal such as 100.00")),
            Value::Int(value) => Ok(Decimal::from(value)),
            Value::UInt(value) => Ok(Decimal::from(value)),
            other => Err(self.wrong_type(&other, "a decimal such as 100.00")),
        }
    }

    fn evaluate(&self, variables: &Variables) -> Result<Value, EvaluationError> {
        self.program.execute(&variables.0).map_err(|error| EvaluationError::Failed {
            expression: self.told(),
            source_place: self.source.to_string(),
            reason: self.reason(&error),
        })
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

/// The values that expressions read for one call.
#[derive(Default)]
pub struct Variables(Context<'static, 'static>);

impl Variables {
    /// Adds a variable whose fields are `fields`.
    pub fn add(&mut self, name: &'static str, fields: Vec<(&'static str, Field)>) {
        let map: HashMap<Key, Value> = fields
            .into_iter()
            .map(|(field, value)| (Key::String(Arc::new(field.to_owned())), value.0))
            .collect();
        self.0.add_variable_from_value(name, Value::Map(Map { map: Arc::new(map) }));
    }
}

/// A value of a variable's field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field(Value);

impl Field {
    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::owned_text(text.to_owned())
    }

    /// Text that is at hand.
    #[must_use]
    pub fn owned_text(text: String) -> Self {
        Self(Value::String(Arc::new(text)))
    }

    /// Text, or null.
    #[must_use]
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Self(Value::Null), Self::text)
    }

    /// A whole number.
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self(Value::Int(value))
    }

    /// A list of texts.
    #[must_use]
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Value::List(Arc::new(texts.into_iter().map(|text| Self::text(text).0).collect())))
    }

    /// Names and texts.
    #[must_use]
    pub fn map<K: Into<String>, V: AsRef<str>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let map = entries
            .into_iter()
            .map(|(key, value)| (Key::String(Arc::new(key.into())), Self::text(value.as_ref()).0))
            .collect();
        Self(Value::Map(Map { map: Arc::new(map) }))
    }

    /// A list of values.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self(Value::List(Arc::new(items.into_iter().map(|item| item.0).collect())))
    }

    /// Names and values; `None` if a name stands there twice.
    #[must_use]
    pub fn object(entries: Vec<(String, Self)>) -> Option<Self> {
        let count = entries.len();
        let map: HashMap<Key, Value> =
            entries.into_iter().map(|(key, value)| (Key::String(Arc::new(key)), value.0)).collect();
        (map.len() == count).then(|| Self(Value::Map(Map { map: Arc::new(map) })))
    }

    /// A truth value.
    #[must_use]
    pub fn boolean(value: bool) -> Self {
        Self(Value::Bool(value))
    }

    /// Null.
    #[must_use]
    pub fn null() -> Self {
        Self(Value::Null)
    }
}

/// Refuses names that are not declared. `local` are the variables of macros such as `exists`.
fn check(expression: &IdedExpr, declared: Declared, local: &mut Vec<String>) -> Result<(), ExpressionError> {
    match &expression.expr {
        Expr::Ident(name) => check_name(name, declared, local),
        Expr::Select(select) => {
            if let Expr::Ident(name) = &select.operand.expr
                && !local.contains(name)
                && let Some((_, fields)) = declared.0.iter().find(|(variable, _)| variable == name)
                && !fields.contains(&select.field.as_str())
            {
                let message = format!("{name} has no field {}", select.field);
                return Err(ExpressionError {
                    message,
                    help: Some(format!("it has: {}", fields.join(", "))),
                });
            }
            check(&select.operand, declared, local)
        }
        Expr::Call(call) => {
            if let Some(target) = &call.target {
                check(target, declared, local)?;
            }
            call.args.iter().try_for_each(|argument| check(argument, declared, local))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|element| check(element, declared, local)),
        Expr::Comprehension(comprehension) => {
            check(&comprehension.iter_range, declared, local)?;
            let depth = local.len();
            local.push(comprehension.iter_var.clone());
            local.extend(comprehension.iter_var2.clone());
            local.push(comprehension.accu_var.clone());
            let inner = [
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ];
            let checked = inner.into_iter().try_for_each(|part| check(part, declared, local));
            local.truncate(depth);
            checked
        }
        Expr::Map(_) | Expr::Struct(_) => {
            Err(ExpressionError { message: "maps and structs cannot be made here".to_owned(), help: None })
        }
        Expr::Literal(_) | Expr::Unspecified => Ok(()),
    }
}

fn check_name(name: &str, declared: Declared, local: &[String]) -> Result<(), ExpressionError> {
    if local.iter().any(|known| known == name) || declared.0.iter().any(|(variable, _)| *variable == name) {
        return Ok(());
    }
    let known: Vec<&str> = declared.0.iter().map(|(variable, _)| *variable).collect();
    Err(ExpressionError {
        message: format!("there is no variable {name} here"),
        help: Some(format!("there are: {}", known.join(", "))),
    })
}

fn reads(expression: &IdedExpr, variable: &str, field: &str) -> bool {
    match &expression.expr {
        Expr::Ident(name) => name == variable,
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(name) if name == variable => select.field == field,
            _ => reads(&select.operand, variable, field),
        },
        Expr::Call(call) => {
            call.target.iter().any(|target| reads(target, variable, field))
                || call.args.iter().any(|argument| reads(argument, variable, field))
        }
        Expr::List(list) => list.elements.iter().any(|element| reads(element, variable, field)),
        Expr::Comprehension(comprehension) => {
            let parts = [
                &comprehension.iter_range,
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ];
            parts.into_iter().any(|part| reads(part, variable, field))
        }
        Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Expression, ExpressionError> {
        Expression::compile(text, Location { file: "f".into(), line: 1, column: 1 }, FOR_METERS)
    }

    #[test]
    fn names_that_are_not_there_are_refused_when_policies_load() {
        for text in
            ["foo", "request.foo", "response.headers.x", "size(requests.body) > 0", "a +", "source.address"]
        {
            assert!(compile(text).is_err(), "{text} was taken");
        }
        assert!(compile("principal.scopes.exists(s, s == 'order:pii') && request.params.id != ''").is_ok());
    }

    #[test]
    fn values_come_exactly_or_not_at_all() {
        let mut variables = Variables::default();
        variables.add(
            "response",
            vec![
                ("status", Field::integer(201)),
                ("body", Field::map([("total", "0.1234567890123456789"), ("id", "o-1")])),
            ],
        );
        let decimal = compile("response.body.total").unwrap().evaluate_decimal(&variables).unwrap();
        assert_eq!(decimal.to_string(), "0.1234567890123456789");
        assert!(compile("response.status == 201").unwrap().evaluate_bool(&variables).unwrap());
        assert_eq!(compile("response.body.id").unwrap().evaluate_text(&variables).unwrap(), "o-1");
        assert_eq!(compile("2 + 3").unwrap().evaluate_units(&variables).unwrap(), 5);
        assert!(compile("response.body.none").unwrap().evaluate_text(&variables).is_err());
        assert!(compile("response.body.id").unwrap().evaluate_decimal(&variables).is_err());
        assert!(compile("response.body.id + 1").unwrap().evaluate_text(&variables).is_err());
        assert!(compile("1 / 0").unwrap().evaluate_units(&variables).is_err());
    }

    #[test]
    fn an_expression_tells_which_bodies_it_reads() {
        let expression = compile("size(request.body.items) + int(response.status)").unwrap();
        assert!(expression.reads("request", "body") && !expression.reads("response", "body"));
    }
}
