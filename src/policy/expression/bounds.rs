//! How large an expression may be, and how much work it may ask for.
//!
//! Parser and evaluator go down a level of the stack for each level of an expression, so what is too deep would end the
//! process, not the policy check. The text is therefore looked through before it is parsed, and the tree before
//! anything else walks it. What is parsed within these bounds still takes megabytes of stack in an unoptimised build, so
//! that is done on a thread that surely has them.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use super::ExpressionError;

/// Longest expression, in bytes.
const MAX_LENGTH: usize = 1000;
/// Deepest nesting of brackets.
const MAX_BRACKETS: usize = 16;
/// Most characters of operators, outside texts: `==` is two.
const MAX_OPERATORS: usize = 80;
/// Most points and commas, outside texts.
const MAX_SEPARATORS: usize = 60;
/// Most `?` of conditionals, each of which the parser goes down.
const MAX_CONDITIONALS: usize = 8;
/// Deepest tree. Unoptimised, evaluation takes 40 KiB of stack a level.
const MAX_DEPTH: usize = 20;
/// Most nodes of a tree, with macros written out.
const MAX_NODES: usize = 400;
/// Most expressions that the parser may be within at once; brackets and conditionals are bounded below it.
pub(super) const MAX_RECURSION: u16 = 32;

/// Stack of the thread that parses. The deepest text within the bounds takes a quarter of it, unoptimised.
const STACK: usize = 16 << 20;

/// Runs `parse` on a thread with enough stack for any text that [`check_text`] lets pass.
pub(super) fn with_stack<T: Send>(
    parse: impl FnOnce() -> Result<T, ExpressionError> + Send,
) -> Result<T, ExpressionError> {
    let failed = |message: &str| ExpressionError { message: message.to_owned(), help: None, offset: None };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
        let thread = thread.map_err(|_| failed("the system gives no thread to parse this on"))?;
        thread.join().unwrap_or_else(|_| Err(failed("this is not a CEL expression")))
    })
}

fn too_much(message: String) -> ExpressionError {
    ExpressionError { message, help: Some("make it simpler".to_owned()), offset: None }
}

/// Whether `text` may be parsed: one pass, no recursion.
pub(super) fn check_text(text: &str) -> Result<(), ExpressionError> {
    if text.len() > MAX_LENGTH {
        return Err(too_much(format!("the expression has more than {MAX_LENGTH} bytes")));
    }
    let mut seen = Seen::default();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if let Some(after) = after_text(rest, text)? {
            rest = after;
            continue;
        }
        // A comment or a quoted name would hide what follows it from this pass.
        if char == '`' || rest.starts_with("//") {
            let message = "comments and quoted names cannot stand in an expression".to_owned();
            return Err(ExpressionError { message, help: None, offset: None });
        }
        seen.count(char)?;
        rest = &rest[char.len_utf8()..];
    }
    Ok(())
}

#[derive(Default)]
struct Seen {
    brackets: usize,
    operators: usize,
    separators: usize,
    conditionals: usize,
}

impl Seen {
    fn count(&mut self, char: char) -> Result<(), ExpressionError> {
        match char {
            '(' | '[' | '{' => self.brackets += 1,
            ')' | ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
            '.' | ',' => self.separators += 1,
            '?' => self.conditionals += 1,
            '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '&' | '|' | ':' => self.operators += 1,
            _ => {}
        }
        let bounds = [
            (self.brackets, MAX_BRACKETS, "brackets within each other"),
            (self.operators, MAX_OPERATORS, "characters of operators"),
            (self.separators, MAX_SEPARATORS, "points and commas"),
            (self.conditionals, MAX_CONDITIONALS, "conditionals (a ? b : c)"),
        ];
        match bounds.into_iter().find(|(count, most, _)| count > most) {
            Some((_, most, what)) => Err(too_much(format!("the expression has more than {most} {what}"))),
            None => Ok(()),
        }
    }
}

/// What follows the text literal at the start of `rest`; `None` if none begins there. `whole` has what stands before it.
fn after_text<'t>(rest: &'t str, whole: &'t str) -> Result<Option<&'t str>, ExpressionError> {
    let Some(quote) = rest.chars().next().filter(|char| matches!(char, '\'' | '"')) else { return Ok(None) };
    let wrong = |message: &str| ExpressionError { message: message.to_owned(), help: None, offset: None };
    if rest.starts_with(&quote.to_string().repeat(3)) {
        return Err(wrong("texts of several lines cannot stand in an expression"));
    }
    let before = &whole[..whole.len() - rest.len()];
    // r'…' takes a backslash as it is; where the text ends would depend on it.
    let prefixed = before.ends_with(|char: char| char.is_ascii_alphanumeric() || char == '_');
    if prefixed && !before.ends_with(" in") {
        return Err(wrong("a text has no letters before its quote"));
    }
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' | '\r' => break,
            _ if char == quote => return Ok(Some(&rest[at + 1..])),
            _ => {}
        }
    }
    Err(wrong("a text has no closing quote"))
}

/// Whether the tree may be walked and evaluated.
pub(super) fn check_tree(expression: &IdedExpr) -> Result<(), ExpressionError> {
    Walk { nodes: 0, within_macro: false }.node(expression, 0)
}

struct Walk {
    nodes: usize,
    within_macro: bool,
}

impl Walk {
    fn node(&mut self, expression: &IdedExpr, depth: usize) -> Result<(), ExpressionError> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(too_much(format!("the expression is nested more than {MAX_DEPTH} deep")));
        }
        if self.nodes > MAX_NODES {
            return Err(too_much(format!("the expression has more than {MAX_NODES} parts")));
        }
        let depth = depth + 1;
        match &expression.expr {
            Expr::Select(select) => self.node(&select.operand, depth),
            Expr::Call(call) => {
                call.target.iter().try_for_each(|target| self.node(target, depth))?;
                call.args.iter().try_for_each(|argument| self.node(argument, depth))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.node(element, depth)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(&entry.expr, depth)),
            Expr::Struct(made) => made.entries.iter().try_for_each(|entry| self.entry(&entry.expr, depth)),
            Expr::Comprehension(looped) => {
                self.node(&looped.iter_range, depth)?;
                // Two loops within each other take the square of a caller's list.
                if std::mem::replace(&mut self.within_macro, true) {
                    let message = "a macro such as exists cannot stand within another".to_owned();
                    return Err(ExpressionError { message, help: None, offset: None });
                }
                let parts = [&looped.accu_init, &looped.loop_cond, &looped.loop_step, &looped.result];
                parts.into_iter().try_for_each(|part| self.node(part, depth))?;
                self.within_macro = false;
                Ok(())
            }
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Ok(()),
        }
    }

    fn entry(&mut self, entry: &EntryExpr, depth: usize) -> Result<(), ExpressionError> {
        match entry {
            EntryExpr::StructField(field) => self.node(&field.value, depth),
            EntryExpr::MapEntry(entry) => {
                self.node(&entry.key, depth)?;
                self.node(&entry.value, depth)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Declared, Expression, Variables, Wanted};
    use crate::domain::location::Location;

    /// Compiles on a thread with little stack: what would overflow it ends the whole test run.
    fn refusal(text: &str) -> Option<String> {
        on_stack(512, text)
    }

    fn on_stack(stack: usize, text: &str) -> Option<String> {
        let text = text.to_owned();
        let compile = move || {
            let location = Location { file: "f".into(), line: 1, column: 1 };
            let declared = Declared::for_meters(&["id"], &[]);
            let compiled = Expression::compile(&text, location, &declared, Wanted::Truth);
            if let Ok(expression) = &compiled
                && stack > 512
            {
                // There is nothing to read, so most have no value; but each is gone down into.
                let _ = expression.evaluate_bool(&Variables::default());
            }
            compiled.err().map(|error| error.message)
        };
        std::thread::Builder::new().stack_size(stack << 10).spawn(compile).unwrap().join().unwrap()
    }

    #[test]
    fn no_depth_and_no_length_overflows_a_small_stack() {
        let nested = |open: &str, times: usize, inner: &str, close: &str| {
            format!("{}{inner}{}", open.repeat(times), close.repeat(times))
        };
        for times in [70, 120, 300, 990] {
            for text in [
                format!("1{} > 0", "+1".repeat(times)),
                format!("1{} > 0", " - 1".repeat(times)),
                nested("(", times, "true", ")"),
                nested("[", times, "1", "]"),
                nested("{1:", times, "1", "}"),
                nested("size(", times, "'a'", ")"),
                nested("principal.scopes.exists(s, ", times, "true", ")"),
                nested("[1].map(x, ", times, "x", ")"),
                nested("true ? true : ", times, "true", ""),
                nested("true ? ", times, "true", " : true"),
                format!("request{}", ".path".repeat(times)),
                format!("request.body{}", "[0]".repeat(times)),
                format!("request.path{}", ".size()".repeat(times)),
                format!("[{}1]", "1,".repeat(times)),
                format!("request.path in [{}'']", "'a', ".repeat(times)),
                "(".repeat(times),
                "[1,".repeat(times),
                "a.b(".repeat(times),
                "'(".repeat(times),
                format!("'a' // '\n{}", "(".repeat(times)),
                format!("r'\\' {}'", "(".repeat(times)),
            ] {
                assert!(refusal(&text).is_some(), "{text} was taken");
            }
            for text in [
                nested("!", times, "true", ""),
                format!("true{}", " && true".repeat(times)),
                format!("true{}", " || true".repeat(times)),
            ] {
                refusal(&text);
            }
        }
    }

    #[test]
    fn what_the_bounds_allow_at_most_fits_a_small_stack() {
        let most = [
            format!("1{} > 0", "+1".repeat(18)),
            format!("{}true{}", "(".repeat(16), ")".repeat(16)),
            format!("{}true", "true ? true : ".repeat(8)),
            format!("true{}", " && true".repeat(39)),
            format!("request.body{} == 'a'", ".a".repeat(17)),
            format!("request.body{} == 'a'", "[0]".repeat(17)),
            "request.path == '((((((((((((((((((((((((((((' || request.path == '\\'((((((((((((((('"
                .to_owned(),
            "request.body.items.exists(item, item.kind in ['a', 'b'] && item.price.size() > 2)".to_owned(),
        ];
        for text in most {
            assert_eq!(on_stack(1024, &text), None, "{text}");
        }
    }

    #[test]
    fn a_loop_within_a_loop_is_refused_and_one_after_another_is_not() {
        let told = refusal("principal.scopes.exists(s, principal.scopes.exists(t, s == t))").unwrap();
        assert!(told.contains("cannot stand within another"), "{told}");
        let twice = "principal.scopes.exists(s, s == 'a:b') && principal.scopes.all(s, s != '')";
        assert_eq!(refusal(twice), None);
        assert_eq!(refusal("principal.scopes.filter(s, s != 'a:b').exists(s, s != '')"), None);
    }
}
