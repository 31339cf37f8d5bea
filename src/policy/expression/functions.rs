//! The operators and functions of expressions: what each takes and gives. What is not in here cannot be called.

use cel::common::ast::operators;

use super::kind::Kind;
use super::networks;

/// Functions by name, as they may be called.
const FUNCTIONS: &[(&str, &str)] = &[
    ("size", "size(a text, list or map) or x.size()"),
    ("contains", "text.contains(text)"),
    ("startsWith", "text.startsWith(text)"),
    ("endsWith", "text.endsWith(text)"),
    (networks::FUNCTION, networks::USAGE),
    ("int", "int(a number or text)"),
    ("uint", "uint(a number or text)"),
    ("double", "double(a number or text)"),
    ("string", "string(a number, text, or true or false)"),
];
/// What the parser has made something else of, if it was written with the right number of arguments.
const MACROS: &[(&str, &str)] = &[
    ("has", "has(x.field)"),
    ("exists", "list.exists(name, condition)"),
    ("all", "list.all(name, condition)"),
    ("exists_one", "list.exists_one(name, condition)"),
    ("map", "list.map(name, value)"),
    ("filter", "list.filter(name, condition)"),
];

/// The names that an expression may call.
pub(super) fn names() -> Vec<String> {
    FUNCTIONS.iter().chain(MACROS).map(|(name, _)| (*name).to_owned()).collect()
}

/// How `name` is called, if there is such a function.
pub(super) fn usage(name: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage)
}

/// How the macro of that name is written, if there is one.
pub(super) fn macro_usage(name: &str) -> Option<&'static str> {
    MACROS.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage)
}

/// What a function gives for these arguments; `None` if it does not take them.
pub(super) fn call(name: &str, receiver: Option<&Kind>, arguments: &[Kind]) -> Option<Kind> {
    use Kind::{Address, Any, Bool, Double, Int, Text, UInt};
    let is_text = |kind: &Kind| kind.fits(&Text);
    match (name, receiver, arguments) {
        ("size", Some(of), []) | ("size", None, [of]) => {
            matches!(of, Text | Any | Kind::List(_) | Kind::Map(_) | Kind::Fields(_)).then_some(Int)
        }
        ("contains" | "startsWith" | "endsWith", Some(of), [what]) => {
            (is_text(of) && is_text(what)).then_some(Bool)
        }
        (networks::FUNCTION, Some(Address), [what]) => {
            (is_text(what) || what.fits(&Kind::list(Text))).then_some(Bool)
        }
        ("int" | "uint" | "double", None, [of]) => (of.is_number() || is_text(of)).then_some(match name {
            "int" => Int,
            "uint" => UInt,
            _ => Double,
        }),
        ("string", None, [of]) => (of.is_number() || is_text(of) || *of == Bool).then_some(Text),
        _ => None,
    }
}

/// The sign of an operator, if `name` is one's.
pub(super) fn sign(name: &str) -> Option<&'static str> {
    Some(match name {
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::LOGICAL_NOT => "!",
        operators::SUBSTRACT | operators::NEGATE => "-",
        operators::ADD => "+",
        operators::MULTIPLY => "*",
        operators::DIVIDE => "/",
        operators::MODULO => "%",
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::GREATER_EQUALS => ">=",
        operators::LESS_EQUALS => "<=",
        operators::GREATER => ">",
        operators::LESS => "<",
        operators::IN => "in",
        _ => return None,
    })
}

/// What an operator gives for these operands; `None` if it does not take them.
pub(super) fn operate(name: &str, operands: &[Kind]) -> Option<Kind> {
    use Kind::{Any, Bool, Double, Int, Null, Text, UInt};
    let is_bool = |kind: &Kind| kind.fits(&Bool);
    match (name, operands) {
        (operators::LOGICAL_NOT, [one]) => is_bool(one).then_some(Bool),
        (operators::LOGICAL_AND | operators::LOGICAL_OR, _) => operands.iter().all(is_bool).then_some(Bool),
        (operators::NOT_STRICTLY_FALSE, [_]) => Some(Bool),
        (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
            // That something is not there can be asked of everything.
            (one.fits(other) || *one == Null || *other == Null).then_some(Bool)
        }
        (operators::LESS | operators::LESS_EQUALS, [one, other])
        | (operators::GREATER | operators::GREATER_EQUALS, [one, other]) => {
            let ordered = |kind: &Kind| kind.is_number() || matches!(kind, Text | Any);
            (ordered(one) && ordered(other) && one.fits(other)).then_some(Bool)
        }
        (operators::NEGATE, [one]) => matches!(one, Int | Double | Any).then(|| one.clone()),
        (operators::ADD, [Kind::List(one), Kind::List(other)]) => {
            Some(Kind::list(one.as_ref().clone().or(other.as_ref().clone())))
        }
        (operators::ADD, [one, other]) => {
            let is_added = |kind: &Kind| kind.is_number() || matches!(kind, Text | Kind::List(_));
            same(one, other, is_added)
        }
        (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, [one, other]) => {
            same(one, other, Kind::is_number)
        }
        (operators::MODULO, [one, other]) => same(one, other, |kind| matches!(kind, Int | UInt)),
        (operators::IN, [one, Kind::List(of)]) => one.fits(of).then_some(Bool),
        (operators::IN, [one, Kind::Map(_) | Kind::Fields(_)]) => one.fits(&Text).then_some(Bool),
        (operators::IN, [_, Any]) => Some(Bool),
        _ => None,
    }
}

/// The common type of two operands, if both have one that is `allowed`.
fn same(one: &Kind, other: &Kind, allowed: impl Fn(&Kind) -> bool) -> Option<Kind> {
    let may_be = |kind: &Kind| *kind == Kind::Any || allowed(kind);
    let known = if *one == Kind::Any { other } else { one };
    (may_be(one) && may_be(other) && one.fits(other)).then(|| known.clone())
}
