//! Reloads policies when their folder changes. What changed is not looked at: the whole set is read again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{Debouncer, NoCache, new_debouncer_opt};

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
    // One reload at a time; the outcome is in the status and the log.
    let turn = Mutex::new(());
    let on_change = move |_: notify_debouncer_full::DebounceEventResult| {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = watched.reload();
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
