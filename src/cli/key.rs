//! `tollgate key`: API keys.

use clap::{Args, Subcommand};
use serde_json::json;

use super::credential::{ExistingAction, Kind, NewArguments, RotateArguments, of_kind};
use super::failure::Outcome;
use super::key_inspection;
use super::node::NodeArguments;
use super::screen::Screen;
use crate::domain::api_key::KEY_ID_PREFIX;

#[derive(Debug, Args)]
#[command(mut_subcommands(of_kind("API key", KEY_ID_PREFIX)))]
pub(super) struct KeyArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an API key for an app; it is shown this once
    Create(NewArguments),
    /// Make a key that takes another's place, as narrow as that; it is shown this once
    ///
    /// The old key works for a while yet, so that nobody is cut off before the new one is in place. It never works longer than
    /// it would have.
    Rotate(RotateArguments),
    /// What a key is that was found: read from standard input, or asked for, and never an argument
    ///
    /// By itself it tells whether it is a key, by its checksum, for which environment, and its SHA-256, which may be shown. The
    /// node, which is told the SHA-256 alone, knows whose it is, what it is good for, and whether it still works.
    Inspect {
        /// Ask no node
        #[arg(long)]
        offline: bool,
    },
    #[command(flatten)]
    Existing(ExistingAction),
}

const KIND: Kind = Kind { path: "/admin/keys", own: &[], none: "No API keys: tollgate key create --app ID" };

pub(super) fn run(arguments: KeyArguments, screen: &Screen) -> Outcome {
    let KeyArguments { node: which, action } = arguments;
    let node = || which.node();
    match action {
        Action::Inspect { offline } => {
            let asked = (!offline && which.is_told()).then_some(&which);
            key_inspection::run(asked, screen)
        }
        Action::Create(new) => KIND.create(&node()?, new, json!({}), screen),
        Action::Rotate(old) => KIND.rotate(&node()?, old, json!({}), screen),
        Action::Existing(action) => KIND.run(&node()?, &action, screen),
    }
}
