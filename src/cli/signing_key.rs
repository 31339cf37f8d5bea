//! `tollgate signing-key`: the keys that sign access tokens.

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct SigningKeyArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The signing keys, those that will sign last; never the keys themselves
    List,
    /// Make the next signing key: it is published at once, and signs once whoever verifies tokens knows it
    Rotate,
    /// Take trust from a signing key that others may know: every access token that it signed ends at once, and another
    /// key signs
    Revoke {
        /// The key's id, its kid
        kid: String,
    },
}

const COLUMNS: &[Column] = &[
    ("kid", "/kid"),
    ("algorithm", "/algorithm"),
    ("state", "/state"),
    ("created", "/created_at"),
    ("signs from", "/signs_from"),
    ("believed until", "/believed_until"),
];

pub(super) fn run(arguments: SigningKeyArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::List => screen.list(&node.list("/admin/signing-keys")?, COLUMNS, "No signing keys."),
        Action::Rotate => {
            let made = node.post("/admin/signing-keys", &json!({}))?;
            screen.entry(&made, COLUMNS)?;
            match made["waits_behind"].as_array().map_or(0, Vec::len) {
                0 => Ok(()),
                waiting => screen.note(&format!(
                    "Another key waited already ({waiting}): this one signs after it. tollgate signing-key list shows when; \
                     tollgate signing-key revoke takes back one that is not wanted."
                )),
            }
        }
        Action::Revoke { kid } => {
            let path = format!("/admin/signing-keys/{}/revoke", segment(&kid));
            screen.entry(&node.post(&path, &json!({}))?, COLUMNS)
        }
    }
}
