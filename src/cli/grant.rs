//! `tollgate grant`: merchants' consents to apps.

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct GrantArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The grants that a merchant gave, or that an app was given; revoked ones too
    List(Whose),
    /// Take a grant back at once: the app's tokens for that merchant no longer work
    Revoke {
        /// The grant's id
        id: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Grants to this app
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// Grants of this merchant
    #[arg(long, value_name = "ID")]
    merchant: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("merchant", "/merchant"),
    ("app", "/app"),
    ("scopes", "/scopes"),
    ("created", "/created_at"),
    ("revoked", "/revoked_at"),
];

pub(super) fn run(arguments: GrantArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::List(Whose { app, merchant }) => {
            let query = [("app", app.as_deref()), ("merchant", merchant.as_deref())];
            let grants = node.list(&with_query("/admin/grants", &query))?;
            screen.list(&grants, COLUMNS, "No grants: merchants give them on the consent page.")
        }
        Action::Revoke { id } => {
            let path = format!("/admin/grants/{}/revoke", segment(&id));
            screen.entry(&node.post(&path, &json!({}))?, COLUMNS)
        }
    }
}
