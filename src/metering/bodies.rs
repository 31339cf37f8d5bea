//! The captured bodies of a call as values: undone content codings, read JSON.

use std::cell::OnceCell;

use super::capture::Capture;
use super::coding;
use super::evidence::CallFacts;
use crate::policy::expression::{Field, json};

/// The bodies of a call, each read once, when an expression first needs it.
pub(super) struct Bodies<'f> {
    pub(super) facts: &'f CallFacts<'f>,
    max: usize,
    request: OnceCell<Result<Field, String>>,
    response: OnceCell<Result<Field, String>>,
}

impl<'f> Bodies<'f> {
    /// The bodies of a call; decoded, each has `max` bytes at most.
    pub(super) fn new(facts: &'f CallFacts<'f>, max: usize) -> Self {
        Self { facts, max, request: OnceCell::new(), response: OnceCell::new() }
    }

    /// What the request's body holds, or why it cannot be read.
    pub(super) fn request(&self) -> Result<Field, String> {
        let read = || body(self.facts.request, self.facts.request_coding, self.max);
        let read = self.request.get_or_init(read).clone();
        read.map_err(|what| format!("the request's body: {what}"))
    }

    /// What the response's body holds, or why it cannot be read.
    pub(super) fn response(&self) -> Result<Field, String> {
        let read = || body(self.facts.response, self.facts.response_coding, self.max);
        let read = self.response.get_or_init(read).clone();
        read.map_err(|what| format!("the response's body: {what}"))
    }
}

fn body(capture: &Capture, content_coding: Option<&str>, max: usize) -> Result<Field, String> {
    let bytes = capture.body().ok_or("it is longer than the meter captures")?;
    let bytes = coding::decode(bytes, content_coding, max).map_err(|error| error.to_string())?;
    json::read(&bytes).map_err(|error| error.to_string())
}
