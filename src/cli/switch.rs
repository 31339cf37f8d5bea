//! `tollgate switch`: turns a route or an upstream off at once, and on again.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen, cell};

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
    /// Turn it on again; what is not off stays as it is
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
            let off = node.put(&path(kind, &name), &body)?;
            screen.entry(&off, COLUMNS)?;
            let (kind, since) = (word(kind), cell(off.pointer("/off_since")));
            screen.note(&format!(
                "The {kind} {name} is off since {since}, on all nodes within a second. To switch it on again: \
                 tollgate switch on {kind} {name}"
            ))
        }
        Action::On { kind, name } => {
            let was = node.delete(&path(kind, &name))?;
            screen.entry(&was, COLUMNS)?;
            let (kind, since) = (word(kind), cell(was.pointer("/off_since")));
            if was["off_since"].is_null() {
                return screen.note(&format!("The {kind} {name} was not switched off."));
            }
            screen.note(&format!(
                "The {kind} {name}, which was off since {since}, is on again, on all nodes within a second. To switch it off: \
                 tollgate switch off {kind} {name} --reason TEXT"
            ))
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
