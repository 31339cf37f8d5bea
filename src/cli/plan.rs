//! `tollgate plan`: what the policies in force offer. Plans are changed in the policy files, not here.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Format, Screen, cell};

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All plans, with the version in force
    List,
    /// One plan with all its versions
    Show {
        /// The plan's name
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    ("plan", "/name"),
    ("version", "/current/version"),
    ("since", "/current/effective_from"),
    ("products", "/products"),
    ("fee", "/current/fee/per_unit"),
    ("currency", "/current/currency"),
    ("free", "/current/fee/free_units"),
    ("share %", "/current/share/percent"),
];

const VERSIONS: &[Column] = &[
    ("version", "/version"),
    ("from", "/effective_from"),
    ("fee", "/fee/per_unit"),
    ("currency", "/currency"),
    ("free", "/fee/free_units"),
    ("a month", "/monthly_fee"),
    ("at least", "/minimum"),
    ("share %", "/share/percent"),
    ("limits", "/limits"),
    ("quotas", "/quotas"),
    ("file", "/source"),
];

/// The items of the fees of all versions.
const ITEMS: &[Column] = &[
    ("version", "/version"),
    ("item", "/item"),
    ("routes", "/routes"),
    ("free", "/free_units"),
    ("price", "/price"),
    ("file", "/source"),
];

/// The items of the shares of all versions.
const SHARES: &[Column] = &[
    ("version", "/version"),
    ("share", "/item"),
    ("categories", "/categories"),
    ("routes", "/routes"),
    ("price", "/price"),
    ("of", "/base"),
    ("paid by", "/paid_by"),
    ("earned", "/earned"),
    ("split", "/split"),
    ("file", "/source"),
];

pub(super) fn run(arguments: PlanArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::List => {
            screen.list(&node.list("/admin/plans")?, COLUMNS, "The policies in force have no plans.")
        }
        Action::Show { name } => {
            let plan = node.get(&format!("/admin/plans/{}", segment(&name)))?;
            match screen.format() {
                Format::Json => screen.json(&plan),
                Format::Human => {
                    let versions = plan["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
                    screen.list(versions, VERSIONS, "The plan has no versions.")?;
                    let fees = versions.iter().flat_map(|version| items(version, "/fees"));
                    let shares = versions.iter().flat_map(|version| items(version, "/share/items"));
                    below(screen, &fees.collect::<Vec<_>>(), ITEMS)?;
                    below(screen, &shares.map(in_words).collect::<Vec<_>>(), SHARES)
                }
            }
        }
    }
}

/// Another list, if there is anything in it.
fn below(screen: &Screen, rows: &[Value], columns: &[Column]) -> Outcome {
    if rows.is_empty() {
        return Ok(());
    }
    screen.text("")?;
    screen.list(rows, columns, "")
}

/// The items of a version's fees or shares, each with the version.
fn items(version: &Value, at: &str) -> Vec<Value> {
    let items = version.pointer(at).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let with_version = |item: &Value| {
        let mut item = item.clone();
        item["version"] = version["version"].clone();
        item
    };
    items.iter().map(with_version).collect()
}

/// An item of a share with what it is taken of, and who gets which part of it, in words.
fn in_words(mut item: Value) -> Value {
    let held = [("with_tax", "tax"), ("with_shipping", "shipping")];
    let left_out: Vec<&str> =
        held.iter().filter(|(field, _)| item[*field] == false).map(|(_, name)| *name).collect();
    let base = match left_out.as_slice() {
        [] => "the amount".to_owned(),
        names => format!("the amount without {}", names.join(" and ")),
    };
    let part = |part: &Value| format!("{} {}", cell(part.get("to")), cell(part.get("weight")));
    let split = match item["split"].as_array() {
        Some(parts) => parts.iter().map(part).collect::<Vec<_>>().join(", "),
        None => "platform".to_owned(),
    };
    (item["base"], item["split"]) = (json!(base), json!(split));
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_share_is_taken_of_and_who_gets_it_is_told_in_words() {
        let told = |item: Value| {
            let item = in_words(item);
            (cell(item.get("base")), cell(item.get("split")))
        };
        let all = json!({"with_tax": true, "with_shipping": true, "split": null});
        assert_eq!(told(all), ("the amount".to_owned(), "platform".to_owned()));
        let split = json!([{"to": "platform", "weight": 70}, {"to": "carrier", "weight": 30}]);
        let some = json!({"with_tax": false, "with_shipping": false, "split": split});
        let expected = ("the amount without tax and shipping", "platform 70, carrier 30");
        assert_eq!(told(some), (expected.0.to_owned(), expected.1.to_owned()));
    }
}
