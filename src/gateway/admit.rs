//! Whether a permitted call comes too fast: every limit of the caller's plan, or the route's limit for its address.

pub mod units;

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use self::units::UnitsTaken;
use super::authorize::{Circumstances, Permit};
use crate::credential::directory::Identity;
use crate::domain::id::{AppId, LimitName, PlanName, RouteName};
use crate::domain::plan::{Limit, LimitKey, PlanVersion, Quantity, Rate};
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::limit::cell::{Cell, CellKey, LocalCells};
use crate::limit::gcra::{self, Verdict, admit as ask, reset_after};
use crate::policy::snapshot::{AddressLimit, Route};

/// What the tightest limit said, as the `RateLimit` fields of the answer tell it
/// (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Debug, Clone)]
pub struct Admission {
    /// `RateLimit-Policy`: its name and rate.
    pub policy: HeaderValue,
    /// `RateLimit`: how many more may pass at once, and in how many seconds the burst is whole again.
    pub state: HeaderValue,
}

/// A limit that counts the call.
#[derive(Clone, Copy)]
struct Counting<'l> {
    name: &'l LimitName,
    rate: &'l Rate,
    announced: &'l HeaderValue,
}

/// What it says of it.
struct Counted<'l> {
    by: Counting<'l>,
    remaining: u32,
    reset: Duration,
}

/// Counts a call against its limits; gives the tightest, if there is any. Those that count units give it what they count, to be settled
/// once it is known how many it has used.
///
/// # Errors
/// [`Refusal::LimitReached`] with what that limit says, or [`Refusal::BeyondPlan`]; a refused call uses up nothing of any limit.
pub fn admit(
    cells: &mut LocalCells,
    (route, permit): (&Route, &Permit<'_>),
    identity: Option<&Arc<Identity>>,
    (circumstances, address, now): (&Circumstances<'_>, IpAddr, Duration),
    taken: &mut Option<Box<UnitsTaken>>,
) -> Result<Option<Admission>, (Refusal, Admission)> {
    match (&permit.subscribed, identity) {
        (Some((_, version)), Some(identity)) => {
            // However many of its limits count units, its request is read once.
            let read = OnceCell::new();
            let known = || *read.get_or_init(|| units::known(route, identity, circumstances));
            under_plan(cells, version, (&identity.caller.app.id, &route.name), (known, now), taken)
        }
        _ => match &route.address_limit {
            Some(AddressLimit { name, rate, announced, .. }) => {
                let cell = cells.find(&CellKey::address(address, &route.name), now);
                count(&cell, Counting { name, rate, announced }, now).map(|counted| Some(counted.told()))
            }
            None => Ok(None),
        },
    }
}

/// Counts a call against one limit that is of no plan.
///
/// # Errors
/// As [`admit`].
pub(super) fn alone(
    cell: &Arc<Cell>,
    (name, rate, announced): (&LimitName, &Rate, &HeaderValue),
    now: Duration,
) -> Result<Admission, (Refusal, Admission)> {
    count(cell, Counting { name, rate, announced }, now).map(|counted| counted.told())
}

/// Gives back what a call was counted for under a plan version, as it is refused elsewhere; its units went back with what it was promised.
/// Gives what the tightest limit says then, if there is any.
pub(super) fn give_back(
    cells: &mut LocalCells,
    version: &PlanVersion,
    caller: (&AppId, &RouteName),
    now: Duration,
) -> Option<Admission> {
    let plan = &version.reference.name;
    give_back_of(cells, &version.limits, (plan, caller), now);
    let counted = version.limits.iter().map(|limit| {
        let (key, Limit { name, rate, announced, .. }) = (key(limit, plan, caller), limit);
        let (remaining, reset) = match limit.of {
            Quantity::Calls => gcra::left(&cells.find(&key, now), rate, now),
            Quantity::Units => cells.find_of_units(&key, now).left(rate, now),
        };
        Counted { by: Counting { name, rate, announced }, remaining, reset }
    });
    counted.min_by_key(|counted| counted.remaining).map(|counted| counted.told())
}

fn give_back_of(
    cells: &mut LocalCells,
    counted: &[Limit],
    (plan, caller): (&PlanName, (&AppId, &RouteName)),
    now: Duration,
) {
    for limit in counted.iter().filter(|limit| limit.of == Quantity::Calls) {
        gcra::give_back(&cells.find(&key(limit, plan, caller), now), &limit.rate);
    }
}

fn under_plan(
    cells: &mut LocalCells,
    version: &PlanVersion,
    caller: (&AppId, &RouteName),
    (known, now): (impl Fn() -> u64, Duration),
    taken: &mut Option<Box<UnitsTaken>>,
) -> Result<Option<Admission>, (Refusal, Admission)> {
    let plan = &version.reference.name;
    let mut tightest: Option<Counted<'_>> = None;
    for (number, limit) in version.limits.iter().enumerate() {
        let key_of = |limit| key(limit, plan, caller);
        let counted = match limit.of {
            Quantity::Calls => {
                let Limit { name, rate, announced, .. } = limit;
                count(&cells.find(&key_of(limit), now), Counting { name, rate, announced }, now)
            }
            Quantity::Units => units::count(cells, (limit, &key_of(limit)), (known(), now), taken),
        };
        let counted = counted.inspect_err(|_| {
            give_back_of(cells, &version.limits[..number], (plan, caller), now);
            *taken = None;
        })?;
        if tightest.as_ref().is_none_or(|other| counted.remaining < other.remaining) {
            tightest = Some(counted);
        }
    }
    Ok(tightest.map(|counted| counted.told()))
}

fn key<'k>(limit: &'k Limit, plan: &'k PlanName, (app, route): (&'k AppId, &'k RouteName)) -> CellKey<'k> {
    match limit.per {
        LimitKey::App => CellKey::App(app, plan, &limit.name),
        LimitKey::AppAndRoute => CellKey::AppAndRoute(app, plan, &limit.name, route),
    }
}

fn count<'l>(cell: &Arc<Cell>, by: Counting<'l>, now: Duration) -> Result<Counted<'l>, (Refusal, Admission)> {
    let verdict = ask(cell, by.rate, now);
    let counted = |remaining| Counted { by, remaining, reset: reset_after(cell, now) };
    match verdict {
        Verdict::Admitted { remaining } => Ok(counted(remaining)),
        Verdict::Refused { retry_after } => {
            Err((Refusal::LimitReached { limit: by.name.clone(), retry_after }, counted(0).told()))
        }
    }
}

impl Counted<'_> {
    fn told(&self) -> Admission {
        let mut state = Field::of(self.by.name);
        state.add(";r=", u64::from(self.remaining));
        state.add(";t=", whole_seconds(self.reset));
        Admission { policy: self.by.announced.clone(), state: state.value() }
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
