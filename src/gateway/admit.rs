//! Whether a permitted call comes too fast: every limit of the caller's plan, or the route's limit for its address.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::authorize::Permit;
use crate::credential::directory::Identity;
use crate::domain::id::{AppId, LimitName, PlanName, RouteName};
use crate::domain::plan::{Limit, LimitKey, PlanVersion, Rate};
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::limit::cell::{Cell, CellKey, LocalCells};
use crate::limit::gcra::{Verdict, admit as ask, give_back, reset_after};
use crate::policy::snapshot::Route;

/// What the tightest limit said; becomes the `RateLimit` fields of the answer.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The limit.
    pub limit: LimitName,
    /// Its name and rate, as `RateLimit-Policy` tells them.
    pub announced: HeaderValue,
    /// How many more may pass at once.
    pub remaining: u32,
    /// After how long it is as if never used.
    pub reset: Duration,
}

/// Counts a call against its limits; gives the tightest, if there is any.
///
/// # Errors
/// [`Refusal::LimitReached`] with what that limit says; a refused call uses up nothing of any limit.
pub fn admit(
    cells: &mut LocalCells,
    route: &Route,
    permit: &Permit<'_>,
    identity: Option<&Arc<Identity>>,
    (address, now): (IpAddr, Duration),
) -> Result<Option<Admission>, (Refusal, Admission)> {
    match (&permit.subscribed, identity) {
        (Some((_, version)), Some(identity)) => {
            under_plan(cells, version, (&identity.caller.app.id, &route.name), now)
        }
        _ => match &route.address_limit {
            Some(limit) => {
                let cell = cells.find(&CellKey::address(address, &route.name), now);
                count(&cell, (&limit.name, &limit.rate, &limit.announced), now).map(Some)
            }
            None => Ok(None),
        },
    }
}

fn under_plan(
    cells: &mut LocalCells,
    version: &PlanVersion,
    caller: (&AppId, &RouteName),
    now: Duration,
) -> Result<Option<Admission>, (Refusal, Admission)> {
    let plan = &version.reference.name;
    let mut tightest: Option<Admission> = None;
    for (number, limit) in version.limits.iter().enumerate() {
        let cell = cells.find(&key(limit, plan, caller), now);
        let admission =
            count(&cell, (&limit.name, &limit.rate, &limit.announced), now).inspect_err(|_| {
                for counted in &version.limits[..number] {
                    give_back(&cells.find(&key(counted, plan, caller), now), &counted.rate);
                }
            })?;
        if tightest.as_ref().is_none_or(|other| admission.remaining < other.remaining) {
            tightest = Some(admission);
        }
    }
    Ok(tightest)
}

fn key<'k>(limit: &'k Limit, plan: &'k PlanName, (app, route): (&'k AppId, &'k RouteName)) -> CellKey<'k> {
    match limit.per {
        LimitKey::App => CellKey::App(app, plan, &limit.name),
        LimitKey::AppAndRoute => CellKey::AppAndRoute(app, plan, &limit.name, route),
    }
}

fn count(
    cell: &Arc<Cell>,
    (name, rate, announced): (&LimitName, &Rate, &HeaderValue),
    now: Duration,
) -> Result<Admission, (Refusal, Admission)> {
    let verdict = ask(cell, rate, now);
    let (limit, announced) = (name.clone(), announced.clone());
    let admission = |remaining| Admission { limit, announced, remaining, reset: reset_after(cell, now) };
    match verdict {
        Verdict::Admitted { remaining } => Ok(admission(remaining)),
        Verdict::Refused { retry_after } => {
            Err((Refusal::LimitReached { limit: name.clone(), retry_after }, admission(0)))
        }
    }
}

impl Admission {
    /// `RateLimit`: how many may pass at once now, and in how many seconds the burst is whole again.
    #[must_use]
    pub fn state_field(&self) -> HeaderValue {
        let mut field = Field::of(&self.limit);
        field.add(";r=", u64::from(self.remaining));
        field.add(";t=", whole_seconds(self.reset));
        field.value()
    }
}

/// A structured field that is written in place: it is on every answer, and `format!` costs a thousand instructions.
struct Field {
    bytes: [u8; 256],
    length: usize,
}

impl Field {
    /// Begins with a limit's name as a string. A checked policy's names have no quote in them.
    fn of(limit: &LimitName) -> Self {
        let mut field = Self { bytes: [0; 256], length: 0 };
        field.push("\"");
        field.push(limit.as_str());
        field.push("\"");
        field
    }

    /// Adds a parameter.
    fn add(&mut self, name: &str, value: u64) {
        self.push(name);
        self.push(itoa::Buffer::new().format(value));
    }

    fn push(&mut self, text: &str) {
        // A name has 128 bytes at most: there is room.
        if let Some(room) = self.bytes.get_mut(self.length..self.length + text.len()) {
            room.copy_from_slice(text.as_bytes());
            self.length += text.len();
        }
    }

    fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes[..self.length]).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests;
