//! `tollgate statement`: closing billing periods, and what they came to.

mod explain;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use self::explain::ExplainArguments;
use super::closing::close;
use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen};
use crate::domain::money::Currency;
use crate::domain::time::Period;

#[derive(Debug, Args)]
pub(super) struct StatementArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Close a billing period: its statements are made, and never change again
    ///
    /// What subscriptions cost by the month is charged then. Closing it again changes nothing; if it was interrupted, it
    /// goes on where it was. What arrives late, or is corrected, is on the next period's statement. A period that still
    /// runs, or is left open for what comes late (billing.grace in platform.yaml), is closed only if you ask for it with
    /// --early.
    Close {
        /// The period, such as 2026-11
        #[arg(long, value_name = "MONTH")]
        period: Period,
        /// Close it although it still runs or may get late calls: what comes in it from now on is billed with the next period
        #[arg(long)]
        early: bool,
    },
    /// The statements of a period: final if it is closed, as they stand now if it runs
    List {
        /// The period, such as 2026-11 [default: the one that runs]
        #[arg(long, value_name = "MONTH")]
        period: Option<Period>,
        /// Only this app's
        #[arg(long, value_name = "ID")]
        app: Option<String>,
    },
    /// One app's statement, line by line
    Show {
        #[command(flatten)]
        which: Which,
        /// Only that in this currency [default: one for each in which the app was charged]
        #[arg(long, value_name = "CODE")]
        currency: Option<Currency>,
    },
    /// Each charge behind one app's statement, with its usage record, plan version and rule: why was this charged?
    Charges(Which),
    /// Why a line is what it is: its price and rule, how it is reckoned, its charges, and what the ledger has of it
    ///
    /// What its charges come to one by one, what the ledger posts of them, and what the line says must be the same: if it is not, the
    /// command ends with status 3.
    Explain(ExplainArguments),
    /// Write one app's statement as a file for a program or a printer
    Export {
        #[command(flatten)]
        which: Which,
        /// In what form
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,
        /// Only that in this currency; as JSON it is needed if there is more than one [default: all]
        #[arg(long, value_name = "CODE")]
        currency: Option<Currency>,
        /// Where to [default: standard output]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The app
    #[arg(long, value_name = "ID")]
    app: String,
    /// The period, such as 2026-11
    #[arg(long, value_name = "MONTH")]
    period: Period,
}

impl Which {
    fn path(&self) -> String {
        format!("/admin/statements/{}/{}", self.period, segment(&self.app))
    }

    /// The path of its statements, or of what is below them: of that in a currency, if one is named.
    fn path_in(&self, currency: Option<Currency>, below: &str) -> String {
        let path = format!("{}{below}", self.path());
        with_query(&path, &[("currency", currency.as_ref().map(Currency::code))])
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// A final statement as it was kept, byte for byte: its SHA-256 is the statement's hash; while the period runs, a draft
    Json,
    /// A row for each line, for a spreadsheet
    Csv,
    /// A page to print
    Html,
}

impl ExportFormat {
    /// The path of an export and its media type.
    fn of(self, which: &Which, currency: Option<Currency>) -> (String, &'static str) {
        match self {
            Self::Json => (which.path_in(currency, "/content"), "application/json"),
            Self::Csv => (which.path_in(currency, ""), "text/csv"),
            Self::Html => (which.path_in(currency, ""), "text/html"),
        }
    }
}

const COLUMNS: &[Column] = &[
    ("period", "/period"),
    ("app", "/app"),
    ("partner", "/partner"),
    ("total", "/total"),
    ("paid from balance", "/paid_from_balance"),
    ("left to pay", "/left_to_pay"),
    ("currency", "/currency"),
    ("status", "/status"),
    ("number", "/number"),
    ("closed", "/closed_at"),
    ("SHA-256", "/hash"),
];

const LINES: &[Column] = &[
    ("line", "/name"),
    ("kind", "/kind"),
    ("plan", "/plan"),
    ("item", "/item"),
    ("product", "/product"),
    ("used in", "/service_period"),
    ("charges", "/charges"),
    ("units", "/units"),
    ("free", "/free_units"),
    ("days", "/days"),
    ("each", "/unit_price"),
    ("price", "/price"),
    ("percent", "/percent"),
    ("of", "/base"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("rule", "/rule"),
];

const CHARGES: &[Column] = &[
    ("usage record", "/usage"),
    ("at", "/at"),
    ("route", "/route"),
    ("method", "/method"),
    ("kind", "/kind"),
    ("plan", "/plan"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("price", "/price"),
    ("rule", "/rule"),
];

pub(super) fn run(arguments: StatementArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Close { period, early } => close(&node, (period, early), screen),
        Action::List { period, app } => {
            let period = period.map(|period| period.to_string());
            let query = [("app", app.as_deref()), ("period", period.as_deref())];
            let statements = node.list(&with_query("/admin/statements", &query))?;
            screen.list(&statements, COLUMNS, "Nothing was used in that period.")
        }
        Action::Show { which, currency } => show(&node.list(&which.path_in(currency, ""))?, screen),
        Action::Charges(which) => {
            let charges = node.list(&format!("{}/charges", which.path()))?;
            screen.list(&charges, CHARGES, "Nothing was charged in that period.")
        }
        Action::Explain(arguments) => explain::run(&arguments, &node, screen),
        Action::Export { which, format, currency, to } => {
            let (path, media_type) = format.of(&which, currency);
            let exported = node.download(&path, media_type)?;
            match to {
                Some(file) => Ok(std::fs::write(&file, &exported)
                    .with_context(|| format!("cannot write {}", file.display()))?),
                None => screen.bytes(&exported),
            }
        }
    }
}

/// An app has a statement for each currency that it was charged in.
fn show(statements: &[Value], screen: &Screen) -> Outcome {
    if screen.format() == Format::Json {
        return screen.json(&Value::from(statements.to_vec()));
    }
    for statement in statements {
        let lines = statement["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        screen.list(lines, LINES, "The statement has no lines.")?;
        screen.text("")?;
        screen.entry(statement, COLUMNS)?;
    }
    Ok(())
}
