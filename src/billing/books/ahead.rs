//! What of a batch is rated while the one before it is written: calls that need nothing of the store, as most do. They are rated by
//! what was counted up to them, committed or not; whether that was right, the batch's own transaction says ([`Ahead::holds`]).

use std::collections::BTreeSet;

use super::calendar::{BooksTime, Calendar};
use super::incoming::Doubts;
use super::memory::{Age, Counted, Memory};
use super::prices::{PriceList, Tariffs};
use crate::billing::rating::totals::Totals;
use crate::billing::rating::{Billable, Prices, Rated, Running, rate};
use crate::domain::charge::Charge;
use crate::domain::id::SnapshotHash;
use crate::domain::plan::PlanRef;
use crate::domain::time::{Period, Timestamp};
use crate::policy::journal_terms::{Clocks, RecordTimes};
use crate::store::usage_batch::Recorded;

/// A batch of which some calls may be rated.
pub(super) struct Begun {
    /// What was counted before, and with them.
    pub(super) totals: Totals,
    /// What they are charged, with their times.
    pub(super) charges: Vec<(Timestamp, Charge)>,
}

impl Begun {
    /// With none rated yet, after others whose sums are `running`.
    pub(super) fn after(running: Running) -> Self {
        Self { totals: Totals::after(running), charges: Vec::new() }
    }
}

/// Calls of a batch that are rated ahead.
pub(super) struct Ahead {
    begun: Begun,
    calendar: Calendar,
    prices: PriceList,
    /// Which of the batch's records are theirs.
    rated: Vec<bool>,
    is_all: bool,
    /// That of what they were rated by.
    age: Age,
    /// The policies by whose rules they were rated.
    by: Option<SnapshotHash>,
}

impl Ahead {
    /// Rates what it can of `records`, which stand behind one place of the journal and up to another, if it is remembered what was
    /// counted before. If that is all, what is counted with them is remembered for the next batch.
    pub(super) fn rate(
        records: &[Recorded],
        (after, up_to): (u64, u64),
        (time, times): (BooksTime, &RecordTimes),
        ((tariffs, memory), by): ((&Tariffs, &Memory), Option<SnapshotHash>),
    ) -> Option<Self> {
        let clocks = Clocks { now: time.now, latest: None };
        let (age, Counted { running, closed, .. }) = memory.take_counted(after)?;
        let mut ahead = Self {
            begun: Begun::after(running),
            calendar: Calendar::new(time, closed.clone()),
            prices: PriceList::new(tariffs),
            rated: Vec::with_capacity(records.len()),
            is_all: true,
            age,
            by,
        };
        ahead.begun.charges.reserve(records.len());
        for Recorded { usage, .. } in records {
            let call = Billable::of(usage);
            // One that may be another call again may cost nothing.
            let is_plain = usage.idempotency.is_none() && times.doubt(usage.at, clocks).is_none();
            let is_rated = is_plain && call.as_ref().is_some_and(|call| ahead.rate_one(call));
            ahead.is_all &= is_rated || call.is_none();
            ahead.rated.push(is_rated);
        }
        let totals = &mut ahead.begun.totals;
        ahead.is_all &= totals.small_statements().is_some_and(|(unasked, _)| unasked.is_empty());
        if ahead.is_all {
            let running = totals.take_running();
            memory.keep_counted(age, Counted { up_to, running, closed });
        }
        Some(ahead)
    }

    /// Rates a call, if all is at hand for that; nothing is counted if not.
    fn rate_one(&mut self, call: &Billable) -> bool {
        let booking = self.calendar.booking(call.at);
        let totals = &mut self.begun.totals;
        if call.transaction.is_some() || !totals.knows(&call.app, booking.service_period) {
            return false;
        }
        let Some(tariff) = self.prices.of(&call.plan) else { return false };
        let mut later = Vec::new();
        for version in totals.later_versions(call, &tariff, booking.service_period) {
            let plan = PlanRef { name: call.plan.name.clone(), version };
            let Some(tariff) = self.prices.of(&plan) else { return false };
            later.push((version, tariff));
        }
        match rate(call, Prices { tariff: &tariff, later: &later }, booking, totals) {
            Ok(Rated { charges, .. }) => {
                self.begun.charges.extend(charges.into_iter().map(|charge| (call.at, charge)));
                true
            }
            // It is rated again where someone is told why it could not be.
            Err(_) => false,
        }
    }

    /// Whether what the calls were rated by is as it was taken to be: nothing of it was forgotten, these periods are `closed`, these
    /// policies in force, and the time of none of them is in doubt.
    pub(super) fn holds(
        &self,
        memory: &Memory,
        (time, closed, snapshot): (&BooksTime, &BTreeSet<Period>, Option<&SnapshotHash>),
        (records, doubts): (&[Recorded], &Doubts),
    ) -> bool {
        let mut rated = records.iter().zip(&self.rated).filter(|(_, is_rated)| **is_rated);
        self.age == memory.age()
            && self.by.as_ref() == snapshot
            && self.calendar.agrees(time, closed)
            && (doubts.is_empty() || rated.all(|(one, _)| !doubts.contains_key(&one.usage.id)))
    }

    /// Whether these are all the calls of the batch, and nothing is to be asked about what they come to.
    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Which of the batch's records are theirs.
    pub(super) fn rated(&self) -> &[bool] {
        &self.rated
    }

    /// The batch, to go on with.
    pub(super) fn begun(self) -> Begun {
        self.begun
    }
}
