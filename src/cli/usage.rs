//! `tollgate usage`: what was called, and what it is worth.

use clap::Args;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::with_query;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct UsageArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// Only this app [default: all]
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// The billing period, such as 2026-11 [default: the one that runs]
    #[arg(long, value_name = "MONTH")]
    period: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("app", "/app"),
    ("route", "/route"),
    ("plan", "/plan"),
    ("calls", "/calls"),
    ("units", "/units"),
    ("fees", "/fees"),
    ("shares", "/shares"),
    ("currency", "/currency"),
];

pub(super) fn run(arguments: &UsageArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    let query = [("app", arguments.app.as_deref()), ("period", arguments.period.as_deref())];
    let usage = node.list(&with_query("/admin/usage", &query))?;
    screen.list(&usage, COLUMNS, "Nothing was used in that period.")
}
