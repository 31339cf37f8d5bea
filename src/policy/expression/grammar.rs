//! What is no CEL, in plain words: its parser lists every token that it would have taken.

use cel::parser::ParseErrors;

use super::ExpressionError;

const MESSAGE: &str = "this is not a CEL expression";

/// The first mistake that a parser found in `text`.
pub(super) fn mistake(text: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError { message: MESSAGE.to_owned(), help: None, offset: None };
    };
    let (what, help) = in_words(&first.msg);
    let message = what.map_or_else(|| MESSAGE.to_owned(), |what| format!("{MESSAGE}: {what}"));
    ExpressionError { message, help: help.map(str::to_owned), offset: offset(text, first.pos) }
}

/// The character, from 0, at a line and column, both from 1; the last one for what lies behind it.
fn offset(text: &str, (line, column): (isize, isize)) -> Option<u32> {
    let before = usize::try_from(line).ok()?.checked_sub(1)?;
    let within = usize::try_from(column).ok()?.checked_sub(1)?;
    let lines = text.split_inclusive('\n').take(before);
    let offset = lines.map(|line| line.chars().count()).sum::<usize>().saturating_add(within);
    u32::try_from(offset.min(text.chars().count().saturating_sub(1))).ok()
}

fn in_words(message: &str) -> (Option<String>, Option<&'static str>) {
    let message = message.trim_start_matches("Syntax error: ");
    if let Some(rest) = message.strip_prefix("token recognition error at: ") {
        let token = rest.trim_matches('\'').trim();
        return match token.chars().next() {
            Some('=') => (Some("= stands alone".to_owned()), Some("write == to compare")),
            Some('&') => (Some("& stands alone".to_owned()), Some("write && for and")),
            Some('|') => (Some("| stands alone".to_owned()), Some("write || for or")),
            Some(_) => (Some(format!("{token} means nothing here")), None),
            None => (None, None),
        };
    }
    if let Some((wanted, before)) = message.strip_prefix("missing ").and_then(|rest| rest.split_once(" at "))
    {
        let before = if before.contains("<EOF>") { "the end" } else { before };
        return (Some(format!("{wanted} is missing before {before}")), None);
    }
    for start in ["mismatched input ", "extraneous input ", "no viable alternative at input "] {
        if let Some(rest) = message.strip_prefix(start) {
            let input = rest.split(" expecting ").next().unwrap_or_default();
            return match input.contains("<EOF>") {
                true => (Some("it ends too soon".to_owned()), None),
                false => (Some(format!("{input} cannot stand here")), None),
            };
        }
    }
    (None, None)
}
