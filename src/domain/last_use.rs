//! What is used so often that its last use is written down coarsely: not each time, but once in a while.

use std::time::Duration;

use super::id::{SecretId, SessionId};
use super::time::Timestamp;

/// How far what is known of a client secret's last use may be behind.
pub const SECRET_EVERY: Duration = Duration::from_secs(3600);
/// How far what is known of the last use of an API key, a signature key or a client certificate may be behind.
pub const KEY_EVERY: Duration = Duration::from_secs(3600);
/// How far what is known of when a session was last seen may be behind.
pub const SESSION_EVERY: Duration = Duration::from_secs(5 * 60);

/// What was used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// A client secret proved its app.
    Secret(SecretId),
    /// A browser showed a merchant's session.
    Session(SessionId),
}

impl Used {
    /// How far what is known of its last use may be behind.
    #[must_use]
    pub fn every(&self) -> Duration {
        match self {
            Self::Secret(_) => SECRET_EVERY,
            Self::Session(_) => SESSION_EVERY,
        }
    }

    /// What is written down of a use at `at`: of a secret the hour in which it was, as nothing finer is known.
    #[must_use]
    pub fn written(&self, at: Timestamp) -> Timestamp {
        match self {
            Self::Secret(_) => at.rounded_down(SECRET_EVERY),
            Self::Session(_) => at,
        }
    }

    /// Whether a use at `now` is to be written down, if the last one that is known of was at `known`.
    #[must_use]
    pub fn is_due(&self, known: Option<Timestamp>, now: Timestamp) -> bool {
        known.is_none_or(|known| now.since(known) >= self.every())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_written_down_once_in_a_while() {
        let at = Timestamp::from_seconds(1_000_000);
        let later = |seconds| at.plus(Duration::from_secs(seconds));
        let secret = Used::Secret("sec_1".parse().unwrap());
        let session = Used::Session("ses_1".parse().unwrap());
        for (used, known, now, is_due) in [
            (&secret, None, at, true),
            (&secret, Some(at), later(3_599), false),
            (&secret, Some(at), later(3_600), true),
            (&session, Some(at), later(299), false),
            (&session, Some(at), later(300), true),
            // Another node's clock goes ahead of this one's.
            (&session, Some(later(300)), at, false),
        ] {
            assert_eq!(used.is_due(known, now), is_due, "{used:?} {known:?} {now}");
        }
    }

    #[test]
    fn a_use_of_a_secret_is_written_down_by_its_hour() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let secret = Used::Secret("sec_1".parse().unwrap());
        for (at, written) in [
            ("2026-11-24T08:00:00Z", "2026-11-24T08:00:00Z"),
            ("2026-11-24T08:59:59.999999Z", "2026-11-24T08:00:00Z"),
            ("1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z"),
        ] {
            assert_eq!(secret.written(time(at)), time(written));
        }
        let session = Used::Session("ses_1".parse().unwrap());
        assert_eq!(session.written(time("2026-11-24T08:59:59Z")), time("2026-11-24T08:59:59Z"));
    }
}
