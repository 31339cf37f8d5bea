//! What is no YAML, in the words of someone who writes policies: a parser speaks of tokens, a person of lines.

use super::places::Place;

/// What is wrong, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Puts a parser's message about `place` of `text` into words.
pub(super) fn told(text: &str, place: Place, message: &str) -> Told {
    let told = |message: &str, help: Option<String>| Told { message: message.to_owned(), help };
    let indentation = || indentation(text, place.line as usize);
    if message.contains("tabs disallowed") || message.contains("found a tab") {
        return told("a tab cannot indent a line", Some("use spaces".to_owned()));
    }
    if message.contains("flow sequence")
        || message.contains("flow mapping")
        || message.contains("',' or")
        || message.contains("illegal placement of ':'")
    {
        let help = "each [ needs its ], each { its }, and commas stand between the parts".to_owned();
        return told("a list in [ ] or a map in { } does not end as it should", Some(help));
    }
    if message.contains("expected ':'") {
        return told(
            "a key without a colon",
            Some(indentation().unwrap_or_else(|| "write it like key: value".to_owned())),
        );
    }
    if message.contains("mapping values are not allowed") {
        let help =
            indentation().unwrap_or_else(|| "put a text that has a colon and a space in quotes".to_owned());
        return told("no key can stand here", Some(help));
    }
    if message.contains("did not find expected") {
        return told("this line does not fit those above it", indentation());
    }
    told(message, None)
}

/// Where a line's content begins, in characters from 0. The key after `- ` stands where it is read, unless the mark itself is
/// what is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Line {
    number: usize,
    start: usize,
    is_item: bool,
}

impl Line {
    fn of((index, line): (usize, &str)) -> Option<Self> {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            return None;
        }
        let start = line.chars().count() - content.chars().count();
        Some(Self { number: index + 1, start, is_item: content.starts_with("- ") })
    }

    /// Where what stands beside `other` begins; `None` if nothing of this line does.
    fn beside(self, other: Self) -> Option<usize> {
        match (self.is_item, other.is_item) {
            (true, false) => Some(self.start + 2),
            (true, true) | (false, false) => Some(self.start),
            (false, true) => None,
        }
    }
}

/// If the line is nowhere near where the line above begins: the line above that it was probably meant to stand beside.
fn indentation(text: &str, number: usize) -> Option<String> {
    let lines: Vec<Line> = text.lines().enumerate().filter_map(Line::of).collect();
    let at = lines.iter().position(|line| line.number == number)?;
    let wrong = *lines.get(at)?;
    let above = lines.get(..at)?.iter().rev();
    let mut starts = above.filter_map(|line| Some((line.number, line.beside(wrong)?)));
    let first = starts.next()?;
    if first.1 == wrong.start {
        return None;
    }
    let near = std::iter::once(first).chain(starts.take_while(|(_, start)| *start != wrong.start));
    let (meant, start) = near.min_by_key(|(_, start)| start.abs_diff(wrong.start))?;
    Some(format!(
        "line {number} is indented differently from line {meant}: {} where that has {start}",
        spaces(wrong.start)
    ))
}

fn spaces(count: usize) -> String {
    format!("{count} {}", if count == 1 { "space" } else { "spaces" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tree::Tree;

    const RIGHT: &str =
        "routes:\n  # c\n  - name: a\n    methods: [GET]\n    path: /a\n  - name: b\n    path: /b\n";

    fn told_of(text: &str) -> Told {
        let (place, message) = Tree::parse(text).unwrap_err();
        told(text, place, &message)
    }

    #[test]
    fn a_line_that_is_indented_differently_is_told_with_the_line_that_it_belongs_to() {
        assert!(Tree::parse(RIGHT).is_ok());
        for (from, to, help) in [
            (
                "    path: /a",
                "   path: /a",
                "line 5 is indented differently from line 4: 3 spaces where that has 4",
            ),
            (
                "    path: /a",
                "      path: /a",
                "line 5 is indented differently from line 4: 6 spaces where that has 4",
            ),
            (
                "  - name: b",
                " - name: b",
                "line 6 is indented differently from line 3: 1 space where that has 2",
            ),
            (
                "  - name: b",
                "    - name: b",
                "line 6 is indented differently from line 3: 4 spaces where that has 2",
            ),
            (
                "    methods",
                "     methods",
                "line 4 is indented differently from line 3: 5 spaces where that has 4",
            ),
        ] {
            let found = told_of(&RIGHT.replacen(from, to, 1));
            assert_eq!(found.help.as_deref(), Some(help), "{to:?}: {}", found.message);
            assert!(!found.message.contains("expected"), "{}", found.message);
        }
    }

    #[test]
    fn other_mistakes_are_told_without_the_parsers_words() {
        for (text, message, help) in [
            ("a: 1\n\tb: 2\n", "a tab cannot indent a line", "use spaces"),
            ("a: b: c\n", "no key can stand here", "in quotes"),
            ("a: 1\nb 2\nc: 3\n", "a key without a colon", "key: value"),
            ("a: [1, 2\nb: 3\n", "does not end as it should", "each ["),
            ("a: {b: 1\nc: 3\n", "does not end as it should", "each ["),
        ] {
            let found = told_of(text);
            assert!(found.message.contains(message), "{text:?}: {}", found.message);
            assert!(found.help.unwrap_or_default().contains(help), "{text:?}");
        }
    }
}
