//! Changes as they are told: to programs, and in a change request to those who look it over.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::change::{Applies, Change, Class};
use crate::domain::location::Location;
use crate::domain::plan::Existing;

/// What a cell has that is empty.
const NONE: &str = "–";

/// A change for programs.
#[must_use]
pub fn to_json(change: &Change) -> Value {
    let Change { class, subject, part, before, after, applies, places } = change;
    let (from, existing) = match applies {
        Applies::AtOnce => (None, None),
        Applies::From { at, existing } => (Some(at.to_string()), Some(name(*existing))),
    };
    let place = |place: Option<&Location>| place.map(Location::to_string);
    json!({
        "class": class.name(),
        "change": change.to_string(),
        "subject": subject.to_string(),
        "part": part,
        "before": before,
        "after": after,
        "from": from,
        "existing": existing,
        "place_before": place(places.0.as_ref()),
        "place": place(places.1.as_ref().or(places.0.as_ref())),
    })
}

fn name(existing: Existing) -> &'static str {
    match existing {
        Existing::Stay => "stay",
        Existing::Move { .. } => "move",
    }
}

/// Changes as Markdown: how many of each class, then a table of each. The sets are named by their content hashes.
#[must_use]
pub fn markdown((old, new): (&str, &str), changes: &[Change]) -> String {
    let mut text = format!("## Policies {old} → {new}\n");
    if changes.is_empty() {
        text.push_str("\nNothing that is compared is another.\n");
    }
    // Writing to a text cannot fail.
    for class in Class::ALL {
        let of_class: Vec<&Change> = changes.iter().filter(|change| change.class == class).collect();
        if of_class.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n### {} ({})\n", class.title(), of_class.len());
        text.push_str("| what | before | after | from | where |\n| --- | --- | --- | --- | --- |\n");
        for change in of_class {
            let cells = cells(change).map(|text| escaped(&text));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

fn cells(change: &Change) -> [String; 5] {
    let Change { subject, part, before, after, applies, places, .. } = change;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
    let from = match applies {
        Applies::AtOnce => "at once".to_owned(),
        Applies::From { at, existing: Existing::Stay } => format!("{at}, for new subscriptions"),
        Applies::From { at, existing: Existing::Move { .. } } => at.to_string(),
    };
    let place = places.1.as_ref().or(places.0.as_ref()).map(Location::to_string);
    [format!("{subject}: {part}"), or_none(before), or_none(after), from, or_none(&place)]
}

/// Text that is one cell of a table, whatever is in it, and no markup.
fn escaped(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '|' | '`' | '*' | '_' | '[' | '<' | '&' => cell.extend(['\\', character]),
            other if other.is_control() => cell.push(' '),
            other => cell.push(other),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::compare::change::Subject;

    #[test]
    fn a_change_is_told_in_a_table_whatever_is_in_it() {
        let place = Location { file: "routes/a.yaml".into(), line: 3, column: 7 };
        let change = Change {
            class: Class::NarrowsScope,
            subject: Subject::Route("place-order".parse().unwrap()),
            part: "condition".to_owned(),
            before: None,
            after: Some("a || b\n| x".to_owned()),
            applies: Applies::AtOnce,
            places: (None, Some(place)),
        };
        let told = markdown(("old", "new"), std::slice::from_ref(&change));
        let expected = "## Policies old → new\n\n### Narrows scope (1)\n\n| what | before | after | from | where |\n\
            | --- | --- | --- | --- | --- |\n\
            | route place-order: condition | – | a \\|\\| b \\| x | at once | routes/a.yaml:3:7 |\n";
        assert_eq!(told, expected);
        assert_eq!(to_json(&change)["change"], "narrows route place-order: condition");
        assert!(markdown(("old", "new"), &[]).contains("Nothing"));
    }
}
