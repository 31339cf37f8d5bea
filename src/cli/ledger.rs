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
    /// Do the books balance, and agree with the statements and the usage? Exit status 3 if not
    Check,
    /// All accounts with their balances: above zero is owed to the platform, below zero is what it earned
    Accounts,
}

const CHECKED: &[Column] =
    &[("balanced", "/balanced"), ("accounts", "/accounts"), ("trial balance", "/trial_balance")];

const ACCOUNTS: &[Column] = &[("account", "/account"), ("balance", "/balance"), ("currency", "/currency")];

pub(super) fn run(arguments: LedgerArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Check => {
            let checked = node.get("/admin/ledger/check")?;
            let shown = screen.entry(&checked, CHECKED);
            if checked["balanced"] == true {
                return shown;
            }
            let findings = checked["findings"].as_array().into_iter().flatten();
            let findings: Vec<String> =
                findings.map(|finding| format!("\n  {}", finding.as_str().unwrap_or_default())).collect();
            let verdict =
                Failure::Invalid(format!("tollgate: the books are not right:{}", findings.concat()));
            Err(verdict.beside(shown))
        }
        Action::Accounts => {
            screen.list(&node.list("/admin/ledger/accounts")?, ACCOUNTS, "Nothing was posted yet.")
        }
    }
}
