//! `tollgate exceptions`: billable calls whose evidence could not be read.

use clap::Args;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct ExceptionsArguments {
    #[command(flatten)]
    node: NodeArguments,
}

const COLUMNS: &[Column] = &[
    ("usage record", "/id"),
    ("at", "/at"),
    ("app", "/app"),
    ("route", "/route"),
    ("plan", "/plan"),
    ("why", "/reason"),
];

pub(super) fn run(arguments: &ExceptionsArguments, screen: &Screen) -> Outcome {
    let exceptions = arguments.node.node()?.list("/admin/exceptions?limit=500")?;
    screen.list(&exceptions, COLUMNS, "No exceptions: all evidence was read.")
}
