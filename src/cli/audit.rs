//! `tollgate audit`: who changed what.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen, cell};
use crate::store::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

#[derive(Debug, Args)]
pub(super) struct AuditArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    action: Option<Show>,
}

#[derive(Debug, Subcommand)]
enum Show {
    /// One change, with all that is kept of what was before and after
    Show {
        /// Its number, as lists name it
        number: u32,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Only changes of this app, key, merchant, grant … by its id, or as KIND:ID such as `grant:gr_…`; changes of what belongs to
    /// it, too, such as consents of a merchant
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only changes by this one: administrator:NAME, `merchant:mer_…` or node:NAME
    #[arg(long, value_name = "KIND:NAME")]
    actor: Option<String>,
    /// Only changes of this kind, such as app.suspend
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// How many, 1 to 500, those that were recorded last and the last first, or `all` for all there are [default: 100]
    #[arg(long, value_name = "NUMBER", value_parser = limit)]
    limit: Option<Limit>,
}

/// How many records a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// So many at most, those of the highest numbers.
    Newest(u32),
    /// All.
    All,
}

fn limit(text: &str) -> Result<Limit, String> {
    match (text, text.parse::<u32>()) {
        ("all", _) => Ok(Limit::All),
        (_, Ok(number)) if (1..=MAX_PAGE_SIZE).contains(&number) => Ok(Limit::Newest(number)),
        _ => Err(format!("write a number from 1 to {MAX_PAGE_SIZE}, or all")),
    }
}

impl Which {
    fn is_any_given(&self) -> bool {
        let Self { subject, actor, action, limit } = self;
        [subject, actor, action].into_iter().any(Option::is_some) || limit.is_some()
    }
}

const COLUMNS: &[Column] = &[
    ("number", "/number"),
    ("at", "/at"),
    ("who", "/actor"),
    ("from", "/address"),
    ("action", "/action"),
    ("subject", "/subject"),
    ("changed", "/changed"),
];

const DETAILS: &[Column] = &[
    ("number", "/number"),
    ("at", "/at"),
    ("who", "/actor"),
    ("by the token", "/credential"),
    ("from", "/address"),
    ("request", "/request_id"),
    ("action", "/action"),
    ("subject", "/subject"),
    ("about", "/about"),
    ("changed", "/changed"),
];

/// Longest value that a list shows, in characters.
const MAX_SHOWN: usize = 60;

pub(super) fn run(arguments: &AuditArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match &arguments.action {
        // One of clap's own kind, so that it ends as bad usage does.
        Some(Show::Show { .. }) if arguments.which.is_any_given() => {
            let message = "--subject, --actor, --action and --limit are of the list, not of one record";
            clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, format!("{message}\n")).exit()
        }
        Some(Show::Show { number }) => {
            let path = format!("/admin/audit/{}", segment(&number.to_string()));
            show(node.get(&path)?, screen)
        }
        None => {
            let Which { subject, actor, action, limit } = &arguments.which;
            let limit = match limit.unwrap_or(Limit::Newest(DEFAULT_PAGE_SIZE)) {
                Limit::Newest(number) => Some(number.to_string()),
                Limit::All => None,
            };
            let filter = [
                ("subject", subject.as_deref()),
                ("actor", actor.as_deref()),
                ("action", action.as_deref()),
                ("limit", limit.as_deref()),
            ];
            let path = with_query("/admin/audit", &filter);
            let records = match limit {
                Some(_) => node.get(&path)?["items"].as_array().cloned().unwrap_or_default(),
                None => node.list(&path)?,
            };
            let records: Vec<Value> = match screen.format() {
                Format::Json => records,
                Format::Human => records.into_iter().map(told).collect(),
            };
            screen.list(&records, COLUMNS, "No such changes.")
        }
    }
}

fn show(record: Value, screen: &Screen) -> Outcome {
    if screen.format() == Format::Json {
        return screen.json(&record);
    }
    let (before, after) = (record["before"].clone(), record["after"].clone());
    screen.entry(&told(record), DETAILS)?;
    for (name, value) in [("before", before), ("after", after)] {
        screen.lines(&format!("\n{name}: {}", serde_json::to_string_pretty(&value)?))?;
    }
    Ok(())
}

/// A record for people: its subject with its kind in front, and what has changed.
fn told(mut record: Value) -> Value {
    record["changed"] = json!(changed(&record["before"], &record["after"]));
    if let (Some(kind), Some(id)) = (record["subject_kind"].as_str(), record["subject"].as_str()) {
        record["subject"] = json!(format!("{kind}:{id}"));
    }
    record
}

/// What differs between before and after, in a line.
fn changed(before: &Value, after: &Value) -> String {
    let (before, after) = match (before, after) {
        (Value::Null, Value::Null) => return "–".to_owned(),
        (Value::Null, _) => return "new".to_owned(),
        (_, Value::Null) => return "gone".to_owned(),
        (Value::Object(before), Value::Object(after)) => (before, after),
        (before, after) => return format!("{} → {}", shown(Some(before)), shown(Some(after))),
    };
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let told = differing
        .map(|name| format!("{name}: {} → {}", shown(before.get(name)), shown(after.get(name))))
        .collect::<Vec<_>>();
    if told.is_empty() { "nothing".to_owned() } else { told.join("; ") }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        Some(Value::Array(parts)) if parts.is_empty() => "none".to_owned(),
        value => cell(value),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_as_many_records_as_a_page_may_have_or_all() {
        assert_eq!(limit("1"), Ok(Limit::Newest(1)));
        assert_eq!((limit("500"), limit("all")), (Ok(Limit::Newest(500)), Ok(Limit::All)));
        for wrong in ["0", "501", "-1", "", "All", "many", "4294967296"] {
            assert_eq!(limit(wrong), Err("write a number from 1 to 500, or all".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn a_change_is_told_by_the_fields_that_differ() {
        let long = "a".repeat(70);
        for (before, after, expected) in [
            (json!(null), json!(null), "–"),
            (json!(null), json!({"a": 1}), "new"),
            (json!({"a": 1}), json!(null), "gone"),
            (json!({"a": 1, "b": "x"}), json!({"a": 1, "b": "y"}), "b: x → y"),
            (json!({"a": true, "c": null}), json!({"a": false, "c": "z"}), "a: yes → no; c: – → z"),
            (json!({"a": ["x", "y"]}), json!({"a": []}), "a: x y → none"),
            (json!({"a": 1}), json!({"a": 1}), "nothing"),
            (json!({"a": long}), json!({"b": 1}), &format!("a: {}… → –; b: – → 1", "a".repeat(60))),
        ] {
            assert_eq!(changed(&before, &after), expected);
        }
    }
}
