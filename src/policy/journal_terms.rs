//! What the platform says of its nodes' journals: what becomes of calls while one cannot be written, which times are believed, and how
//! long its records are kept.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// How far calls may be apart at least that follow each other: no clock is doubted because nobody called over a weekend or a holiday.
const APART: Duration = Duration::from_secs(35 * 24 * 3600);

/// How a node keeps records that are in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archiving {
    /// For how long.
    pub keep: Duration,
    /// How many bytes of them at most.
    pub most_bytes: u64,
}

/// What becomes of calls while a node's journal cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// Those on routes with a meter are refused, as nothing could be charged for them. All others are served.
    RefuseMoney,
    /// Those of known apps are refused, as no record of them could be kept.
    RefuseAll,
    /// As the first, and the node stops if that goes on.
    Stop,
}

/// How far the time of a call may be from when its record comes into the books, and from the latest call that these have: the clock that
/// stamped it is most often the one of the node that records it, and so never far from that. Beyond, some clock is wrong, or the record is
/// of a journal that was forgotten: what it is worth belongs to a month that nobody expects, so someone is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordTimes {
    /// How old a call may be; of more than 35 days, how far from the latest call of the books, too.
    pub oldest: Duration,
    /// How far ahead of the books' clock it may be: clocks of nodes differ by less.
    pub ahead: Duration,
}

/// What the time of a call is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// That of the node which records it.
    pub now: Timestamp,
    /// The time of the latest call of any node that was believed; `None` before the first.
    pub latest: Option<Timestamp>,
}

impl Default for RecordTimes {
    fn default() -> Self {
        Self { oldest: APART, ahead: Duration::from_secs(300) }
    }
}

impl RecordTimes {
    /// From when to when calls agree with a clock by which it is `now`: of the last day, and no further ahead than any may be.
    #[must_use]
    pub fn near(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now.minus(Duration::from_secs(24 * 3600)), now.plus(self.ahead))
    }

    /// Whether calls from one time to another are believed, all of them, if they are asked in their order and each that is believed is
    /// the latest of the books from then on: between two that are none is further from the latest than one of them.
    #[must_use]
    pub fn believe_all(&self, (oldest, newest): (Timestamp, Timestamp), clocks: Clocks) -> bool {
        let ends = Clocks { latest: clocks.latest.or(Some(oldest)), ..clocks };
        self.doubt(oldest, ends).is_none() && self.doubt(newest, ends).is_none()
    }

    /// Why a call at this time is not believed, in words; `None` if it is.
    #[must_use]
    pub fn doubt(&self, at: Timestamp, Clocks { now, latest }: Clocks) -> Option<String> {
        let (days, seconds) = (self.oldest.as_secs() / (24 * 3600), self.ahead.as_secs());
        if at < now.minus(self.oldest) {
            return Some(format!(
                "the call is of {at}, more than {days} days ago (journal.oldest in platform.yaml): either a clock was wrong, or its record \
                 waited for so long"
            ));
        }
        if at > now.plus(self.ahead) {
            return Some(format!(
                "the call is of {at}, more than {seconds} s ahead of {now} (journal.ahead in platform.yaml): a clock is wrong"
            ));
        }
        let latest = latest?;
        let apart = self.oldest.max(APART);
        let days = apart.as_secs() / (24 * 3600);
        if at < latest.minus(apart) {
            return Some(format!(
                "the call is of {at}, more than {days} days before the latest of the books, which is of {latest} (journal.oldest in \
                 platform.yaml, and no less than 35 days): a clock is or was wrong, or its record waited for so long"
            ));
        }
        (at > latest.plus(apart)).then(|| {
            format!(
                "the call is of {at}, more than {days} days after the latest of the books, which is of {latest} (journal.oldest in \
                 platform.yaml, and no less than 35 days): a clock is ahead, or there were no calls for so long. Rate one at its time, \
                 and those that come then are believed"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_between_two_that_are_believed_is_believed(
            mut hours in prop::collection::vec(-1800_i64..1, 1..20), latest in prop::option::of(-1800_i64..1),
        ) {
            hours.sort_unstable();
            let at = |hours: i64| Timestamp::from_seconds(1_794_300_000 + hours * 3600);
            let times = RecordTimes { oldest: Duration::from_secs(50 * 24 * 3600), ..RecordTimes::default() };
            let mut clocks = Clocks { now: at(0), latest: latest.map(at) };
            let are_all = times.believe_all((at(hours[0]), at(hours[hours.len() - 1])), clocks);
            for asked in hours.into_iter().map(at) {
                let doubt = times.doubt(asked, clocks);
                prop_assert!(!are_all || doubt.is_none(), "{:?}", doubt);
                if doubt.is_none() {
                    clocks.latest = clocks.latest.max(Some(asked));
                }
            }
        }
    }

    #[test]
    fn a_call_is_believed_up_to_both_ends_and_not_beyond() {
        let times = RecordTimes::default();
        let now = Timestamp::from_seconds(1_794_300_000);
        let moment = Duration::from_micros(1);
        let (long_ago, later) = (now.minus(times.oldest), now.plus(times.oldest));
        for (at, latest, part) in [
            (now, None, None),
            (long_ago, None, None),
            (long_ago.minus(moment), None, Some("more than 35 days ago")),
            (Timestamp::from_micros(i64::MIN), Some(now), Some("days ago")),
            (now.plus(times.ahead), None, None),
            (now.plus(times.ahead).plus(moment), None, Some("more than 300 s ahead")),
            (Timestamp::from_micros(i64::MAX), Some(now), Some("ahead")),
            (now, Some(now), None),
            (now, Some(long_ago), None),
            (now, Some(long_ago.minus(moment)), Some("days after the latest of the books")),
            (now, Some(later), None),
            (now, Some(later.plus(moment)), Some("days before the latest of the books")),
            (now, Some(Timestamp::from_micros(i64::MAX)), Some("before the latest")),
            (now, Some(Timestamp::from_micros(i64::MIN)), Some("after the latest")),
        ] {
            check(times, (at, Clocks { now, latest }), part);
        }
    }

    #[test]
    fn however_young_calls_must_be_the_books_may_be_quiet_for_a_month() {
        let now = Timestamp::from_seconds(1_794_300_000);
        let day = Duration::from_secs(24 * 3600);
        for (oldest, quiet, part) in [
            (day, day * 3, None),
            (day, day * 35, None),
            (day, day * 36, Some("more than 35 days after the latest of the books")),
            (day * 50, day * 50, None),
            (day * 50, day * 51, Some("more than 50 days after the latest of the books")),
        ] {
            let times = RecordTimes { oldest, ..RecordTimes::default() };
            check(times, (now, Clocks { now, latest: Some(now.minus(quiet)) }), part);
        }
        let times = RecordTimes { oldest: day, ..RecordTimes::default() };
        let two_days_ago = (now.minus(day * 2), Clocks { now, latest: Some(now) });
        check(times, two_days_ago, Some("more than 1 days ago"));
    }

    #[track_caller]
    fn check(times: RecordTimes, (at, clocks): (Timestamp, Clocks), part: Option<&str>) {
        let doubt = times.doubt(at, clocks);
        match part {
            None => assert_eq!(doubt, None, "{at}"),
            Some(part) => {
                assert!(doubt.as_ref().is_some_and(|doubt| doubt.contains(part)), "{at}: {doubt:?}")
            }
        }
    }
}
