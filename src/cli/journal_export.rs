//! A journal's usage records for a program: one after another, with what became of those that cannot be read.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::screen::{Column, Screen};
use crate::billing::books::exceptions::transaction_to_json;
use crate::billing::statement::export::inert;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::usage::{Evidence, UsageRecord};
use crate::journal::error::JournalError;
use crate::journal::export::{self, Exported};
use crate::journal::reader::Entry;
use crate::metering::omission::{self, Omission};
use crate::metering::record::{self, RecordError};

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// In what form
    #[arg(long, value_enum, default_value = "json")]
    format: ExportFormat,
    /// From this record on, by its place in the journal [default: the first one that is kept]
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// Up to this record [default: the last one]
    #[arg(long, value_name = "N")]
    until: Option<u64>,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// An array with an object on each line
    Json,
    /// A row for each record, for a spreadsheet
    Csv,
}

/// Where it stands in an object, by heading.
const COLUMNS: &[Column] = &[
    ("sequence", "/sequence"),
    ("id", "/id"),
    ("at", "/at"),
    ("node", "/node"),
    ("snapshot", "/snapshot"),
    ("app", "/app"),
    ("partner", "/partner"),
    ("credential", "/credential"),
    ("credential_id", "/credential_id"),
    ("merchant", "/merchant"),
    ("grant", "/grant"),
    ("route", "/route"),
    ("product", "/product"),
    ("plan", "/plan"),
    ("method", "/method"),
    ("status", "/status"),
    ("latency_us", "/latency_us"),
    ("bytes_in", "/bytes_in"),
    ("bytes_out", "/bytes_out"),
    ("refusal", "/refusal"),
    ("disclosed", "/disclosed"),
    ("outcome", "/outcome"),
    ("units", "/units"),
    ("calls", "/calls"),
    ("transaction_id", "/transaction/id"),
    ("transaction_of", "/transaction/of"),
    ("transaction_kind", "/transaction/kind"),
    ("amount", "/transaction/amount"),
    ("currency", "/transaction/currency"),
    ("reason", "/reason"),
    ("problem", "/problem"),
    ("last", "/last"),
    ("omitted_calls", "/omitted_calls"),
    ("until", "/until"),
    ("payload", "/payload"),
    ("sale_of", "/transaction/sale_of"),
    ("tax", "/transaction/tax"),
    ("shipping", "/transaction/shipping"),
    ("category", "/transaction/category"),
    ("parties", "/transaction/parties"),
    ("held", "/held"),
];

/// Why an export ends.
enum Stopped {
    Journal(JournalError),
    Output(io::Error),
}

impl From<JournalError> for Stopped {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

pub(super) fn export(folder: &Path, arguments: &ExportArguments, screen: &Screen) -> Outcome {
    let mut problems = Problems::default();
    let written = match &arguments.to {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            write(folder, arguments, &mut BufWriter::new(file), &mut problems)
        }
        None => write(folder, arguments, &mut BufWriter::new(io::stdout().lock()), &mut problems),
    };
    match (written, &arguments.to) {
        (Ok(()), _) => {}
        (Err(Stopped::Journal(error)), _) => return Err(error.into()),
        (Err(Stopped::Output(error)), Some(path)) => {
            let cannot = anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
            return Err(Failure::Failed(cannot));
        }
        (Err(Stopped::Output(error)), None) => return Err(error.into()),
    }
    if let Some((first, last)) = problems.kept_no_longer {
        let text =
            format!("tollgate: records {first} to {last} are kept no longer; those behind are exported");
        return Err(Failure::Invalid(text));
    }
    match problems.entries {
        0 => Ok(()),
        entries => screen.note(&format!(
            "{entries} entries say that records are lost or cannot be read: see `tollgate journal verify`."
        )),
    }
}

/// What is not there.
#[derive(Default)]
struct Problems {
    /// Entries that say so.
    entries: u64,
    /// Records that were asked for and are kept no longer, first and last.
    kept_no_longer: Option<(u64, u64)>,
}

fn write(
    folder: &Path,
    arguments: &ExportArguments,
    to: &mut dyn Write,
    problems: &mut Problems,
) -> Result<(), Stopped> {
    let range = arguments.from.unwrap_or(1)..=arguments.until.unwrap_or(u64::MAX);
    let mut take = |found: Exported| match found {
        Exported::Entry(entry) => {
            let shown = shown(&entry);
            problems.entries += u64::from(shown["problem"].is_string());
            Some(shown)
        }
        // Who did not say from where on wants what there is.
        Exported::KeptNoLonger(..) if arguments.from.is_none() => None,
        Exported::KeptNoLonger(first, last) => {
            let begin = problems.kept_no_longer.map_or(first, |(begin, _)| begin);
            problems.kept_no_longer = Some((begin, last));
            Some(json!({ "sequence": first, "problem": "kept_no_longer", "last": last }))
        }
    };
    match arguments.format {
        ExportFormat::Json => {
            let mut before = "[\n";
            export::export(folder, range, |found| {
                let Some(shown) = take(found) else { return Ok(()) };
                write!(to, "{before}{shown}")?;
                before = ",\n";
                Ok::<(), Stopped>(())
            })?;
            write!(to, "{}\n]\n", if before == "[\n" { "[" } else { "" })?;
        }
        ExportFormat::Csv => {
            let mut rows = csv::Writer::from_writer(&mut *to);
            let headings = COLUMNS.iter().map(|(heading, _)| *heading);
            rows.write_record(headings).map_err(io::Error::from)?;
            export::export(folder, range, |found| {
                let Some(shown) = take(found) else { return Ok(()) };
                let row = COLUMNS.iter().map(|(_, pointer)| cell(shown.pointer(pointer)));
                rows.write_record(row).map_err(io::Error::from)?;
                Ok::<(), Stopped>(())
            })?;
            rows.flush()?;
        }
    }
    Ok(to.flush()?)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => inert(text),
        Some(other) => other.to_string(),
    }
}

fn shown(entry: &Entry) -> Value {
    match entry {
        Entry::Lost(first, last) => json!({ "sequence": first, "problem": "lost", "last": last }),
        Entry::Record(sequence, payload) if omission::is_one(payload) => match omission::decode(payload) {
            Ok(omission) => of_omission(*sequence, &omission),
            Err(error) => unreadable(*sequence, payload, &error),
        },
        Entry::Record(sequence, payload) => match record::decode(payload) {
            Ok(usage) => of_record(*sequence, &usage),
            Err(error) => unreadable(*sequence, payload, &error),
        },
    }
}

fn unreadable(sequence: u64, payload: &[u8], error: &RecordError) -> Value {
    json!({
        "sequence": sequence,
        "problem": "unreadable",
        "reason": error.to_string(),
        "payload": hexadecimal(payload),
    })
}

/// It stands for calls without a record.
fn of_omission(sequence: u64, omission: &Omission) -> Value {
    json!({
        "sequence": sequence,
        "at": omission.from.to_string(),
        "until": omission.until.to_string(),
        "app": omission.app.as_ref().map(|app| app.as_str()),
        "outcome": "omitted",
        "omitted_calls": omission.calls,
    })
}

fn of_record(sequence: u64, usage: &UsageRecord) -> Value {
    let (outcome, units, transaction, reason) = match &usage.evidence {
        Evidence::Free => ("free", 0, None, None),
        Evidence::Billable { units, transaction } => ("billable", *units, transaction.as_ref(), None),
        Evidence::Exception { reason } => ("exception", 0, None, Some(reason)),
    };
    json!({
        "sequence": sequence,
        "id": usage.id.to_string(),
        "at": usage.at.to_string(),
        "node": usage.node.as_str(),
        "snapshot": usage.snapshot.as_str(),
        "app": usage.app.as_str(),
        "partner": usage.partner.as_str(),
        "credential": usage.credential.name(),
        "credential_id": said(&usage.credential_id),
        "merchant": usage.merchant.as_ref().map(|merchant| merchant.as_str()),
        "grant": usage.grant.as_ref().map(|grant| grant.as_str()),
        "route": usage.route.as_ref().map(|route| route.as_str()),
        "product": usage.subscribed.as_ref().map(|(product, _)| product.as_str()),
        "plan": usage.subscribed.as_ref().map(|(_, plan)| plan.to_string()),
        "method": said(&usage.method),
        "status": usage.status,
        "latency_us": u64::try_from(usage.latency.as_micros()).unwrap_or(u64::MAX),
        "bytes_in": usage.bytes_in,
        "bytes_out": usage.bytes_out,
        "refusal": usage.refusal,
        "disclosed": usage.disclosed.to_string(),
        "outcome": outcome,
        "units": units,
        "held": usage.held,
        "calls": usage.calls(),
        "until": usage.counted.map(|counted| counted.until.to_string()),
        "transaction": transaction.map(transaction_to_json),
        "reason": reason,
    })
}

/// A text that is left out of a record of many calls if it was not the same of all.
fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_partner_named_is_no_formula_in_a_spreadsheet_and_numbers_are_numbers() {
        for (value, expected) in [
            (json!("=1+1"), "'=1+1"),
            (json!("@order"), "'@order"),
            (json!("order-1"), "order-1"),
            (json!("1.00"), "1.00"),
            (json!(-5), "-5"),
            (json!({ "carrier": "acme" }), r#"{"carrier":"acme"}"#),
            (Value::Null, ""),
        ] {
            assert_eq!(cell(Some(&value)), expected);
        }
    }
}
