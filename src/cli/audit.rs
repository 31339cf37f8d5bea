//! `tollgate audit`: who changed what.

use clap::Args;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::with_query;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct AuditArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// Only changes of this app, key, merchant, grant … by its id
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only changes by this one, such as administrator:alice or `merchant:mer_…`
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only changes of this kind, such as app.suspend
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// How many, the newest first; `all` for all there are
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    limit: String,
}

const COLUMNS: &[Column] = &[
    ("number", "/number"),
    ("at", "/at"),
    ("who", "/actor"),
    ("from", "/address"),
    ("action", "/action"),
    ("subject", "/subject"),
    ("before", "/before"),
    ("after", "/after"),
];

pub(super) fn run(arguments: &AuditArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    let limit = (arguments.limit != "all").then_some(arguments.limit.as_str());
    let filter = [
        ("subject", arguments.subject.as_deref()),
        ("actor", arguments.actor.as_deref()),
        ("action", arguments.action.as_deref()),
        ("limit", limit),
    ];
    let path = with_query("/admin/audit", &filter);
    let records = match limit {
        Some(_) => node.get(&path)?["items"].as_array().cloned().unwrap_or_default(),
        None => node.list(&path)?,
    };
    screen.list(&records, COLUMNS, "No such changes.")
}
