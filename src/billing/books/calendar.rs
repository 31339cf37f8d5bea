//! Where what calls come to is booked: in their own period while it is open, and later once it is closed.

use std::collections::BTreeSet;

use crate::billing::rating::Booking;
use crate::billing::statement::first_open;
use crate::domain::time::{Period, Timestamp, Zone};

/// When and where the books are kept.
#[derive(Debug, Clone)]
pub struct BooksTime {
    /// The zone in which periods begin and end.
    pub zone: Zone,
    /// Now.
    pub now: Timestamp,
}

/// The periods as a batch finds them.
#[derive(Debug)]
pub(super) struct Calendar {
    time: BooksTime,
    closed: BTreeSet<Period>,
    last: Option<Booked>,
}

/// How the calls of a period are booked, and when it begins and ends.
#[derive(Debug, Clone, Copy)]
struct Booked {
    begins: Timestamp,
    ends: Timestamp,
    booking: Booking,
}

impl Calendar {
    /// With these periods `closed`.
    pub(super) fn new(time: BooksTime, closed: BTreeSet<Period>) -> Self {
        Self { time, closed, last: None }
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        self.time.now
    }

    /// The zone in which periods begin and end.
    pub(super) fn zone(&self) -> &Zone {
        &self.time.zone
    }

    /// Whether calls are booked by it as they are at that time, with these periods `closed`.
    pub(super) fn agrees(&self, time: &BooksTime, closed: &BTreeSet<Period>) -> bool {
        let current = |time: &BooksTime| Period::of(time.now, &time.zone);
        self.time.zone == time.zone && current(&self.time) == current(time) && self.closed == *closed
    }

    /// A call's own period, or if that takes nothing more, the [`first_open`] one.
    pub(super) fn booking(&mut self, at: Timestamp) -> Booking {
        match self.last {
            Some(Booked { begins, ends, booking }) if begins <= at && at < ends => booking,
            Some(_) | None => {
                let zone = &self.time.zone;
                let booking = self.booking_of(Period::of(at, zone));
                let (begins, ends) = (booking.service_period.start(zone), booking.service_period.end(zone));
                self.last = Some(Booked { begins, ends, booking });
                booking
            }
        }
    }

    fn booking_of(&self, service_period: Period) -> Booking {
        Booking { period: first_open(&self.closed, service_period), service_period }
    }
}
