//! How many exceptions are open, and for how long the oldest of each kind, as counted for the last `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::time::Timestamp;
use crate::store::open_exceptions::OpenOfKind;
use crate::store::usage_exception::ExceptionKind;

/// The figures of each kind.
#[derive(Debug, Default)]
pub struct ExceptionFigures([OfKind; ExceptionKind::ALL.len()]);

#[derive(Debug, Default)]
struct OfKind {
    open: AtomicU64,
    oldest_seconds: AtomicU64,
}

impl ExceptionFigures {
    /// Takes what was counted at `now`; of kinds that are left out, none are open.
    pub(super) fn note(&self, counted: &[OpenOfKind], now: Timestamp) {
        for (kind, figures) in ExceptionKind::ALL.into_iter().zip(&self.0) {
            let of_kind = counted.iter().find(|of_kind| of_kind.kind == kind);
            let age = of_kind.map_or(0, |of_kind| now.since(of_kind.oldest).as_secs());
            figures.open.store(of_kind.map_or(0, OpenOfKind::open), Ordering::Relaxed);
            figures.oldest_seconds.store(age, Ordering::Relaxed);
        }
    }

    /// The name of each kind, how many of it are open, and for how many seconds the oldest is.
    pub fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        let known = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        ExceptionKind::ALL
            .into_iter()
            .zip(&self.0)
            .map(move |(kind, figures)| (kind.name(), known(&figures.open), known(&figures.oldest_seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_counted_is_none() {
        let (figures, now) = (ExceptionFigures::default(), Timestamp::from_seconds(1_000));
        let oldest = Timestamp::from_seconds(400);
        figures.note(&[OpenOfKind { kind: ExceptionKind::Short, oldest, by_age: [1, 0, 2, 0] }], now);
        let short = figures.by_kind().find(|(kind, ..)| *kind == "short");
        assert_eq!(short, Some(("short", 3, 600)));
        figures.note(&[], now);
        assert!(figures.by_kind().all(|(_, open, oldest)| (open, oldest) == (0, 0)));
    }
}
