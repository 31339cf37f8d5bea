//! What is kept of the bodies of a call as values: undone content codings, read JSON, forms and lines.

use std::cell::OnceCell;

use super::capture::{Capture, Captured};
use super::coding;
use super::evidence::CallFacts;
use super::form::{self, Asked};
use super::lines::Lines;
use crate::domain::asked_names::AskedNames;
use crate::json::picker::{Picked, Picker};
use crate::policy::asked_of_caller::AskedOfCaller;
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
        let reading =
            Reading { body: &meter.bodies.request, max: meter.max_capture, asked: Some(&meter.asked) };
        let read = || read(facts.request, facts.request_coding, &reading);
        let read = self.request.get_or_init(read).clone();
        read.map_err(|what| format!("the request's body: {what}"))
    }

    /// What the response's body holds, or why it cannot be read.
    pub(super) fn response(&self) -> Result<NamedBody, String> {
        let (facts, meter) = (self.facts, self.meter);
        let reading = Reading { body: &meter.bodies.response, max: meter.max_capture, asked: None };
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
    /// Of what a caller writes, the names that are asked for: none may be there by another spelling.
    asked: Option<&'m AskedOfCaller>,
}

impl Reading<'_> {
    /// Reads JSON in it.
    fn json(&self, bytes: &[u8]) -> Result<Field, String> {
        let read = match self.asked {
            Some(asked) => json::read_warily(bytes, &asked.members),
            None => json::read(bytes),
        };
        read.map_err(|error| error.to_string())
    }
}

/// Reads a body of which something was kept.
fn read(capture: &Capture, coding: Option<&str>, reading: &Reading<'_>) -> Result<NamedBody, String> {
    match capture.captured() {
        Captured::TooLong => Err("it is longer than the meter captures".to_owned()),
        Captured::Mistaken(why) => Err(format!("its upstream may take it for something else: {why}")),
        Captured::Members(picker) => members(picker, reading),
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
        BodyReading::Nothing | BodyReading::Json => Ok((body_reading::JSON, reading.json(bytes)?)),
        BodyReading::Members(wanted) => {
            let mut picker = Picker::new(wanted.clone(), reading.max);
            picker.push(bytes);
            members(&picker, reading)
        }
        BodyReading::Form(fields) => {
            let (none, any) = (AskedNames::None, AskedNames::Any);
            let asked = match reading.asked {
                Some(of) => {
                    Asked { json: fields, members: &of.members, names: &of.form, of_query: &of.query }
                }
                None => Asked { json: fields, members: &[], names: &any, of_query: &none },
            };
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

fn members(picker: &Picker, reading: &Reading<'_>) -> Result<NamedBody, String> {
    let picked = picker.end().map_err(|error| error.to_string())?;
    Ok((body_reading::JSON, value(picked, reading)?))
}

fn value(picked: Picked<'_>, reading: &Reading<'_>) -> Result<Field, String> {
    match picked {
        Picked::Value(bytes) => reading.json(bytes),
        // What it has makes no difference: it has no members.
        Picked::List => Ok(Field::list(Vec::new())),
        Picked::Object(members) => {
            let members =
                members.into_iter().map(|(name, picked)| Ok((name.to_owned(), value(picked, reading)?)));
            let members = members.collect::<Result<Vec<_>, String>>()?;
            Field::object(members).ok_or_else(|| JsonError::KeyTwice.to_string())
        }
    }
}

fn totals(lines: &Lines) -> Result<NamedBody, String> {
    Ok((body_reading::LINES, lines.end().map_err(|error| error.to_string())?))
}
