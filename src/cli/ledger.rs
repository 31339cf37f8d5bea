//! `tollgate ledger`: the double-entry books.

use clap::{Args, Subcommand};

use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct LedgerArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Do the books balance, and is all that was used in them? Exit status 3 if not
    Check,
    /// All accounts with their balances
    Accounts,
}

const CHECKED: &[Column] = &[
    ("balanced", "/balanced"),
    ("entries", "/entries"),
    ("postings", "/postings"),
    ("usage records", "/usage_records"),
    ("wrong", "/wrong"),
];

const ACCOUNTS: &[Column] = &[("account", "/account"), ("balance", "/balance"), ("currency", "/currency")];

pub(super) fn run(arguments: LedgerArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Check => {
            let checked = node.get("/admin/ledger/check")?;
            screen.entry(&checked, CHECKED)?;
            if checked["balanced"].as_bool() == Some(true) {
                return Ok(());
            }
            Err(Failure::Invalid("tollgate: the ledger does not balance".to_owned()))
        }
        Action::Accounts => {
            screen.list(&node.list("/admin/ledger/accounts")?, ACCOUNTS, "Nothing was posted yet.")
        }
    }
}
