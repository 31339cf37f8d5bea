//! `tollgate balance`: what apps and partners may still spend on fees, and what apps may still cost in merchants' names.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Args)]
pub(super) struct BalanceArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a balance from which the fees of an app, or of all apps of a partner, are paid from now on
    ///
    /// Without one they are owed. A call that the balance does not bear is refused. With a merchant it is that merchant's cap: what the
    /// app's calls for it may come to each month, whoever pays.
    Create {
        /// The app that it pays for, or that the merchant's cap is on
        #[arg(long, value_name = "ID", required_unless_present = "partner", conflicts_with = "partner")]
        app: Option<String>,
        /// The partner for all of whose apps it pays
        #[arg(long, value_name = "ID")]
        partner: Option<String>,
        /// The merchant whose cap on the app it is, of the kind budget
        #[arg(long, value_name = "ID", requires = "app", conflicts_with = "partner")]
        merchant: Option<String>,
        /// What bounds it
        #[arg(long, value_enum)]
        kind: Kind,
        /// Fees in this currency are paid from it
        #[arg(long, value_name = "CODE")]
        currency: String,
        /// The limit of a credit, or of a month's budget, such as 100.00
        #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
        limit: Option<String>,
        /// Leave shares of sales to be owed, and count fees alone
        #[arg(long)]
        fees_only: bool,
    },
    /// All balances
    List,
    /// One balance: what was paid in and spent, what is reserved for calls, and what is left
    Show {
        /// The balance's id
        id: String,
    },
    /// Pay money in
    ///
    /// The same cause pays in once: to repeat it, when it is not sure whether it was done, changes nothing.
    Deposit {
        /// The balance's id
        id: String,
        /// How much, such as 100.00
        #[arg(long, allow_negative_numbers = true)]
        amount: String,
        /// What names the payment, such as the reference of a bank transfer
        #[arg(long, value_name = "TEXT")]
        cause: String,
    },
    /// Pay money out again that nothing was spent of
    ///
    /// The same cause pays out once. To end a balance first keeps calls from spending it meanwhile.
    Withdraw {
        /// The balance's id
        id: String,
        /// How much, such as 100.00
        #[arg(long)]
        amount: String,
        /// What names the payment, such as the reference of a bank transfer
        #[arg(long, value_name = "TEXT")]
        cause: String,
    },
    /// Correct a deposit: say how much had come in
    ///
    /// What was spent of money that had never come in is owed again, and calls are refused until the balance has as much.
    Correct {
        /// The balance's id
        id: String,
        /// The cause of the deposit
        #[arg(long, value_name = "TEXT")]
        deposit: String,
        /// How much had come in, such as 100.00; 0.00 for nothing
        #[arg(long)]
        amount: String,
        /// What names the correction: it is made once
        #[arg(long, value_name = "TEXT")]
        cause: String,
    },
    /// Change the limit of a credit or a budget
    ///
    /// What nodes have leased by then stays leased: a lower limit is kept to within seconds.
    Limit {
        /// The balance's id
        id: String,
        /// The new limit, such as 100.00
        #[arg(value_name = "AMOUNT")]
        limit: String,
        /// Why: the same cause changes it once
        #[arg(long, value_name = "TEXT")]
        cause: String,
    },
    /// End a balance: from now on fees are owed, or paid from another one
    ///
    /// What is left of it stays its owner's: pay it out with `withdraw`.
    End {
        /// The balance's id
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        cause: String,
    },
    /// Give back what a node has leased that is lost for good
    ///
    /// A node that starts again under its name gives it back itself. If one does so after this, what its calls have used is spent
    /// all the same.
    GiveBack {
        /// The balance's id
        id: String,
        /// The node's name
        #[arg(long, value_name = "NAME")]
        node: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// What was paid in
    Prepaid,
    /// So much more than was paid in
    Credit,
    /// So much each month, whatever is paid
    Budget,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Credit => "credit",
            Self::Budget => "budget",
        }
    }
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("of", "/owner/kind"),
    ("owner", "/owner/id"),
    ("on app", "/owner/app"),
    ("kind", "/kind"),
    ("currency", "/currency"),
    ("limit", "/limit"),
    ("counts", "/counts"),
    ("created", "/created_at"),
    ("ended", "/ended_at"),
    ("warning", "/warning"),
];

const SUMS: &[Column] = &[
    ("id", "/id"),
    ("of", "/owner/kind"),
    ("owner", "/owner/id"),
    ("on app", "/owner/app"),
    ("kind", "/kind"),
    ("currency", "/currency"),
    ("limit", "/limit"),
    ("counts", "/counts"),
    ("period", "/period"),
    ("paid in", "/paid_in"),
    ("spent", "/spent"),
    ("reserved", "/reserved"),
    ("left", "/left"),
    ("may go below zero", "/may_go_below_zero"),
    ("ended", "/ended_at"),
    ("already taken", "/already_taken"),
];

pub(super) fn run(arguments: BalanceArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { app, partner, merchant, kind, currency, limit, fees_only } => {
            let mut body = json!({ "kind": kind.name(), "currency": currency });
            let named = [("app", app), ("partner", partner), ("merchant", merchant), ("limit", limit)];
            for (name, value) in named {
                if let Some(value) = value {
                    body[name] = json!(value);
                }
            }
            if fees_only {
                body["counts"] = json!("fees");
            }
            screen.entry(&node.post("/admin/balances", &body)?, COLUMNS)
        }
        Action::List => screen.list(
            &node.list("/admin/balances")?,
            COLUMNS,
            "No balances: fees are owed. To have some paid ahead: tollgate balance create",
        ),
        Action::Show { id } => screen.entry(&node.get(&path(&id, ""))?, SUMS),
        Action::GiveBack { id, node: lost } => {
            screen.entry(&node.post(&path(&id, "/give-back"), &json!({ "node": lost }))?, SUMS)
        }
        Action::Deposit { id, amount, cause } => {
            let body = json!({ "amount": amount, "cause": cause });
            screen.entry(&node.post(&path(&id, "/deposits"), &body)?, SUMS)
        }
        Action::Withdraw { id, amount, cause } => {
            let body = json!({ "amount": amount, "cause": cause });
            screen.entry(&node.post(&path(&id, "/withdrawals"), &body)?, SUMS)
        }
        Action::Correct { id, deposit, amount, cause } => {
            let body = json!({ "deposit": deposit, "amount": amount, "cause": cause });
            screen.entry(&node.post(&path(&id, "/corrections"), &body)?, SUMS)
        }
        Action::Limit { id, limit, cause } => {
            let body = json!({ "limit": limit, "cause": cause });
            screen.entry(&node.post(&path(&id, "/limit"), &body)?, SUMS)
        }
        Action::End { id, cause } => {
            screen.entry(&node.post(&path(&id, "/end"), &json!({ "cause": cause }))?, SUMS)
        }
    }
}

fn path(id: &str, action: &str) -> String {
    format!("/admin/balances/{}{action}", segment(id))
}
