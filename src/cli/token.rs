//! `tollgate token`: named admin tokens.

use clap::{Args, Subcommand};
use serde_json::json;

use super::app::SHOWN_ONCE;
use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an admin token for a person or program, so that audit records name who did what; it is shown this once
    Create {
        /// Whose it is
        #[arg(long)]
        name: String,
        /// It may only read: every call that changes something is refused
        #[arg(long)]
        read_only: bool,
        /// From when it no longer works, such as 2027-01-01T00:00:00Z [default: it works until revoked]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// All named tokens, revoked ones too; never the tokens themselves
    List,
    /// Make a token useless at once
    Revoke {
        /// The token's id (`adm_…`), not the token
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("token", "/token"),
    ("name", "/name"),
    ("access", "/access"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
];

const LISTED: &[Column] = &[
    ("id", "/id"),
    ("name", "/name"),
    ("access", "/access"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
];

pub(super) fn run(arguments: TokenArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { name, read_only, expires_at } => {
            let mut body = json!({ "name": name });
            if read_only {
                body["access"] = json!("read");
            }
            if let Some(expires_at) = expires_at {
                body["expires_at"] = json!(expires_at);
            }
            screen.entry(&node.post("/admin/tokens", &body)?, COLUMNS)?;
            screen.note(SHOWN_ONCE)
        }
        Action::List => screen.list(
            &node.list("/admin/tokens")?,
            LISTED,
            "No named tokens: tollgate token create --name NAME",
        ),
        Action::Revoke { id } => {
            let path = format!("/admin/tokens/{}/revoke", segment(&id));
            screen.entry(&node.post(&path, &json!({}))?, LISTED)
        }
    }
}
