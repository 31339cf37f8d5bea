//! Calls that were served and of which the journal took no record, as when a disk hangs: counted by app, until it takes a record
//! that tells of them. So what is missing in the journal stands in it.

use std::collections::HashMap;

use crate::domain::id::AppId;
use crate::domain::time::Timestamp;
use crate::journal::writer::Writer;
use crate::metering::omission::{Omission, encode};

/// Apps of which a core counts each by itself; those of others are counted together.
const MOST_APPS: usize = 10_000;

/// What a core has counted.
#[derive(Debug, Default)]
pub struct Omitted {
    by_app: HashMap<AppId, Calls>,
    of_others: Option<Calls>,
}

#[derive(Debug, Clone, Copy)]
struct Calls {
    count: u64,
    from: Timestamp,
    until: Timestamp,
}

impl Calls {
    fn one(at: Timestamp) -> Self {
        Self { count: 1, from: at, until: at }
    }

    fn add(&mut self, at: Timestamp) {
        // Clocks may go back.
        (self.from, self.until) = (self.from.min(at), self.until.max(at));
        self.count = self.count.saturating_add(1);
    }
}

impl Omitted {
    /// Counts a call.
    pub fn add(&mut self, app: &AppId, at: Timestamp) {
        if let Some(calls) = self.by_app.get_mut(app) {
            calls.add(at);
        } else if self.by_app.len() < MOST_APPS {
            self.by_app.insert(app.clone(), Calls::one(at));
        } else if let Some(calls) = &mut self.of_others {
            calls.add(at);
        } else {
            self.of_others = Some(Calls::one(at));
        }
    }

    /// Hands records of them over, once the journal has taken all that came before.
    pub fn hand_over(&mut self, journal: &mut Writer) {
        if journal.has_handed_over() {
            self.give(|bytes| journal.append(bytes).is_ok());
        }
    }

    /// Hands records of them over before the core goes, whether there is room or not.
    pub fn hand_over_all(&mut self, journal: &mut Writer) {
        self.give(|bytes| journal.append_at_last(bytes).is_ok());
    }

    /// Gives away what `take` takes, and keeps the rest.
    fn give(&mut self, mut take: impl FnMut(&[u8]) -> bool) {
        if self.by_app.is_empty() && self.of_others.is_none() {
            return;
        }
        let (mut calls_told, mut apps) = (0_u64, 0_u64);
        let mut is_kept = |app: Option<&AppId>, calls: &Calls| {
            let omission =
                Omission { app: app.cloned(), calls: calls.count, from: calls.from, until: calls.until };
            let is_taken = encode(&omission).is_ok_and(|bytes| take(&bytes));
            if is_taken {
                calls_told = calls_told.saturating_add(calls.count);
                apps += 1;
            }
            !is_taken
        };
        self.by_app.retain(|app, calls| is_kept(Some(app), calls));
        self.of_others = self.of_others.filter(|calls| is_kept(None, calls));
        if apps > 0 {
            tracing::warn!(
                calls = calls_told,
                apps,
                "the journal could take no usage record of these calls; it says so for each of the apps"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metering::omission::decode;

    fn told(omitted: &mut Omitted, mut room: usize) -> Vec<(Option<String>, u64, i64, i64)> {
        let mut told = Vec::new();
        omitted.give(|bytes| {
            let has_room = room > 0;
            room = room.saturating_sub(1);
            if has_room {
                let Omission { app, calls, from, until } = decode(bytes).unwrap();
                told.push((app.map(|app| app.to_string()), calls, from.as_seconds(), until.as_seconds()));
            }
            has_room
        });
        told.sort();
        told
    }

    #[test]
    fn calls_are_told_once_by_app_from_the_first_to_the_last() {
        let mut omitted = Omitted::default();
        for (app, at) in [("a", 5), ("b", 6), ("a", 9), ("a", 2)] {
            omitted.add(&AppId::new(app).unwrap(), Timestamp::from_seconds(at));
        }
        let mut first = told(&mut omitted, 1);
        first.extend(told(&mut omitted, 9));
        first.sort();
        assert_eq!(first, [(Some("a".to_owned()), 3, 2, 9), (Some("b".to_owned()), 1, 6, 6)]);
        assert!(told(&mut omitted, 9).is_empty());
    }

    #[test]
    fn those_of_more_apps_than_are_counted_are_told_together() {
        let mut omitted = Omitted::default();
        for number in 0..MOST_APPS + 7 {
            omitted.add(&AppId::new(&format!("app_{number}")).unwrap(), Timestamp::from_seconds(1));
        }
        let told = told(&mut omitted, usize::MAX);
        assert_eq!((told.len(), &told[0]), (MOST_APPS + 1, &(None, 7, 1, 1)));
    }
}
