//! `tollgate statement`: closing billing periods, and what they came to.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::failure::Outcome;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen};
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
    /// Closing again changes nothing and shows the same statements. A period that still runs cannot be closed; what
    /// arrives late is in the next period's statement, as an adjustment.
    Close {
        /// The period, such as 2026-11
        #[arg(long, value_name = "MONTH")]
        period: Period,
    },
    /// One app's statement, line by line
    Show(Which),
    /// All statements, newest period first
    List {
        /// Only this app's
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// Only this period's
        #[arg(long, value_name = "MONTH")]
        period: Option<Period>,
    },
    /// Write one app's statement as a file for a program or a printer
    Export {
        #[command(flatten)]
        which: Which,
        /// In what form
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// All of it, exactly
    Json,
    /// A line for each line, for a spreadsheet
    Csv,
    /// A page to print
    Html,
}

impl ExportFormat {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Html => "text/html",
        }
    }
}

const COLUMNS: &[Column] =
    &[("period", "/period"), ("app", "/app"), ("totals", "/totals_text"), ("closed", "/closed_at")];

const LINES: &[Column] = &[
    ("kind", "/kind"),
    ("what", "/text"),
    ("plan", "/plan"),
    ("quantity", "/quantity"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("file", "/source"),
];

pub(super) fn run(arguments: StatementArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Close { period } => {
            let closed = node.post("/admin/statements", &json!({ "period": period.to_string() }))?;
            let statements = closed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            screen.list(statements, COLUMNS, "The period is closed; nothing was used in it.")
        }
        Action::Show(which) => {
            let statement = node.get(&which.path())?;
            if screen.format() == Format::Json {
                return screen.json(&statement);
            }
            let lines = statement["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
            screen.list(lines, LINES, "The statement has no lines.")?;
            screen.entry(&statement, COLUMNS)
        }
        Action::List { app, period } => {
            let period = period.map(|period| period.to_string());
            let query = [("app", app.as_deref()), ("period", period.as_deref())];
            let statements = node.list(&with_query("/admin/statements", &query))?;
            screen.list(&statements, COLUMNS, "No statements yet: tollgate statement close --period MONTH")
        }
        Action::Export { which, format, to } => {
            let exported = node.download(&which.path(), format.media_type())?;
            match to {
                Some(file) => std::fs::write(&file, &exported)
                    .with_context(|| format!("cannot write {}", file.display()))
                    .map_err(Into::into),
                None => screen.text(&String::from_utf8_lossy(&exported)),
            }
        }
    }
}
