//! An amount that waits in the ledger until it is known what becomes of it: posted, in parts perhaps, and what is left of it
//! voided, or given back when its time has run out. Pure.
//!
//! Invariant: what was posted and given back never comes to more than the amount, and once nothing is left, nothing follows.

use super::account::Account;
use super::manual_posting::MAX_MANUAL;
use super::money::Amount;
use super::time::Timestamp;

/// An amount that waits: it was taken from one account, and lies on another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    source: Account,
    held: Account,
    amount: Amount,
    expires_at: Timestamp,
    left: i64,
}

/// What becomes of an amount that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// So many minor units go where they were meant to; the rest waits on.
    Posted {
        /// Minor units, above zero.
        minor: i64,
        /// To which account.
        to: Account,
    },
    /// All that is left goes back.
    Voided,
    /// All that is left goes back, as its time has run out.
    TimedOut,
}

impl Resolution {
    /// The name in the store and in answers.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Posted { .. } => "posted",
            Self::Voided => "voided",
            Self::TimedOut => "timed_out",
        }
    }
}

/// What a resolution moves away from where the amount waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// To which account.
    pub to: Account,
    /// How much, above zero.
    pub amount: Amount,
}

/// Why an amount cannot wait, or why something cannot become of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PendingError {
    /// Nothing, or less, would wait.
    #[error("an amount that waits is above zero, and {0} is not")]
    Nothing(Amount),
    /// More would wait than is ever posted at once.
    #[error("an amount that waits is at most {MAX_MANUAL} minor units, and {0} is more")]
    TooMuch(Amount),
    /// It would wait where it comes from.
    #[error("an amount cannot wait on {0}, from which it is taken")]
    Nowhere(Account),
    /// It would be posted where it waits.
    #[error("an amount that waits on {0} cannot be posted there")]
    Stays(Account),
    /// More would be posted than is left.
    #[error("{asked} minor units cannot be posted: {left} are left of what waits")]
    Exceeds {
        /// Minor units that should be posted.
        asked: i64,
        /// Minor units that are left.
        left: i64,
    },
    /// What should be posted is nothing, or less.
    #[error("what is posted of an amount that waits is above zero, and {0} minor units are not")]
    NotPositive(i64),
    /// Nothing is left of it.
    #[error("nothing is left of what waited: it is resolved")]
    Resolved,
    /// Its time has run out.
    #[error("what waited until {0} can no longer be posted: what is left of it goes back")]
    Expired(Timestamp),
    /// Its time has not run out.
    #[error("it waits until {0}, and cannot time out before")]
    NotExpired(Timestamp),
}

impl Pending {
    /// An amount of which all is left: it is taken from `source`, and waits on `held`.
    ///
    /// # Errors
    /// [`PendingError::Nothing`], [`PendingError::TooMuch`], [`PendingError::Nowhere`].
    pub fn new(
        (source, held): (Account, Account),
        amount: Amount,
        expires_at: Timestamp,
    ) -> Result<Self, PendingError> {
        if amount.minor <= 0 {
            return Err(PendingError::Nothing(amount));
        }
        if amount.minor > MAX_MANUAL {
            return Err(PendingError::TooMuch(amount));
        }
        if source == held {
            return Err(PendingError::Nowhere(source));
        }
        Ok(Self { source, held, amount, expires_at, left: amount.minor })
    }

    /// The same, of which so many minor units are left as were neither posted nor given back.
    ///
    /// # Errors
    /// [`PendingError::Exceeds`] if more went than there was, or less than nothing.
    pub fn after(self, gone: i64) -> Result<Self, PendingError> {
        let left = self.amount.minor.checked_sub(gone).filter(|left| (0..=self.amount.minor).contains(left));
        let left = left.ok_or(PendingError::Exceeds { asked: gone, left: self.amount.minor })?;
        Ok(Self { left, ..self })
    }

    /// What it was taken from, and goes back to.
    #[must_use]
    pub fn source(&self) -> &Account {
        &self.source
    }

    /// Where it waits.
    #[must_use]
    pub fn held(&self) -> &Account {
        &self.held
    }

    /// How much there was to begin with.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Until when it waits.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How many minor units wait still.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.left
    }

    /// Has `resolution` become of it at `now`, and gives what that moves.
    ///
    /// # Errors
    /// [`PendingError`]; then it is as it was.
    pub fn resolve(&mut self, resolution: &Resolution, now: Timestamp) -> Result<Moved, PendingError> {
        if self.left == 0 {
            return Err(PendingError::Resolved);
        }
        let (minor, to) = match resolution {
            Resolution::Posted { minor, to } => {
                self.may_post(*minor, to, now)?;
                (*minor, to.clone())
            }
            Resolution::Voided => (self.left, self.source.clone()),
            Resolution::TimedOut if now < self.expires_at => {
                return Err(PendingError::NotExpired(self.expires_at));
            }
            Resolution::TimedOut => (self.left, self.source.clone()),
        };
        // At most what is left, and above zero.
        self.left = self.left.saturating_sub(minor);
        Ok(Moved { to, amount: Amount { minor, currency: self.amount.currency } })
    }

    fn may_post(&self, minor: i64, to: &Account, now: Timestamp) -> Result<(), PendingError> {
        if minor <= 0 {
            return Err(PendingError::NotPositive(minor));
        }
        if *to == self.held {
            return Err(PendingError::Stays(to.clone()));
        }
        if minor > self.left {
            return Err(PendingError::Exceeds { asked: minor, left: self.left });
        }
        if now >= self.expires_at {
            return Err(PendingError::Expired(self.expires_at));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

    use proptest::prelude::*;

    use super::*;

    fn account(text: &str) -> Account {
        text.parse().unwrap()
    }

    fn held(minor: i64) -> Result<Pending, PendingError> {
        let amount = Amount { minor, currency: "CNY".parse().unwrap() };
        let accounts = (account("partner:a:deposit"), account("partner:a:held"));
        Pending::new(accounts, amount, Timestamp::from_seconds(100))
    }

    fn posted(minor: i64) -> Resolution {
        Resolution::Posted { minor, to: account("partner:a:receivable") }
    }

    const EARLY: Timestamp = Timestamp::from_seconds(99);
    const LATE: Timestamp = Timestamp::from_seconds(100);

    #[test]
    fn what_is_posted_in_parts_and_given_back_is_all_there_was() {
        let mut pending = held(100).unwrap();
        for minor in [30, 60] {
            let moved = pending.resolve(&posted(minor), EARLY).unwrap();
            assert_eq!((moved.to.to_string().as_str(), moved.amount.minor), ("partner:a:receivable", minor));
        }
        let left = PendingError::Exceeds { asked: 11, left: 10 };
        assert_eq!(pending.resolve(&posted(11), EARLY), Err(left));
        let back = pending.resolve(&Resolution::Voided, LATE).unwrap();
        assert_eq!((back.to, back.amount.minor), (account("partner:a:deposit"), 10));
        for again in [posted(1), Resolution::Voided, Resolution::TimedOut] {
            assert_eq!(pending.resolve(&again, LATE), Err(PendingError::Resolved));
        }
    }

    #[test]
    fn its_time_decides_whether_it_is_posted_or_goes_back() {
        let mut pending = held(100).unwrap();
        let early = pending.resolve(&Resolution::TimedOut, EARLY);
        assert_eq!(early, Err(PendingError::NotExpired(LATE)));
        assert_eq!(pending.resolve(&posted(1), LATE), Err(PendingError::Expired(LATE)));
        assert_eq!(pending.resolve(&Resolution::TimedOut, LATE).unwrap().amount.minor, 100);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for minor in [0, -1, i64::MIN] {
            assert!(matches!(held(minor), Err(PendingError::Nothing(_))), "{minor}");
        }
        for minor in [MAX_MANUAL + 1, i64::MAX] {
            assert!(matches!(held(minor), Err(PendingError::TooMuch(_))), "{minor}");
        }
        let mut pending = held(5).unwrap();
        for minor in [0, -1, i64::MIN] {
            assert_eq!(pending.resolve(&posted(minor), EARLY), Err(PendingError::NotPositive(minor)));
        }
        let there = Resolution::Posted { minor: 1, to: account("partner:a:held") };
        assert!(matches!(pending.resolve(&there, EARLY), Err(PendingError::Stays(_))));
        let amount = Amount { minor: 1, currency: "CNY".parse().unwrap() };
        let same = (account("partner:a:held"), account("partner:a:held"));
        assert!(matches!(Pending::new(same, amount, LATE), Err(PendingError::Nowhere(_))));
        for gone in [6, -1, i64::MIN] {
            assert!(matches!(pending.clone().after(gone), Err(PendingError::Exceeds { .. })), "{gone}");
        }
        assert_eq!(pending.after(5).unwrap().left(), 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_made(
            minor in 1_i64..1_000_000,
            asked in prop::collection::vec((-5_i64..500_000, 0_u8..8, 90_i64..110), 0..20),
        ) {
            let mut pending = held(minor).unwrap();
            let mut moved = 0;
            for (asked, kind, at) in asked {
                let resolution = match kind {
                    0 => Resolution::Voided,
                    1 => Resolution::TimedOut,
                    _ => posted(asked),
                };
                let before = pending.clone();
                match pending.resolve(&resolution, Timestamp::from_seconds(at)) {
                    Ok(one) => moved += one.amount.minor,
                    Err(_) => prop_assert_eq!(&pending, &before),
                }
                prop_assert_eq!(moved + pending.left(), minor);
                prop_assert!(pending.left() >= 0);
            }
        }
    }
}
