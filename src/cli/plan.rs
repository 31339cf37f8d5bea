//! `tollgate plan`: what the policies in force offer. Plans are changed in the policy files, not here.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Format, Screen};

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

/// The items of the shares of versions that have more than one percentage.
const SHARES: &[Column] = &[
    ("version", "/version"),
    ("share", "/item"),
    ("categories", "/categories"),
    ("routes", "/routes"),
    ("price", "/price"),
    ("paid by", "/paid_by"),
    ("earned", "/earned"),
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
                    let is_of_several = |version: &&Value| version["share"]["percent"].is_null();
                    let shares = versions.iter().filter(is_of_several);
                    let shares = shares.flat_map(|version| items(version, "/share/items"));
                    below(screen, &fees.collect::<Vec<_>>(), ITEMS)?;
                    below(screen, &shares.collect::<Vec<_>>(), SHARES)
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
