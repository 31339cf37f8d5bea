//! Reloads policies when their folder changes. What changed is not looked at: the whole set is read again.

use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_full::notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, NoCache, new_debouncer_opt};

use super::live::Live;

/// How long the folder must be still before it is read.
const STILL_FOR: Duration = Duration::from_millis(200);

/// Watches until it is dropped.
pub struct PolicyWatch {
    _debouncer: Debouncer<RecommendedWatcher, NoCache>,
}

impl std::fmt::Debug for PolicyWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PolicyWatch")
    }
}

/// Begins to watch the folder of `live`, on a thread of its own.
///
/// # Errors
/// The operating system does not let the folder be watched.
pub fn watch(live: &Arc<Live>) -> Result<PolicyWatch, notify_debouncer_full::notify::Error> {
    let watched = live.clone();
    let on_change = move |events: DebounceEventResult| {
        if may_have_changed(&events) {
            // The outcome is in the status and the log.
            let _ = watched.reload();
        }
    };
    let config = notify_debouncer_full::notify::Config::default();
    let mut debouncer = new_debouncer_opt::<_, RecommendedWatcher, NoCache>(
        STILL_FOR,
        None,
        on_change,
        NoCache::new(),
        config,
    )?;
    debouncer.watch(live.folder(), RecursiveMode::Recursive)?;
    Ok(PolicyWatch { _debouncer: debouncer })
}

/// Whether the folder's content may be another. Being read is no change: reading the set would set off the next reading.
/// When the watcher itself erred, events may be lost, so the set is read.
fn may_have_changed(events: &DebounceEventResult) -> bool {
    match events {
        Ok(events) => events.iter().any(|event| !matches!(event.kind, EventKind::Access(_))),
        Err(_) => true,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits by the machine's clock")]
mod tests {
    use notify_debouncer_full::DebouncedEvent;
    use notify_debouncer_full::notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
    use notify_debouncer_full::notify::{Error, Event};

    use super::*;

    fn events(kinds: &[EventKind]) -> DebounceEventResult {
        let event = |kind: &EventKind| DebouncedEvent::new(Event::new(*kind), std::time::Instant::now());
        Ok(kinds.iter().map(event).collect())
    }

    #[test]
    fn reading_the_files_is_no_change_of_them() {
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!may_have_changed(&events(&[opened, closed])));
        assert!(may_have_changed(&events(&[opened, EventKind::Modify(ModifyKind::Any)])));
        assert!(may_have_changed(&events(&[EventKind::Create(CreateKind::File)])));
        assert!(may_have_changed(&events(&[EventKind::Other])));
        assert!(may_have_changed(&Err(vec![Error::generic("events were lost")])));
    }
}
