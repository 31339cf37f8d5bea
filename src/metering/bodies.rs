//! What is kept of the bodies of a call as values: undone content codings, read JSON, forms and lines.

use std::cell::OnceCell;

use super::capture::{Capture, Captured};
use super::evidence::CallFacts;
use super::lines::Lines;
use super::{coding, form};
use crate::json::picker::{Picked, Picker};
use crate::policy::body_reading::{self, BodyReading};
use crate::policy::expression::{Field, json};
use crate::policy::snapshot::Meter;

/// The name under which expressions read a body, and what it holds.
pub(super) type NamedBody = (&'static str, Field);

/// The bodies of a call, each read once, when an expression first needs it.
pub(super) struct Bodies<'f> {
    pub(super) facts: &'f CallFacts<'f>,
    meter: &'f Meter,
    request: OnceCell<Result<NamedBody, String>>,
    response: OnceCell<Result<NamedBody, String>>,
}

impl<'f> Bodies<'f> {
    /// The bodies of a call, as a meter reads them.
    pub(super) fn new(facts: &'f CallFacts<'f>, meter: &'f Meter) -> Self {
        Self { facts, meter, request: OnceCell::new(), response: OnceCell::new() }
    }

    /// What the request's body holds, or why it cannot be read.
    pub(super) fn request(&self) -> Result<NamedBody, String> {
        let (facts, meter) = (self.facts, self.meter);
        let read = || read(facts.request, &meter.bodies.request, (facts.request_coding, meter.max_capture));
        let read = self.request.get_or_init(read).clone();
        read.map_err(|what| format!("the request's body: {what}"))
    }

    /// What the response's body holds, or why it cannot be read.
    pub(super) fn response(&self) -> Result<NamedBody, String> {
        let (facts, meter) = (self.facts, self.meter);
        let read =
            || read(facts.response, &meter.bodies.response, (facts.response_coding, meter.max_capture));
        let read = self.response.get_or_init(read).clone();
        read.map_err(|what| format!("the response's body: {what}"))
    }
}

/// Reads a body of which something was kept; decoded, it has `max` bytes at most.
fn read(
    capture: &Capture,
    reading: &BodyReading,
    (coding, max): (Option<&str>, usize),
) -> Result<NamedBody, String> {
    match capture.captured() {
        Captured::TooLong => Err("it is longer than the meter captures".to_owned()),
        Captured::Members(picker) => members(picker),
        Captured::Lines(lines) => totals(lines),
        Captured::Whole(bytes) => {
            let bytes = coding::decode(bytes, coding, max).map_err(|error| error.to_string())?;
            whole(&bytes, reading, max)
        }
    }
}

/// Reads a body that was kept whole.
fn whole(bytes: &[u8], reading: &BodyReading, max: usize) -> Result<NamedBody, String> {
    match reading {
        BodyReading::Nothing | BodyReading::Json => {
            let read = json::read(bytes).map_err(|error| error.to_string())?;
            Ok((body_reading::JSON, read))
        }
        BodyReading::Members(wanted) => {
            let mut picker = Picker::new(wanted.clone(), max);
            picker.push(bytes);
            members(&picker)
        }
        BodyReading::Form(json) => {
            let read = form::read(bytes, json).map_err(|error| error.to_string())?;
            Ok((body_reading::FORM, read))
        }
        BodyReading::Lines(sums) => {
            let mut lines = Lines::new(sums.clone());
            lines.push(bytes);
            totals(&lines)
        }
    }
}

fn members(picker: &Picker) -> Result<NamedBody, String> {
    let picked = picker.end().map_err(|error| error.to_string())?;
    Ok((body_reading::JSON, value(picked)?))
}

fn value(picked: Picked<'_>) -> Result<Field, String> {
    match picked {
        Picked::Value(bytes) => json::read(bytes).map_err(|error| error.to_string()),
        // What it has makes no difference: it has no members.
        Picked::List => Ok(Field::list(Vec::new())),
        Picked::Object(members) => {
            let members = members.into_iter().map(|(name, picked)| Ok((name.to_owned(), value(picked)?)));
            let members = members.collect::<Result<Vec<_>, String>>()?;
            Field::object(members).ok_or_else(|| json::JsonError::KeyTwice.to_string())
        }
    }
}

fn totals(lines: &Lines) -> Result<NamedBody, String> {
    Ok((body_reading::LINES, lines.end().map_err(|error| error.to_string())?))
}
