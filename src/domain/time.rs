//! Points in time, billing periods, and the [`Clock`] through which everything else learns the time.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Where the time comes from. Passed in everywhere, so that a test decides what time it is.
pub trait Clock: Send + Sync {
    /// The time of day, for records, tokens and expiry.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start that never steps back, for limits, timeouts and latency.
    fn monotonic(&self) -> Duration;

    /// Both, at one moment.
    fn moment(&self) -> Moment {
        Moment { now: self.now(), monotonic: self.monotonic() }
    }
}

/// A moment by both kinds of time: what ends by the calendar is compared with one, what ages with the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub now: Timestamp,
    /// Time that never steps back.
    pub monotonic: Duration,
}

/// A clock that stands still until it is moved: for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_micros()))
    }

    /// Moves the clock ahead.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.now().since(Timestamp::default())
    }
}

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds since the epoch; saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time and `span` later; saturates.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This time and `span` earlier; saturates.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The last whole multiple of `span` since the epoch that is not after this time.
    #[must_use]
    pub fn rounded_down(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX).max(1);
        Self(self.0.div_euclid(span).saturating_mul(span))
    }

    /// Appends it in RFC 3339 in UTC with all digits of its microseconds, such as `2026-11-24T08:00:00.123456Z`: as long at any time
    /// of a year of four digits, and without a formatter's cost.
    pub fn append_micros(self, to: &mut Vec<u8>) {
        let at = jiff::Timestamp::from_microsecond(self.0).map(|at| Offset::UTC.to_datetime(at));
        let Some((year, at)) = at.ok().and_then(|at| Some((u32::try_from(at.year()).ok()?, at))) else {
            return to.extend_from_slice(self.to_string().as_bytes());
        };
        let mut digits = |mut number: u32, places: usize, end: u8| {
            let mut text = [b'0'; 6];
            for digit in text.iter_mut().take(places).rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
            to.extend(text.into_iter().take(places).chain([end]));
        };
        let small = |number: i8| u32::from(number.unsigned_abs());
        digits(year, 4, b'-');
        digits(small(at.month()), 2, b'-');
        digits(small(at.day()), 2, b'T');
        digits(small(at.hour()), 2, b':');
        digits(small(at.minute()), 2, b':');
        digits(small(at.second()), 2, b'.');
        digits(u32::try_from(self.0.rem_euclid(1_000_000)).unwrap_or(0), 6, b'Z');
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A text that is not a time or a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// Not an RFC 3339 time.
    #[error("{0:?} is not an RFC 3339 time such as 2026-11-24T08:00:00Z")]
    Timestamp(String),
    /// Not a month.
    #[error("{0:?} is not a billing period such as 2026-11")]
    Period(String),
    /// Not a known time zone.
    #[error("{0:?} is not a time zone of the IANA database such as Asia/Shanghai")]
    Zone(String),
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| InvalidTime::Timestamp(text.to_owned()))?;
        Ok(Self(timestamp.as_microsecond()))
    }
}

/// A time zone: the platform's, in which billing periods begin and end, or that of a caller's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    /// That of the platforms of China, UTC+8.
    fn default() -> Self {
        Self::named("Asia/Shanghai").unwrap_or_else(|_| Self(TimeZone::fixed(jiff::tz::offset(8))))
    }
}

impl Zone {
    /// A zone of the IANA database, by name.
    ///
    /// # Errors
    /// [`InvalidTime::Zone`] if there is none of that name.
    pub fn named(name: &str) -> Result<Self, InvalidTime> {
        TimeZone::get(name).map(Self).map_err(|_| InvalidTime::Zone(name.to_owned()))
    }

    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The minute that clocks in this zone show at `at`, for people: such as `2026-11-24 16:00 Asia/Shanghai`.
    #[must_use]
    pub fn minute(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let local = self.0.to_datetime(at);
        let (date, time) = (local.date(), local.time());
        let zone = self.0.iana_name().unwrap_or("UTC");
        format!("{date} {:02}:{:02} {zone}", time.hour(), time.minute())
    }

    /// Its name in the IANA database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// When clocks in this zone show `text`, such as `2026-11-24 16:00:00`. `None` for any other text.
    #[must_use]
    pub fn when(&self, text: &str) -> Option<Shown> {
        const FORM: &[u8] = b"dddd-dd-dd dd:dd:dd";
        let fits =
            |(form, byte): (&u8, &u8)| if *form == b'd' { byte.is_ascii_digit() } else { form == byte };
        if text.len() != FORM.len() || !FORM.iter().zip(text.as_bytes()).all(fits) {
            return None;
        }
        let number = |from: usize| text.get(from..from.saturating_add(2))?.parse::<i8>().ok();
        let date = Date::new(text.get(..4)?.parse().ok()?, number(5)?, number(8)?).ok()?;
        let time = Time::new(number(11)?, number(14)?, number(17)?, 0).ok()?;
        let at = self.0.to_ambiguous_timestamp(date.to_datetime(time));
        let (first, last) = match at.offset() {
            AmbiguousOffset::Fold { .. } => (at.earlier().ok()?, at.later().ok()?),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => {
                let only = at.compatible().ok()?;
                (only, only)
            }
        };
        Some(Shown { first: Timestamp(first.as_microsecond()), last: Timestamp(last.as_microsecond()) })
    }

    /// The calendar day in which `at` falls: its first moment, and the first after it.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = self.0.to_datetime(at).date();
        let start = |date: Date| self.0.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible();
        let micros =
            |at: Option<jiff::Timestamp>, or: jiff::Timestamp| Timestamp(at.unwrap_or(or).as_microsecond());
        let tomorrow = date.tomorrow().and_then(start);
        (micros(start(date).ok(), jiff::Timestamp::MIN), micros(tomorrow.ok(), jiff::Timestamp::MAX))
    }

    /// What clocks in this zone show at `at`, in the form that [`Self::when`] reads.
    #[must_use]
    pub fn shown(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let local = self.0.to_datetime(at);
        let (date, time) = (local.date(), local.time());
        format!("{date} {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
    }
}

/// When clocks show a time: twice, if they are set back to it, else once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Shown {
    /// The one that is nearer to `at`.
    #[must_use]
    pub fn nearest(&self, at: Timestamp) -> Timestamp {
        let distance = |one: Timestamp| if one < at { at.since(one) } else { one.since(at) };
        if distance(self.last) < distance(self.first) { self.last } else { self.first }
    }
}

/// The last year that has a name of four digits.
const LAST_YEAR: i16 = 9999;

/// A billing period: one calendar month, such as `2026-11`. What is written is what can be read: years are 0 to 9999, and
/// what a clock far out of order shows beyond them counts for the first or last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: i16,
    month: i8,
}

impl Period {
    /// The period in which `at` falls in the platform's zone.
    #[must_use]
    pub fn of(at: Timestamp, zone: &Zone) -> Self {
        let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = zone.0.to_datetime(at).date();
        Self { year: date.year().clamp(0, LAST_YEAR), month: date.month() }
    }

    /// The period after this one; the last is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        match (self.year, self.month) {
            (LAST_YEAR, 12) => self,
            (year, 12) => Self { year: year.saturating_add(1), month: 1 },
            (year, month) => Self { year, month: month.saturating_add(1) },
        }
    }

    /// The first moment of the period in the platform's zone.
    #[must_use]
    pub fn start(self, zone: &Zone) -> Timestamp {
        self.start_of_day(1, zone)
    }

    fn start_of_day(self, day: i8, zone: &Zone) -> Timestamp {
        let start = Date::new(self.year, self.month, day)
            .ok()
            .and_then(|date| zone.0.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().ok());
        Timestamp(start.map_or(0, jiff::Timestamp::as_microsecond))
    }

    /// The last moment of each of its days in the platform's zone.
    #[must_use]
    pub fn ends_of_days(self, zone: &Zone) -> Vec<Timestamp> {
        let days = Date::new(self.year, self.month, 1).map_or(0, Date::days_in_month);
        let nexts = (2..=days).map(|day| self.start_of_day(day, zone));
        nexts.chain([self.end(zone)]).map(|next| Timestamp(next.0.saturating_sub(1))).collect()
    }

    /// The first moment after the period in the platform's zone.
    #[must_use]
    pub fn end(self, zone: &Zone) -> Timestamp {
        match self.next() {
            next if next == self => Timestamp(jiff::Timestamp::MAX.as_microsecond()),
            next => next.start(zone),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Period {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let invalid = || InvalidTime::Period(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(invalid)?;
        let are_digits = year.bytes().chain(month.bytes()).all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !are_digits {
            return Err(invalid());
        }
        let year: i16 = year.parse().map_err(|_| invalid())?;
        let month: i8 = month.parse().map_err(|_| invalid())?;
        if !(1..=12).contains(&month) {
            return Err(invalid());
        }
        Ok(Self { year, month })
    }
}

#[cfg(test)]
mod tests;
