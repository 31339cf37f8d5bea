//! JSON texts, each within a line (NDJSON), as they stream by: how many there are, and what members of each come to. Nothing of a line
//! outlives it, so there may be any number of them, and of any length.

use std::sync::Arc;

use memchr::memchr;
use rust_decimal::Decimal;

use super::sum::Sum;
use crate::domain::money::parse_decimal;
use crate::json::picker::{Picked, Picker};
use crate::json::unpicked::Unpicked;
use crate::json::wanted::{Place, WantedMembers};
use crate::policy::body_reading::{COUNT, SUM};
use crate::policy::expression::{Field, json};

/// Most bytes that are kept of a line: no member that is summed up is longer.
const MAX_KEPT: usize = 1024;

/// Why lines cannot be counted or summed up; none of their contents are told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// A line is no JSON.
    #[error("line {line}: {why}")]
    NoJson {
        /// The line, from 1.
        line: u64,
        /// Why not.
        why: Unpicked,
    },
    /// A line has no such member, or another value than a decimal.
    #[error("line {line} has no {member} that is a decimal such as 100.00")]
    NoDecimal {
        /// The line, from 1.
        line: u64,
        /// The names that lead to the member.
        member: String,
    },
    /// There are too many, or they come to too much.
    #[error("its lines come to more than can be counted")]
    TooLarge,
}

/// How many lines there are, and what members of each come to.
#[derive(Debug, Clone)]
pub struct Lines {
    sums: Arc<WantedMembers>,
    picker: Picker,
    /// Lines that have ended, those with nothing in them too.
    line: u64,
    count: i64,
    /// In the order of the tree.
    totals: Vec<Sum>,
    failed: Option<LinesError>,
}

impl Lines {
    /// None so far; of each, the members that are asked for are summed up.
    #[must_use]
    pub fn new(sums: Arc<WantedMembers>) -> Self {
        let picker = Picker::new(sums.clone(), MAX_KEPT);
        let totals = vec![Sum::default(); leaves(&sums, WantedMembers::TOP)];
        Self { sums, picker, line: 0, count: 0, totals, failed: None }
    }

    /// Sees the next piece of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while self.failed.is_none() {
            match memchr(b'\n', rest) {
                Some(end) => {
                    self.picker.push(&rest[..end]);
                    self.end_line();
                    rest = &rest[end + 1..];
                }
                None => return self.picker.push(rest),
            }
        }
    }

    /// The number of lines and the sums, of a body that ends here: of the last line, its end may be left out.
    ///
    /// # Errors
    /// [`LinesError`].
    pub fn end(&self) -> Result<Field, LinesError> {
        let mut all = self.clone();
        all.end_line();
        match all.failed {
            Some(error) => Err(error),
            None => all.field().ok_or(LinesError::TooLarge),
        }
    }

    fn end_line(&mut self) {
        self.line = self.line.saturating_add(1);
        if self.failed.is_none() && !self.picker.is_blank() {
            self.failed = self.add().err();
        }
        self.picker.restart();
    }

    /// Adds what the line has that has come.
    fn add(&mut self) -> Result<(), LinesError> {
        let values = self.values()?;
        self.count = self.count.checked_add(1).ok_or(LinesError::TooLarge)?;
        for (total, value) in self.totals.iter_mut().zip(values) {
            *total = total.with(value).ok_or(LinesError::TooLarge)?;
        }
        Ok(())
    }

    /// What is to be added of the line.
    fn values(&self) -> Result<Vec<Decimal>, LinesError> {
        let line = self.line;
        let picked = self.picker.end().map_err(|why| LinesError::NoJson { line, why })?;
        let no_decimal = |names: Vec<&str>| LinesError::NoDecimal { line, member: names.join(".") };
        let mut values = Vec::with_capacity(self.totals.len());
        decimals(&self.sums, WantedMembers::TOP, Some(&picked), &mut values).map_err(no_decimal)?;
        Ok(values)
    }

    /// What expressions read; `None` if a sum does not fit.
    fn field(&self) -> Option<Field> {
        let mut totals = self.totals.iter().map(|sum| sum.total());
        let sums = sums(&self.sums, WantedMembers::TOP, &mut totals)?;
        Field::object(vec![(COUNT.to_owned(), Field::integer(self.count)), (SUM.to_owned(), sums)])
    }
}

/// How many members are asked for.
fn leaves(wanted: &WantedMembers, place: Place) -> usize {
    match wanted.is_whole(place) {
        true => 1,
        false => wanted.members(place).map(|(_, below)| leaves(wanted, below)).sum(),
    }
}

/// The values of the members that are asked for, in the order of the tree.
///
/// # Errors
/// The names that lead to one that is not there, or no decimal.
fn decimals<'w>(
    wanted: &'w WantedMembers,
    place: Place,
    picked: Option<&Picked<'_>>,
    values: &mut Vec<Decimal>,
) -> Result<(), Vec<&'w str>> {
    if wanted.is_whole(place) {
        let value = match picked {
            Some(Picked::Value(bytes)) => decimal(bytes),
            Some(Picked::Object(_) | Picked::List) | None => None,
        };
        values.push(value.ok_or_else(Vec::new)?);
        return Ok(());
    }
    for (name, below) in wanted.members(place) {
        let found = match picked {
            Some(Picked::Object(members)) => members.iter().find(|(known, _)| *known == name),
            Some(Picked::Value(_) | Picked::List) | None => None,
        };
        let found = found.map(|(_, picked)| picked);
        decimals(wanted, below, found, values).map_err(|mut names| {
            names.insert(0, name);
            names
        })?;
    }
    Ok(())
}

/// The decimal that a value of JSON is, as a number or a text.
fn decimal(value: &[u8]) -> Option<Decimal> {
    let plain = value.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(value);
    let plain = std::str::from_utf8(plain).ok().and_then(|text| parse_decimal(text).ok());
    plain.or_else(|| json::read(value).ok()?.decimal())
}

/// What the members come to, as expressions read it.
fn sums(
    wanted: &WantedMembers,
    place: Place,
    totals: &mut impl Iterator<Item = Option<Decimal>>,
) -> Option<Field> {
    if wanted.is_whole(place) {
        return totals.next()?.map(Field::exact);
    }
    let mut members = Vec::new();
    for (name, below) in wanted.members(place) {
        members.push((name.to_owned(), sums(wanted, below, &mut *totals)?));
    }
    Field::object(members)
}

#[cfg(test)]
mod tests;
