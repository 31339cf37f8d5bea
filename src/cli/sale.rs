//! `tollgate sale`: sales that wait for their settlement, and what waits for its sale.

use clap::{Args, Subcommand};

use super::failure::Outcome;
use super::node::NodeArguments;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct SaleArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Sales of which a share is pending, the oldest first
    ///
    /// A share that is earned on settlement is pending until settlements say that the sale's money moved. One that waits for longer than
    /// its plan has it settled within counts as unsettled.
    Pending,
    /// Refunds, settlements and the like whose sales have not come, the oldest first
    ///
    /// Of some nobody is asked before they have waited for long, as a payment provider confirms what others sell, too: then each becomes an
    /// exception, as it is of a sale that the gateway did not see.
    Waiting,
}

const PENDING: &[Column] = &[
    ("sale", "/id"),
    ("app", "/app"),
    ("at", "/at"),
    ("amount", "/amount"),
    ("share", "/share"),
    ("pending", "/pending"),
    ("currency", "/currency"),
    ("unsettled", "/unsettled"),
];

const WAITING: &[Column] = &[
    ("sale", "/sale"),
    ("kind", "/kind"),
    ("id", "/id"),
    ("app", "/app"),
    ("at", "/at"),
    ("seconds", "/age_seconds"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("asked", "/asked"),
];

pub(super) fn run(arguments: SaleArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Pending => {
            let sales = node.list("/admin/sales/pending?limit=500")?;
            screen.list(&sales, PENDING, "No share of a sale is pending.")
        }
        Action::Waiting => {
            let waiting = node.list("/admin/sales/waiting?limit=500")?;
            screen.list(&waiting, WAITING, "Nothing waits for its sale.")
        }
    }
}
