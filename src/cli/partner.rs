//! `tollgate partner`: outside organisations.

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct PartnerArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a partner
    Create {
        /// Its name, shown to merchants when they consent
        #[arg(long)]
        name: String,
    },
    /// All partners
    List,
    /// One partner
    Show {
        /// The partner's id
        id: String,
    },
    /// Stop all apps of a partner at once
    Suspend {
        /// The partner's id
        id: String,
    },
    /// Let a suspended partner's apps act again
    Resume {
        /// The partner's id
        id: String,
    },
}

const COLUMNS: &[Column] =
    &[("id", "/id"), ("name", "/name"), ("standing", "/standing"), ("created", "/created_at")];

pub(super) fn run(arguments: PartnerArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { name } => {
            let partner = node.post("/admin/partners", &json!({ "name": name }))?;
            screen.entry(&partner, COLUMNS)
        }
        Action::List => screen.list(
            &node.list("/admin/partners")?,
            COLUMNS,
            "No partners yet: tollgate partner create --name NAME",
        ),
        Action::Show { id } => screen.entry(&node.get(&path(&id, ""))?, COLUMNS),
        Action::Suspend { id } => screen.entry(&node.post(&path(&id, "/suspend"), &json!({}))?, COLUMNS),
        Action::Resume { id } => screen.entry(&node.post(&path(&id, "/resume"), &json!({}))?, COLUMNS),
    }
}

fn path(id: &str, action: &str) -> String {
    format!("/admin/partners/{}{action}", segment(id))
}
