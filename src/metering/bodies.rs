//! What is kept of the bodies of a call as values: undone content codings, read JSON, forms and lines.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::capture::{Capture, Captured};
use super::coding;
use super::evidence::CallFacts;
use super::form::{self, Asked, ReadJson};
use super::lines::Lines;
use crate::json::picker::{Picked, Picker};
use crate::policy::body_reading::{self, BodyReading};
use crate::policy::expression::Field;
use crate::policy::expression::json::{self, JsonError};
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
        // Whoever writes it may want to be billed for one thing and to be given another.
        let body = &meter.bodies.request;
        let names = match body {
            BodyReading::Form(_) => meter.names_asked_of(body_reading::FORM),
            BodyReading::Nothing | BodyReading::Json | BodyReading::Members(_) | BodyReading::Lines(_) => {
                BTreeSet::new()
            }
        };
        let reading = Reading { body, max: meter.max_capture, json: json::read_warily, names };
        let read = || read(facts.request, facts.request_coding, &reading);
        let read = self.request.get_or_init(read).clone();
        read.map_err(|what| format!("the request's body: {what}"))
    }

    /// What the response's body holds, or why it cannot be read.
    pub(super) fn response(&self) -> Result<NamedBody, String> {
        let (facts, meter) = (self.facts, self.meter);
        let (max, names) = (meter.max_capture, BTreeSet::new());
        let reading = Reading { body: &meter.bodies.response, max, json: json::read, names };
        let read = || read(facts.response, facts.response_coding, &reading);
        let read = self.response.get_or_init(read).clone();
        read.map_err(|what| format!("the response's body: {what}"))
    }
}

/// How a body is read.
struct Reading<'m> {
    /// As what.
    body: &'m BodyReading,
    /// Most bytes of it, decoded too.
    max: usize,
    /// How JSON in it is read.
    json: ReadJson,
    /// Of a form, the names that a caller may not spell in another way.
    names: BTreeSet<String>,
}

/// Reads a body of which something was kept.
fn read(capture: &Capture, coding: Option<&str>, reading: &Reading<'_>) -> Result<NamedBody, String> {
    match capture.captured() {
        Captured::TooLong => Err("it is longer than the meter captures".to_owned()),
        Captured::NoRoom => {
            Err("the node keeps as much of bodies as it may, and had no room for it".to_owned())
        }
        Captured::Mistaken(why) => Err(format!("its upstream may take it for something else: {why}")),
        Captured::Members(picker) => members(picker, reading.json),
        Captured::Lines(lines) => totals(lines),
        Captured::Whole(bytes) => {
            let bytes = coding::decode(bytes, coding, reading.max).map_err(|error| error.to_string())?;
            whole(&bytes, reading)
        }
    }
}

/// Reads a body that was kept whole.
fn whole(bytes: &[u8], reading: &Reading<'_>) -> Result<NamedBody, String> {
    match reading.body {
        BodyReading::Nothing | BodyReading::Json => {
            let read = (reading.json)(bytes).map_err(|error| error.to_string())?;
            Ok((body_reading::JSON, read))
        }
        BodyReading::Members(wanted) => {
            let mut picker = Picker::new(wanted.clone(), reading.max);
            picker.push(bytes);
            members(&picker, reading.json)
        }
        BodyReading::Form(fields) => {
            let asked = Asked { json: fields, read_json: reading.json, names: &reading.names };
            let read = form::read(bytes, asked).map_err(|error| error.to_string())?;
            Ok((body_reading::FORM, read))
        }
        BodyReading::Lines(sums) => {
            let mut lines = Lines::new(sums.clone());
            lines.push(bytes);
            totals(&lines)
        }
    }
}

fn members(picker: &Picker, json: ReadJson) -> Result<NamedBody, String> {
    let picked = picker.end().map_err(|error| error.to_string())?;
    Ok((body_reading::JSON, value(picked, json)?))
}

fn value(picked: Picked<'_>, json: ReadJson) -> Result<Field, String> {
    match picked {
        Picked::Value(bytes) => json(bytes).map_err(|error| error.to_string()),
        // What it has makes no difference: it has no members.
        Picked::List => Ok(Field::list(Vec::new())),
        Picked::Object(members) => {
            let members =
                members.into_iter().map(|(name, picked)| Ok((name.to_owned(), value(picked, json)?)));
            let members = members.collect::<Result<Vec<_>, String>>()?;
            Field::object(members).ok_or_else(|| JsonError::KeyTwice.to_string())
        }
    }
}

fn totals(lines: &Lines) -> Result<NamedBody, String> {
    Ok((body_reading::LINES, lines.end().map_err(|error| error.to_string())?))
}
