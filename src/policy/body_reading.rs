//! What a meter reads of a body, found by what its expressions read: all of it, members that are picked as it goes by, a form, or
//! lines that are counted and summed up.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::expression::Expression;
use crate::json::wanted::WantedMembers;

/// The variable of what a caller writes.
const REQUEST: &str = "request";
/// A body as JSON.
pub const JSON: &str = "body";
/// A body as a form (`application/x-www-form-urlencoded`).
pub const FORM: &str = "form";
/// A body as JSON texts, each within a line.
pub const LINES: &str = "lines";
/// How many lines there are.
pub const COUNT: &str = "count";
/// What members of the lines come to.
pub const SUM: &str = "sum";

/// What is read of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BodyReading {
    /// Nothing.
    #[default]
    Nothing,
    /// A JSON text, all of it.
    Json,
    /// Members of a JSON text, which may be of any length.
    Members(Arc<WantedMembers>),
    /// A form, all of it; the texts of these fields are JSON, of which members are read.
    Form(Arc<[String]>),
    /// How many JSON texts there are, each within a line, and what members of each come to; there may be any number of them.
    Lines(Arc<WantedMembers>),
}

/// Why expressions cannot read a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// As two things at once.
    #[error("{variable}.{one} and {variable}.{other} are both read, and a body is only one of them")]
    Mixed {
        /// `request` or `response`.
        variable: &'static str,
        /// What it is read as.
        one: &'static str,
        /// And as what else.
        other: &'static str,
    },
    /// A field of a form as a text, and members of it.
    #[error("{variable}.{FORM}.{name} is read as a text, and by members that it has as JSON")]
    TextAndJson {
        /// `request` or `response`.
        variable: &'static str,
        /// The field.
        name: String,
    },
    /// Something else of the lines than their number or the sum of a member.
    #[error(
        "of lines, {variable}.{LINES}.{COUNT} is read, and sums of members, as {variable}.{LINES}.{SUM}.quantity"
    )]
    Lines {
        /// `request` or `response`.
        variable: &'static str,
    },
    /// The sum of a member that has members which are summed up, too.
    #[error("{variable}.{LINES}.{SUM}.{name} is summed up, and so is a member of it")]
    SumWithin {
        /// `request` or `response`.
        variable: &'static str,
        /// The outer member.
        name: String,
    },
}

impl BodyReading {
    /// What `expressions` read of the body of `variable`, which is `request` or `response`.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn of<'e>(
        variable: &'static str,
        expressions: impl Iterator<Item = &'e Expression>,
    ) -> Result<Self, Unreadable> {
        let paths: BTreeSet<Vec<String>> = expressions.flat_map(|one| one.paths(variable)).collect();
        let mut read: Option<(&'static str, Vec<&[String]>)> = None;
        for path in &paths {
            let Some((field, names)) = of_body(path) else { continue };
            match &mut read {
                None => read = Some((field, vec![names])),
                Some((one, all)) if *one == field => all.push(names),
                Some((one, _)) => return Err(Unreadable::Mixed { variable, one, other: field }),
            }
        }
        Ok(match read {
            None => Self::Nothing,
            Some((FORM, paths)) => Self::Form(json_fields(variable, &paths)?),
            Some((LINES, paths)) => Self::Lines(Arc::new(sums(variable, paths)?)),
            Some((_, paths)) if paths.iter().any(|path| path.is_empty()) => Self::Json,
            Some((_, paths)) => Self::Members(Arc::new(members(variable, paths))),
        })
    }

    /// Whether anything is read.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// Whether an expression reads the body of `variable`, as whatever that is.
#[must_use]
pub fn reads_body(expression: &Expression, variable: &str) -> bool {
    [JSON, FORM, LINES].iter().any(|field| expression.reads(variable, field))
}

/// As what a path in a variable reads its body, if it does, and the names behind that. The whole variable has the body as JSON.
fn of_body(path: &[String]) -> Option<(&'static str, &[String])> {
    let Some((field, names)) = path.split_first() else { return Some((JSON, path)) };
    [JSON, FORM, LINES].into_iter().find(|known| known == field).map(|known| (known, names))
}

/// The fields of a form of which members are read.
fn json_fields(variable: &'static str, paths: &[&[String]]) -> Result<Arc<[String]>, Unreadable> {
    let mut fields: Vec<String> = Vec::new();
    for path in paths {
        let [name, _, ..] = path else { continue };
        if paths.contains(&std::slice::from_ref(name)) {
            return Err(Unreadable::TextAndJson { variable, name: name.clone() });
        }
        fields.push(name.clone());
    }
    fields.dedup();
    Ok(fields.into())
}

/// The members to which paths lead. What callers write is read warily: they may want to be billed for one thing and to be given another.
fn members(variable: &str, paths: Vec<&[String]>) -> WantedMembers {
    let wanted = WantedMembers::new(paths);
    if variable == REQUEST { wanted.wary() } else { wanted }
}

/// The members of which sums are read; the paths are in order.
fn sums(variable: &'static str, paths: Vec<&[String]>) -> Result<WantedMembers, Unreadable> {
    let mut members: Vec<&[String]> = Vec::new();
    for path in paths {
        match path.split_first() {
            Some((first, [])) if first == COUNT => {}
            Some((first, member)) if first == SUM && !member.is_empty() => members.push(member),
            Some(_) | None => return Err(Unreadable::Lines { variable }),
        }
    }
    // What one is within stands right before it.
    if let Some(pair) = members.windows(2).find(|pair| pair[1].starts_with(pair[0])) {
        return Err(Unreadable::SumWithin { variable, name: pair[0].join(".") });
    }
    Ok(self::members(variable, members))
}

#[cfg(test)]
mod tests {
    use super::super::expression::{Declared, Wanted};
    use super::*;
    use crate::domain::location::Location;

    fn reading(texts: &[&str]) -> Result<BodyReading, Unreadable> {
        let compile = |text: &&str| {
            let location = Location { file: "f".into(), line: 1, column: 1 };
            Expression::compile(text, location, &Declared::for_meters(&[], &[]), Wanted::Identifier).unwrap()
        };
        let expressions: Vec<Expression> = texts.iter().map(compile).collect();
        BodyReading::of("request", expressions.iter())
    }

    fn members(paths: &[&[&str]]) -> Arc<WantedMembers> {
        let paths: Vec<Vec<String>> =
            paths.iter().map(|path| path.iter().map(|name| (*name).to_owned()).collect()).collect();
        Arc::new(WantedMembers::new(paths.iter().map(Vec::as_slice)).wary())
    }

    #[test]
    fn what_is_read_of_a_body_says_what_it_is() {
        for (texts, expected) in [
            (&["request.path", "response.body.id"][..], BodyReading::Nothing),
            (
                &["request.body.id", "request.body.a.b"],
                BodyReading::Members(members(&[&["id"], &["a", "b"]])),
            ),
            (&["request.body.id", "size(request.body)"], BodyReading::Json),
            (&["size(request)"], BodyReading::Json),
            (&["request.form.out_trade_no"], BodyReading::Form([].into())),
            (&["size(request.form)"], BodyReading::Form([].into())),
            (
                &["request.form.b.id", "request.form.a", "request.form.b.total.amount"],
                BodyReading::Form(["b".to_owned()].into()),
            ),
            (&["request.lines.count"], BodyReading::Lines(members(&[]))),
            (
                &["request.lines.count", "request.lines.sum.quantity", "request.lines['sum'].price.amount"],
                BodyReading::Lines(members(&[&["quantity"], &["price", "amount"]])),
            ),
        ] {
            assert_eq!(reading(texts), Ok(expected), "{texts:?}");
        }
    }

    #[test]
    fn a_body_is_read_as_one_thing() {
        let variable = "request";
        let lines = Unreadable::Lines { variable };
        for (texts, expected) in [
            (
                &["request.body.id", "request.form.id"][..],
                Unreadable::Mixed { variable, one: "body", other: "form" },
            ),
            (
                &["request.lines.count", "size(request)"],
                Unreadable::Mixed { variable, one: "body", other: "lines" },
            ),
            (
                &["request.form.a.b", "size(request.form.a)"],
                Unreadable::TextAndJson { variable, name: "a".to_owned() },
            ),
            (&["size(request.lines)"], lines.clone()),
            (&["size(request.lines.sum)"], lines),
            (
                &["request.lines.sum.a", "request.lines.sum.a.b"],
                Unreadable::SumWithin { variable, name: "a".to_owned() },
            ),
        ] {
            assert_eq!(reading(texts), Err(expected), "{texts:?}");
        }
    }
}
