//! The runs of a batch: what is kept of its records together, with the root that proves them.

use super::calendar::Calendar;
use super::incoming::Doubts;
use crate::billing::proof::merkle::Frontier;
use crate::domain::time::Period;
use crate::store::usage_batch::Recorded;
use crate::store::usage_run::{NewRun, day};

/// The runs of records that stand by app and time. One of which the time is not believed counts where it is seen: in the period of today.
pub(super) fn runs<'r>(records: &'r [Recorded], calendar: &mut Calendar, doubts: &Doubts) -> Vec<NewRun<'r>> {
    let mut counted = |recorded: &Recorded| -> (Period, bool) {
        let booking = calendar.booking(recorded.usage.at);
        let is_doubted = !doubts.is_empty() && doubts.contains_key(&recorded.usage.id);
        let period = if is_doubted { calendar.booking(calendar.now()).period } else { booking.period };
        (period, period != booking.service_period)
    };
    let is_one = |one: &Recorded, next: &Recorded| {
        one.usage.app == next.usage.app
            && day(one.usage.at) == day(next.usage.at)
            && counted(one) == counted(next)
    };
    let parts: Vec<&'r [Recorded]> = records.chunk_by(is_one).collect();
    let run = |records: &'r [Recorded]| {
        let (period, is_moved) = counted(records.first()?);
        let root = records.iter().map(|recorded| recorded.leaf).collect::<Frontier>().root();
        Some(NewRun { records, period, is_moved, root })
    };
    parts.into_iter().filter_map(run).collect()
}
