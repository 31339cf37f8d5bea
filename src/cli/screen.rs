//! What a command shows: tables for people, JSON for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::failure::Outcome;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Tables
    Human,
    /// One JSON value on standard output
    Json,
}

/// A column of a table: its heading, and where its value stands in an entry, as a JSON Pointer (RFC 6901).
pub(super) type Column = (&'static str, &'static str);

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    format: Format,
}

impl Screen {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Shows entries, one a row; for people, `when_empty` if there are none.
    pub(super) fn list(&self, entries: &[Value], columns: &[Column], when_empty: &str) -> Outcome {
        match self.format {
            Format::Json => self.json(&Value::from(entries.to_vec())),
            Format::Human if entries.is_empty() => self.note(when_empty),
            Format::Human => {
                let mut table = table();
                table.set_header(columns.iter().map(|(heading, _)| *heading));
                for entry in entries {
                    table.add_row(columns.iter().map(|(_, pointer)| cell(entry.pointer(pointer))));
                }
                self.text(&table.trim_fmt())
            }
        }
    }

    /// Shows one entry, a line for each column that it has.
    pub(super) fn entry(&self, entry: &Value, columns: &[Column]) -> Outcome {
        match self.format {
            Format::Json => self.json(entry),
            Format::Human => {
                let mut table = table();
                for (heading, pointer) in columns {
                    if let Some(value) = entry.pointer(pointer) {
                        table.add_row([(*heading).to_owned(), cell(Some(value))]);
                    }
                }
                self.text(&table.trim_fmt())
            }
        }
    }

    /// Writes a JSON value to standard output.
    pub(super) fn json(&self, value: &Value) -> Outcome {
        let text = serde_json::to_string_pretty(value)?;
        self.text(&text)
    }

    /// Writes text to standard output as it is, and a line's end.
    pub(super) fn text(&self, text: &str) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Writes lines that come from outside.
    pub(super) fn lines(&self, text: &str) -> Outcome {
        let lines: Vec<String> = text.lines().map(printable).collect();
        self.text(&lines.join("\n"))
    }

    /// Writes bytes to standard output as they are.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Tells people something that is not the result: to standard error.
    pub(super) fn note(&self, text: &str) -> Outcome {
        Ok(writeln!(io::stderr(), "{text}")?)
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A value in a line.
pub(super) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(Value::Bool(flag)) => (if *flag { "yes" } else { "no" }).to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(parts)) => {
            let parts: Vec<String> = parts.iter().map(|part| cell(Some(part))).collect();
            parts.join(" ")
        }
        Some(Value::Object(fields)) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}={}", cell(Some(value)))).collect();
            fields.join(" ")
        }
    }
}

/// Names come from outside: control characters must not reach the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
