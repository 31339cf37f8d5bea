//! `tollgate usage`: what was called, record by record.

use clap::{Args, Subcommand};

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Screen};
use crate::domain::time::{Period, Timestamp};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct UsageArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// One usage record, with all its evidence
    Show {
        /// Its id, as lists and charges name it
        id: String,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Only this app [default: all]
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// A billing period, such as 2026-11 [default: the one that runs]
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["from", "to"])]
    period: Option<Period>,
    /// From this time on, such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// At most so many records, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

impl Which {
    fn path(&self) -> String {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        let period = text(self.period.as_ref().map(|period| period as &dyn ToString));
        let from = text(self.from.as_ref().map(|from| from as &dyn ToString));
        let to = text(self.to.as_ref().map(|to| to as &dyn ToString));
        let limit = self.limit.to_string();
        let query = [
            ("app", self.app.as_deref()),
            ("period", period.as_deref()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("limit", Some(limit.as_str())),
        ];
        with_query("/admin/usage", &query)
    }
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("at", "/at"),
    ("app", "/app"),
    ("route", "/route"),
    ("status", "/status"),
    ("outcome", "/outcome"),
    ("units", "/units"),
    ("plan", "/plan"),
    ("transaction", "/transaction/id"),
    ("amount", "/transaction/amount"),
    ("currency", "/transaction/currency"),
    ("refusal", "/refusal"),
];

const DETAILS: &[Column] = &[
    ("id", "/id"),
    ("at", "/at"),
    ("app", "/app"),
    ("merchant", "/merchant"),
    ("route", "/route"),
    ("method", "/method"),
    ("status", "/status"),
    ("refusal", "/refusal"),
    ("latency (µs)", "/latency_us"),
    ("plan", "/plan"),
    ("outcome", "/outcome"),
    ("units", "/units"),
    ("transaction", "/transaction"),
    ("why an exception", "/reason"),
];

pub(super) fn run(arguments: &UsageArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match &arguments.action {
        Some(Action::Show { id }) => {
            screen.entry(&node.get(&format!("/admin/usage/{}", segment(id)))?, DETAILS)
        }
        None => screen.list(&node.list(&arguments.which.path())?, COLUMNS, "Nothing was used in that time."),
    }
}
