//! `tollgate proof-key`: the keys that sign heads of closed periods.

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct ProofKeyArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The proof keys, those that will sign last; never the private ones
    List,
    /// Make the next proof key: it is published at once, endorsed by the one before, and signs a day later
    Rotate,
    /// Take trust from a proof key that others may know: another signs at once
    ///
    /// What it signed before holds as far as a later key vouches for it. Keys that wait behind it are revoked with it, as it endorsed them.
    Revoke {
        /// The key's id, its kid
        kid: String,
    },
}

const COLUMNS: &[Column] = &[
    ("kid", "/kid"),
    ("state", "/state"),
    ("created", "/created_at"),
    ("signs from", "/signs_from"),
    ("endorsed by", "/endorsed_by"),
    ("revoked", "/revoked_at"),
];

pub(super) fn run(arguments: ProofKeyArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::List => screen.list(&node.list("/admin/proof-keys")?, COLUMNS, "No proof keys."),
        Action::Rotate => screen.entry(&node.post("/admin/proof-keys", &json!({}))?, COLUMNS),
        Action::Revoke { kid } => {
            let path = format!("/admin/proof-keys/{}/revoke", segment(&kid));
            screen.entry(&node.post(&path, &json!({}))?, COLUMNS)
        }
    }
}
