//! `tollgate usage`: what was called, record by record.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::rated;
use super::screen::{Column, Format, Screen};
use crate::domain::time::{Period, Timestamp};

#[derive(Debug, Args)]
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
    /// One usage record, with its evidence, its charges and, of an exception, what was decided about it
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
    /// Those that follow an earlier list, which names this where it ended
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many records, 1 to 500, the newest [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: Option<u32>,
}

impl Which {
    fn is_any_given(&self) -> bool {
        let Self { app, period, from, to, after, limit } = self;
        let of_time = period.is_some() || from.is_some() || to.is_some();
        app.is_some() || of_time || after.is_some() || limit.is_some()
    }

    fn path(&self) -> String {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        let period = text(self.period.as_ref().map(|period| period as &dyn ToString));
        let from = text(self.from.as_ref().map(|from| from as &dyn ToString));
        let to = text(self.to.as_ref().map(|to| to as &dyn ToString));
        let limit = self.limit.unwrap_or(100).to_string();
        let query = [
            ("app", self.app.as_deref()),
            ("period", period.as_deref()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("after", self.after.as_deref()),
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
    ("calls", "/calls"),
];

const DETAILS: &[Column] = &[
    ("id", "/id"),
    ("at", "/at"),
    ("app", "/app"),
    ("credential", "/credential"),
    ("its id", "/credential_id"),
    ("merchant", "/merchant"),
    ("grant", "/grant"),
    ("route", "/route"),
    ("method", "/method"),
    ("status", "/status"),
    ("refusal", "/refusal"),
    ("calls", "/calls"),
    ("the last at", "/until"),
    ("latency (µs)", "/latency_us"),
    ("policies", "/policies"),
    ("plan", "/plan"),
    ("outcome", "/outcome"),
    ("units", "/units"),
    ("transaction", "/transaction"),
    ("why an exception", "/reason"),
    ("decided", "/resolution/outcome"),
    ("by", "/resolution/who"),
    ("because", "/resolution/why"),
    ("by this evidence", "/resolution/evidence"),
    ("decided at", "/resolution/at"),
];

pub(super) fn run(arguments: &UsageArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match &arguments.action {
        // One of clap's own kind, so that it ends as bad usage does.
        Some(Action::Show { .. }) if arguments.which.is_any_given() => {
            let message =
                "--app, --period, --from, --to, --after and --limit are of the list, not of one record";
            clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, format!("{message}\n")).exit()
        }
        Some(Action::Show { id }) => show(&node.get(&format!("/admin/usage/{}", segment(id)))?, screen),
        None => {
            let page = node.get(&arguments.which.path())?;
            let records = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            screen.list(records, COLUMNS, "Nothing was used in that time.")?;
            if let Some(next) = page["next"].as_str() {
                screen
                    .note(&format!("There may be more: these are the newest. Go on with --after {next}"))?;
            }
            Ok(())
        }
    }
}

fn show(record: &Value, screen: &Screen) -> Outcome {
    screen.entry(record, DETAILS)?;
    if screen.format() == Format::Json {
        return Ok(());
    }
    screen.text("")?;
    rated::show(record, screen)
}
