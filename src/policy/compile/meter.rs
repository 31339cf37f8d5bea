//! What is billable on a route, and the evidence that is captured of it.

use std::time::Duration;

use http::HeaderName;

use super::super::asked_of_caller::AskedOfCaller;
use super::super::body_reading::BodyReading;
use super::super::expression::{Declared, Expression, Wanted};
use super::super::file::routes::MeterEntry;
use super::super::file::text::DurationText;
use super::super::known_units::KnownUnits;
use super::super::snapshot::{BodiesRead, Meter};
use super::basics::duration;
use super::routes::{One, parameters};

const MAX_CAPTURE: u64 = 256 << 10;
/// The most that a meter may keep of a body.
const CAPTURE_LIMIT: u64 = 4 << 20;
/// For how long at most a call may be known that is not billed again; the store forgets it some time later.
const IDEMPOTENT_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

impl One<'_, '_> {
    pub(super) fn meter(&mut self, entry: &MeterEntry, path: &str) -> Option<Meter> {
        let headers = self.answer_headers(&entry.headers);
        let names: Vec<&str> = headers.iter().map(HeaderName::as_str).collect();
        let declared = Declared::for_meters(&parameters(path), &names);
        let when = self.optional("/meter/when", entry.when.as_deref(), (&declared, Wanted::Truth));
        let units = self.optional("/meter/units", entry.units.as_deref(), (&declared, Wanted::Units));
        let of_head = Declared::for_reserves(&parameters(path));
        let reserve = self.optional("/meter/reserve", entry.reserve.as_deref(), (&of_head, Wanted::Units));
        let transaction = entry.transaction.as_ref().map(|entry| self.transaction(entry, &declared));
        let max_capture = self.size("/meter/max_capture", entry.max_capture.as_ref(), MAX_CAPTURE)?;
        if max_capture > CAPTURE_LIMIT {
            self.wrong("/meter/max_capture", "at most 4MiB of a body can be captured".to_owned(), None);
        }
        let idempotent_for = entry.idempotent_for.as_ref().map(|text| self.idempotent_for(text));
        let (when, units) = (when?, units?);
        let known = self.known(units.as_ref(), reserve?.as_ref());
        let transaction = match transaction {
            Some(transaction) => Some(transaction?),
            None => None,
        };
        let source = self.document.key_location(&format!("{}/meter", self.pointer));
        let max_capture = usize::try_from(max_capture).ok()?;
        let (bodies, asked) = (BodiesRead::default(), AskedOfCaller::default());
        let idempotent_for = match idempotent_for {
            Some(span) => Some(span?),
            None => None,
        };
        let mut meter = Meter {
            when,
            units,
            known,
            transaction,
            bodies,
            asked,
            headers,
            max_capture,
            idempotent_for,
            source,
        };
        meter.bodies = self.bodies_read(&meter)?;
        meter.asked = AskedOfCaller::by(&meter.expressions().collect::<Vec<_>>());
        Some(meter)
    }

    /// What is known of the units beforehand: what `units` gives if it reads the head alone, or else what is reserved.
    fn known(&mut self, units: Option<&Expression>, reserve: Option<&Expression>) -> Option<KnownUnits> {
        let known = units.and_then(KnownUnits::by);
        if let Some(reserve) = reserve {
            let message = match (units, &known) {
                (None, _) => "each call is 1 unit, which is known beforehand",
                (Some(_), Some(_)) => "units reads nothing but the request's head, so it is known beforehand",
                (Some(_), None) => return KnownUnits::guessed(reserve),
            };
            self.wrong("/meter/reserve", message.to_owned(), Some("take `reserve` away".to_owned()));
        }
        known
    }

    fn idempotent_for(&mut self, text: &DurationText) -> Option<Duration> {
        let part = "/meter/idempotent_for";
        let span = duration(self.compiling, self.document, &format!("{}{part}", self.pointer), text)?;
        if span > IDEMPOTENT_LIMIT || span.subsec_nanos() > 0 {
            let message = "a call is known for whole seconds, and 7 days at most".to_owned();
            self.wrong(part, message, Some("write it like 24h".to_owned()));
        }
        Some(span)
    }

    /// The fields of the answer's head that the expressions may read.
    fn answer_headers(&mut self, texts: &[String]) -> Vec<HeaderName> {
        let mut names: Vec<HeaderName> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let part = format!("/meter/headers/{index}");
            match HeaderName::from_bytes(text.as_bytes()) {
                Ok(name) if names.contains(&name) => {
                    self.wrong(&part, format!("{name} is in this list twice"), None);
                }
                Ok(name) => names.push(name),
                Err(_) => self.wrong(&part, format!("{text:?} is no name of a header field"), None),
            }
        }
        names
    }

    /// What all expressions read of the bodies.
    fn bodies_read(&mut self, meter: &Meter) -> Option<BodiesRead> {
        let [request, response] = ["request", "response"].map(|variable| {
            let reading = BodyReading::of(variable, meter.expressions());
            reading.map_err(|unreadable| self.wrong("/meter", unreadable.to_string(), None)).ok()
        });
        let bodies = BodiesRead { request: request?, response: response? };
        if meter.max_capture == 0 && bodies != BodiesRead::default() {
            let message = "the expressions read a body, of which nothing would be captured".to_owned();
            self.wrong("/meter/max_capture", message, Some("write it like 64KiB".to_owned()));
        }
        Some(bodies)
    }

    /// `Some(None)` if there is none, `None` if it is wrong.
    pub(super) fn optional(
        &mut self,
        part: &str,
        text: Option<&str>,
        must: (&Declared, Wanted),
    ) -> Option<Option<Expression>> {
        match text {
            Some(text) => self.expression(part, text, must).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn expression(
        &mut self,
        part: &str,
        text: &str,
        (declared, wanted): (&Declared, Wanted),
    ) -> Option<Expression> {
        let pointer = format!("{}{part}", self.pointer);
        match Expression::compile(text, self.document.location(&pointer), declared, wanted) {
            Ok(expression) => Some(expression),
            Err(error) => {
                let offset = error.offset.unwrap_or(0);
                self.compiling.wrong_within(
                    self.document,
                    (&pointer, text, offset),
                    error.message,
                    error.help,
                );
                None
            }
        }
    }
}
