//! What an expression reads, found when policies load.

use std::collections::BTreeSet;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

/// Whether it goes over a list or map, as `exists` does.
pub(super) fn has_macro(expression: &IdedExpr) -> bool {
    matches!(expression.expr, Expr::Comprehension(_)) || parts(expression).into_iter().any(has_macro)
}

/// Whether it reads `variable.field`, or the whole variable.
pub(super) fn reads(expression: &IdedExpr, variable: &str, field: &str) -> bool {
    match &expression.expr {
        Expr::Ident(name) => name == variable,
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(name) if name == variable => select.field == field,
            _ => reads(&select.operand, variable, field),
        },
        Expr::Call(_)
        | Expr::List(_)
        | Expr::Comprehension(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Literal(_)
        | Expr::Unspecified => parts(expression).into_iter().any(|part| reads(part, variable, field)),
    }
}

/// The names that lead to what it reads of a variable, as far as they are known; none for all of it.
pub(super) fn paths(expression: &IdedExpr, variable: &str) -> Vec<Vec<String>> {
    match chain(expression) {
        Some((found, names)) if found == variable => vec![names.into_iter().map(str::to_owned).collect()],
        Some(_) => Vec::new(),
        None => parts(expression).into_iter().flat_map(|part| paths(part, variable)).collect(),
    }
}

/// Adds the names that it asks for of a map that is a field of a variable; gives whether it is known which these are.
pub(super) fn names_of(expression: &IdedExpr, of: (&str, &str), names: &mut BTreeSet<String>) -> bool {
    if let Some((name, map)) = sought(expression)
        && chain(map).is_some_and(|(variable, way)| variable == of.0 && way == [of.1])
    {
        names.insert(name.to_owned());
        return true;
    }
    match chain(expression) {
        Some((variable, way)) if variable == of.0 => match way.as_slice() {
            [] => false,
            [field] => *field != of.1,
            [field, name, ..] => {
                if *field == of.1 {
                    names.insert((*name).to_owned());
                }
                true
            }
        },
        Some(_) => true,
        None => parts(expression).into_iter().all(|part| names_of(part, of, &mut *names)),
    }
}

/// Adds all names that it asks for, of whatever.
pub(super) fn all_names(expression: &IdedExpr, names: &mut BTreeSet<String>) {
    match &expression.expr {
        Expr::Select(select) => {
            names.insert(select.field.clone());
        }
        Expr::Call(call) if call.func_name == operators::INDEX || call.func_name == operators::IN => {
            names.extend(call.args.iter().filter_map(literal).map(str::to_owned));
        }
        Expr::Call(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Comprehension(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Literal(_)
        | Expr::Unspecified => {}
    }
    parts(expression).into_iter().for_each(|part| all_names(part, names));
}

/// The name, and in what it asks whether that is there: `'a' in b`.
fn sought(expression: &IdedExpr) -> Option<(&str, &IdedExpr)> {
    match &expression.expr {
        Expr::Call(call) if call.func_name == operators::IN => match call.args.as_slice() {
            [name, map] => literal(name).map(|name| (name, map)),
            _ => None,
        },
        Expr::Call(_)
        | Expr::Select(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Comprehension(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Literal(_)
        | Expr::Unspecified => None,
    }
}

fn literal(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// The variable and the names behind it, if an expression is only that: `a.b['c']`.
fn chain(expression: &IdedExpr) -> Option<(&str, Vec<&str>)> {
    match &expression.expr {
        Expr::Ident(name) => Some((name, Vec::new())),
        Expr::Select(select) => longer(&select.operand, &select.field),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [of, IdedExpr { expr: Expr::Literal(LiteralValue::String(name)), .. }] => {
                longer(of, name.inner())
            }
            _ => None,
        },
        Expr::Call(_)
        | Expr::List(_)
        | Expr::Comprehension(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Literal(_)
        | Expr::Unspecified => None,
    }
}

fn longer<'e>(of: &'e IdedExpr, name: &'e str) -> Option<(&'e str, Vec<&'e str>)> {
    chain(of).map(|(variable, mut names)| {
        names.push(name);
        (variable, names)
    })
}

/// What it is made of. Maps and structs cannot be made by one that was checked.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Select(select) => vec![&*select.operand],
        Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).collect(),
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(looped) => {
            vec![&looped.iter_range, &looped.accu_init, &looped.loop_cond, &looped.loop_step, &looped.result]
        }
        Expr::Ident(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Declared, Expression, Wanted};
    use crate::domain::location::Location;

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let location = Location { file: "f".into(), line: 1, column: 1 };
        let declared = Declared::for_meters(&[], &[]);
        let expression = Expression::compile(text, location, &declared, Wanted::Identifier).unwrap();
        assert_eq!(expression.paths("response"), expected, "{text}");
    }

    #[test]
    fn what_is_read_of_a_variable_is_known_before_a_call_comes() {
        check("response.body.id", &[&["body", "id"]]);
        check("response.body.order['total.amount'].value", &[&["body", "order", "total.amount", "value"]]);
        check("has(response.body.a) ? response.body.a : request.body.c", &[&["body", "a"], &["body", "a"]]);
        check("response.body.items[0].id", &[&["body", "items"]]);
        check(
            "response.body.items.exists(i, i.id == response.body.id) ? 'a' : 'b'",
            &[&["body", "items"], &["body", "id"]],
        );
        check("size(response.body)", &[&["body"]]);
        check("response.body[request.query.name].id", &[&["body"]]);
        check("response.status", &[&["status"]]);
        check("size(response)", &[&[]]);
        check("request.path", &[]);
    }

    #[test]
    fn which_names_are_asked_for_of_a_map_is_known_or_not() {
        let names = |text: &str| {
            let location = Location { file: "f".into(), line: 1, column: 1 };
            let declared = Declared::for_meters(&[], &[]);
            let expression = Expression::compile(text, location, &declared, Wanted::Truth).unwrap();
            expression.names_of("request", "query").map(|names| names.into_iter().collect::<Vec<_>>())
        };
        let these = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names("'a' in request.query && has(request.query.b)"), these(&["a", "b"]));
        assert_eq!(names("request.query['c'] == request.path"), these(&["c"]));
        assert_eq!(names("request.path == 'a'"), these(&[]));
        assert_eq!(names("size(request.query) > 1"), None);
        assert_eq!(names("request.path in request.query"), None);
    }
}
