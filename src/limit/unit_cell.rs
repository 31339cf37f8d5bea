//! A limit that counts units of the meter, by the generic cell rate algorithm for many at once. How many a call is, is known for sure
//! only once it is answered: until then it counts by what was known of it beforehand, and from then on as if all had been known when
//! it came. So what a call did not use is there again at once, and nothing that others took is lost with it.
//!
//! For that a cell remembers the calls that are under way, and what was counted between them, which is one entry however much it was.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::keyed::State;
use crate::domain::plan::Rate;

/// Entries of a cell. Beyond, the oldest call under way is as if it had come with those before it: what it does not use is there again
/// when it ends, and what it used beyond is taken then.
const MOST: usize = 1024;

/// The state of one limit in units for one key. Its lock is held for a few additions, and waited for by calls of the same app alone.
#[derive(Debug, Default)]
pub struct UnitCell(Mutex<Flow>);

/// Why a cell gives no units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// They would be there after so long.
    For(Duration),
    /// More than may ever come at once.
    Ever,
}

impl UnitCell {
    /// Takes `units`, all or none, under `rate`, an [`enforceable`](super::gcra::enforceable) one whose requests are units, at `now`, a
    /// monotonic time; gives them and how many more may come at once. A call of no units passes whatever others took.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn take(self: &Arc<Self>, units: u64, rate: &Rate, now: Duration) -> Result<(Taken, u32), NotTaken> {
        let burst = u64::from(rate.burst.get());
        if units > burst {
            return Err(NotTaken::Ever);
        }
        let now = nanos(now);
        let mut flow = self.lock();
        flow.keep_to(each(rate), now);
        let ahead = flow.arrival.saturating_sub(now).saturating_add(units.saturating_mul(flow.each));
        let full = burst.saturating_mul(flow.each);
        if units > 0 && ahead > full {
            return Err(NotTaken::For(Duration::from_nanos(ahead - full)));
        }
        let remaining = full.saturating_sub(ahead) / flow.each;
        let number = flow.begin(now, units);
        drop(flow);
        let taken = Taken { cell: self.clone(), number, units, used: Some(0) };
        Ok((taken, u32::try_from(remaining).unwrap_or(u32::MAX)))
    }

    /// How many units may come at once under `rate` at `now`, and how long until that is the whole burst. Asking uses up nothing.
    #[must_use]
    pub fn left(&self, rate: &Rate, now: Duration) -> (u32, Duration) {
        let now = nanos(now);
        let mut flow = self.lock();
        flow.keep_to(each(rate), now);
        let ahead = flow.arrival.saturating_sub(now);
        let used = u32::try_from(ahead.div_ceil(flow.each)).unwrap_or(u32::MAX);
        (rate.burst.get().saturating_sub(used), Duration::from_nanos(ahead))
    }

    /// How long until the limit is as if never used.
    #[must_use]
    pub fn reset_after(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.remembers_until()).saturating_sub(now)
    }

    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State for UnitCell {
    fn remembers_until(&self) -> u64 {
        self.lock().arrival
    }
}

/// Units that a call under way has taken. Dropped, all of them are there again.
#[derive(Debug)]
pub struct Taken {
    cell: Arc<UnitCell>,
    number: u64,
    units: u64,
    /// So many as it took, if not others.
    used: Option<u64>,
}

impl Taken {
    /// It is known now that the call used so many.
    pub fn settle(mut self, units: u64) {
        self.used = Some(units);
    }

    /// It counts for good by what it took.
    pub fn keep(mut self) {
        self.used = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.cell.lock().end((self.number, self.units), self.used.unwrap_or(self.units));
    }
}

/// What was counted. All times are in nanoseconds of monotonic time.
#[derive(Debug, Default)]
struct Flow {
    /// In so many nanoseconds a unit comes back.
    each: u64,
    /// The theoretical arrival time before the first entry.
    before: u64,
    /// When the last of the units came that are counted in it: it is never earlier.
    came: u64,
    /// Calls under way, and between two of them one entry for all that has ended, in the order in which they came. The first is under way.
    entries: VecDeque<Counted>,
    /// The number of the next call.
    next: u64,
    /// The theoretical arrival time behind the last entry.
    arrival: u64,
}

/// So many units, which came at that time. What came one after another is as if it had come together at one time.
#[derive(Debug, Clone, Copy)]
struct Counted {
    number: u64,
    at: u64,
    units: u64,
    is_under_way: bool,
}

impl Counted {
    /// The theoretical arrival time behind it.
    fn after(&self, arrival: u64, each: u64) -> u64 {
        arrival.max(self.at).saturating_add(self.units.saturating_mul(each))
    }

    /// It and the next one as one.
    fn joined(&self, next: &Self, each: u64) -> Self {
        let at = self.at.max(next.at.saturating_sub(self.units.saturating_mul(each)));
        Self { at, units: self.units.saturating_add(next.units), ..*self }
    }
}

impl Flow {
    /// Counts units; gives their number.
    fn begin(&mut self, at: u64, units: u64) -> u64 {
        if self.entries.len() >= MOST
            && let Some(oldest) = self.entries.front_mut()
        {
            oldest.is_under_way = false;
            self.join(0);
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        let counted = Counted { number, at, units, is_under_way: true };
        self.arrival = counted.after(self.arrival, self.each);
        self.entries.push_back(counted);
        number
    }

    /// A call is no longer under way that took so many units, and has used so many.
    fn end(&mut self, (number, taken): (u64, u64), used: u64) {
        let place = self.entries.binary_search_by_key(&number, |counted| counted.number);
        match place.ok().and_then(|place| Some((place, self.entries.get_mut(place)?))) {
            Some((place, counted)) => {
                counted.is_under_way = false;
                counted.units = used;
                self.join(place);
            }
            // It is one of the oldest, of which is known only what all took together.
            None => {
                let [more, fewer] = [used.saturating_sub(taken), taken.saturating_sub(used)]
                    .map(|units| units.saturating_mul(self.each));
                self.before = self.before.saturating_add(more).saturating_sub(fewer).max(self.came);
            }
        }
        self.arrival = self.entries.iter().fold(self.before, |arrival, one| one.after(arrival, self.each));
    }

    /// Joins an entry that has ended with its neighbours, or with what came before all.
    fn join(&mut self, place: usize) {
        let first = match place.checked_sub(1) {
            Some(before) if self.has_ended(before) => before,
            Some(_) | None => place,
        };
        while self.has_ended(first + 1)
            && let Some(next) = self.entries.remove(first + 1)
            && let Some(counted) = self.entries.get_mut(first)
        {
            *counted = counted.joined(&next, self.each);
        }
        if first == 0
            && let Some(counted) = self.entries.pop_front()
        {
            self.before = counted.after(self.before, self.each);
            self.came = self.came.max(counted.at);
        }
    }

    fn has_ended(&self, place: usize) -> bool {
        self.entries.get(place).is_some_and(|counted| !counted.is_under_way)
    }

    /// From now on units come back at another pace, and those that were used are as many as before.
    fn keep_to(&mut self, each: u64, now: u64) {
        let before = std::mem::replace(&mut self.each, each);
        if before == each || before == 0 {
            return;
        }
        let scaled = |span: u64| {
            let scaled = (u128::from(span) * u128::from(each)).div_ceil(u128::from(before));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        let moved = |time: u64| match time.checked_sub(now) {
            Some(ahead) => now.saturating_add(scaled(ahead)),
            None => now.saturating_sub(scaled(now - time)),
        };
        (self.before, self.came) = (moved(self.before), moved(self.came));
        self.entries.iter_mut().for_each(|counted| counted.at = moved(counted.at));
        self.arrival = self.entries.iter().fold(self.before, |arrival, one| one.after(arrival, each));
    }
}

/// Whole nanoseconds in which a unit comes back.
fn each(rate: &Rate) -> u64 {
    nanos(rate.window / rate.requests.get()).max(1)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
