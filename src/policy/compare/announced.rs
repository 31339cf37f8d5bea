//! Which changes have to be announced before they come, by the set in force, and how that is said.
//!
//! Plan versions are none of these: what a version costs and lets be used is told by its own notice, and stays while it is in force.

use std::fmt;
use std::time::Duration;

use super::change::{Change, Subject};
use super::compare;
use crate::domain::location::Location;
use crate::domain::time::Timestamp;
use crate::policy::change_terms::Announcement;
use crate::policy::snapshot::Snapshot;

/// The changes from `old` to `new` that have to be announced, and how long before; none if the set in force asks for none.
#[must_use]
pub fn demanded(old: &Snapshot, new: &Snapshot, now: Timestamp) -> Option<(Duration, Vec<Change>)> {
    let notice = old.platform.changes.notice?;
    let mut changes = compare(old, new, now);
    changes.retain(has_to_be_announced);
    Some((notice, changes))
}

/// The announcement by which a change may come by then, as far as the files tell.
#[must_use]
pub fn due<'s>(new: &'s Snapshot, change: &Change, now: Timestamp) -> Option<&'s Announcement> {
    let (change, all) = (change.to_string(), &new.announcements);
    all.iter().find(|one| one.change == change).filter(|one| one.from <= now)
}

/// What of the changes from `old` to `new` has to be announced and is not, as far as the files tell: not when it was.
#[must_use]
pub fn unannounced(old: &Snapshot, new: &Snapshot, now: Timestamp) -> Option<Unannounced> {
    let (notice, changes) = demanded(old, new, now)?;
    let is_not_due = |change: &&Change| due(new, change, now).is_none();
    Unannounced::of(changes.iter().filter(is_not_due), notice, now)
}

fn has_to_be_announced(change: &Change) -> bool {
    // A plan without which apps would be is not taken away at all.
    change.class.is_worse() && !matches!(change.subject, Subject::Version(_) | Subject::Plan(_))
}

/// Changes that come before they were announced, or too soon after that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unannounced {
    /// Each by the sentence that names it, and where it stands.
    changes: Vec<(String, Option<Location>)>,
    /// How long before they have to be announced.
    notice: Duration,
    /// From when on they may come, if they are announced now.
    earliest: Timestamp,
}

impl Unannounced {
    /// That these are, seen at a time; none if there are none.
    pub fn of<'c>(
        changes: impl Iterator<Item = &'c Change>,
        notice: Duration,
        now: Timestamp,
    ) -> Option<Self> {
        let place = |change: &Change| change.places.1.clone().or_else(|| change.places.0.clone());
        let changes: Vec<_> = changes.map(|change| (change.to_string(), place(change))).collect();
        // Of a whole second, as a person writes it.
        let earliest = Timestamp::from_seconds(now.plus(notice).as_seconds().saturating_add(1));
        (!changes.is_empty()).then_some(Self { changes, notice, earliest })
    }
}

impl std::error::Error for Unannounced {}

impl fmt::Display for Unannounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.notice.as_secs() / 86_400;
        let notice = if days > 0 { format!("{days}d") } else { format!("{:?}", self.notice) };
        writeln!(f, "what may be worse for those who call is announced {notice} before (`changes.notice`):")?;
        for (change, place) in &self.changes {
            match place {
                Some(place) => writeln!(f, "{place}: {change}")?,
                None => writeln!(f, "{change}")?,
            }
        }
        writeln!(
            f,
            "Leave it as it was, put this into announcements.yaml now, and change it once its time has come. What must end at once is \
             switched off: `tollgate switch off`.\n\nannouncements:"
        )?;
        for (change, _) in &self.changes {
            // A JSON text is a quoted one of YAML.
            let quoted = serde_json::Value::from(change.as_str());
            writeln!(f, "  - {{change: {quoted}, from: \"{}\"}}", self.earliest)?;
        }
        Ok(())
    }
}
