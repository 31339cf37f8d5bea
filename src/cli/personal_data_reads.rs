//! Calls by which personal data left as it was, as a merchant's and an app's list show them.

use clap::Args;

use super::failure::Outcome;
use super::node::Node;
use super::query::with_query;
use super::screen::{Column, Screen};
use crate::store::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// What follows the path of whose they are.
pub(super) const PATH: &str = "/personal-data-reads";

/// Which of them.
#[derive(Debug, Args)]
pub(super) struct WhichReads {
    /// How many, at most: those last that were recorded
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = DEFAULT_PAGE_SIZE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE_SIZE))
    )]
    limit: u32,
    /// What the list before named for going on
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("usage", "/usage"),
    ("at", "/at"),
    ("app", "/app"),
    ("merchant", "/merchant"),
    ("by", "/credential"),
    ("its id", "/credential_id"),
    ("route", "/route"),
    ("status", "/status"),
    ("scopes", "/scopes"),
];

/// Shows a page of the list at `path`; for people, `when_empty` if there are none.
pub(super) fn run(
    node: &Node,
    (path, which): (&str, &WhichReads),
    when_empty: &str,
    screen: &Screen,
) -> Outcome {
    let limit = which.limit.to_string();
    let query = [("limit", Some(limit.as_str())), ("after", which.after.as_deref())];
    let page = node.get(&with_query(path, &query))?;
    let reads = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    screen.list(reads, COLUMNS, when_empty)?;
    match page["next"].as_str() {
        Some(next) => screen.note(&format!("There may be more. Go on with --after {next}")),
        None => Ok(()),
    }
}
