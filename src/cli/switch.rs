//! `tollgate switch`: turns a route or an upstream off at once, and on again.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct SwitchArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

/// What can be switched off. An app is suspended instead: `tollgate app suspend`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A route
    Route,
    /// An upstream, with all routes that lead to it
    Upstream,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Turn a route or an upstream off at once on all nodes, over policy reloads and restarts, until it is switched on
    /// again; calls under way are cut off. An app is suspended instead: tollgate app suspend
    Off {
        /// What it is
        kind: Kind,
        /// Its name in the policy files
        name: String,
        /// Why, for administrators; callers do not see it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// What callers are told
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Turn it on again
    On {
        /// What it is
        kind: Kind,
        /// Its name
        name: String,
    },
    /// All that is switched off
    List,
}

const COLUMNS: &[Column] = &[
    ("kind", "/kind"),
    ("name", "/name"),
    ("off since", "/off_since"),
    ("reason", "/reason"),
    ("message", "/message"),
];

pub(super) fn run(arguments: SwitchArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Off { kind, name, reason, message } => {
            let body = json!({ "reason": reason, "message": message });
            screen.entry(&node.put(&path(kind, &name), &body)?, COLUMNS)
        }
        Action::On { kind, name } => {
            screen.entry(&node.delete(&path(kind, &name))?, COLUMNS)?;
            screen.note("It is on again.")
        }
        Action::List => screen.list(&node.list("/admin/kill-switches")?, COLUMNS, "Nothing is switched off."),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Route => "route",
        Kind::Upstream => "upstream",
    }
}

fn path(kind: Kind, name: &str) -> String {
    format!("/admin/kill-switches/{}/{}", word(kind), segment(name))
}
