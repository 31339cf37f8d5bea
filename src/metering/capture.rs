//! What a meter keeps of a body as it streams by: a bounded copy, or only what its expressions read of it. A route whose meter reads
//! no body costs no copy.

use crate::json::picker::Picker;
use crate::policy::body_reading::BodyReading;

use super::coding;
use super::lines::Lines;

/// What is kept of a body.
#[derive(Debug, Default)]
pub struct Capture {
    kept: Kept,
    is_ascii_alone: bool,
}

#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    /// All of it, up to a bound.
    Whole { bytes: Vec<u8>, max: usize },
    /// Members of a JSON text. Boxed, as most bodies are not read.
    Members(Box<Picker>),
    /// How many lines there are, and sums.
    Lines(Box<Lines>),
    /// Nothing, for it was longer than the bound.
    TooLong,
    /// Nothing, for its reader may take it for something else than the meter.
    Mistaken(&'static str),
}

/// What was kept of a body that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Captured<'c> {
    /// All of it.
    Whole(&'c [u8]),
    /// Members of a JSON text.
    Members(&'c Picker),
    /// How many lines there were, and sums.
    Lines(&'c Lines),
    /// It was longer than the bound.
    TooLong,
    /// Its reader may take it for something else than the meter, for this reason.
    Mistaken(&'static str),
}

impl Capture {
    /// Keeps nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Keeps up to `max` bytes; of a longer body nothing.
    #[must_use]
    pub fn up_to(max: usize) -> Self {
        Self::beginning(Kept::Whole { bytes: Vec::new(), max })
    }

    /// Keeps nothing of a body that its reader may take for something else than the meter does, and why.
    #[must_use]
    pub fn of_mistaken(why: &'static str) -> Self {
        Self::beginning(Kept::Mistaken(why))
    }

    /// Keeps what `reading` asks for, `max` bytes at most. Under a content coding all of the body is kept, to be decoded within that
    /// bound at its end: who pays for the time of the core is the one who sent so many bytes.
    #[must_use]
    pub fn of(reading: &BodyReading, max: usize, coding: Option<&str>) -> Self {
        let is_plain = coding::is_plain(coding);
        match reading {
            BodyReading::Nothing => Self::nothing(),
            BodyReading::Members(wanted) if is_plain => {
                Self::beginning(Kept::Members(Box::new(Picker::new(wanted.clone(), max))))
            }
            BodyReading::Lines(sums) if is_plain => {
                Self::beginning(Kept::Lines(Box::new(Lines::new(sums.clone()))))
            }
            BodyReading::Json | BodyReading::Members(_) | BodyReading::Form(_) | BodyReading::Lines(_) => {
                Self::up_to(max)
            }
        }
    }

    /// The same of a body whose bytes are read alike by all only while they are ASCII.
    #[must_use]
    pub fn of_ascii_alone(self) -> Self {
        Self { is_ascii_alone: true, ..self }
    }

    fn beginning(kept: Kept) -> Self {
        Self { kept, is_ascii_alone: false }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, data: &[u8]) {
        if self.is_ascii_alone && !data.is_ascii() && !matches!(self.kept, Kept::Nothing) {
            self.kept = Kept::Mistaken("its Content-Type names another charset than UTF-8");
        }
        match &mut self.kept {
            Kept::Nothing | Kept::TooLong | Kept::Mistaken(_) => {}
            Kept::Whole { bytes, max } if data.len() > max.saturating_sub(bytes.len()) => self.give_up(),
            Kept::Whole { bytes, .. } => bytes.extend_from_slice(data),
            Kept::Members(picker) => picker.push(data),
            Kept::Lines(lines) => lines.push(data),
        }
    }

    /// What follows of the body will not be seen: it is longer than may be waited for.
    pub fn give_up(&mut self) {
        if !matches!(self.kept, Kept::Nothing | Kept::Mistaken(_)) {
            self.kept = Kept::TooLong;
        }
    }

    /// What was kept of the body, which has ended.
    pub(super) fn captured(&self) -> Captured<'_> {
        match &self.kept {
            Kept::Nothing => Captured::Whole(b""),
            Kept::Whole { bytes, .. } => Captured::Whole(bytes),
            Kept::Members(picker) => Captured::Members(picker),
            Kept::Lines(lines) => Captured::Lines(lines),
            Kept::TooLong => Captured::TooLong,
            Kept::Mistaken(why) => Captured::Mistaken(why),
        }
    }
}
