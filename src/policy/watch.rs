//! Reloads policies when their folder changes. What changed is not looked at: the whole set is read again, once nothing
//! has changed in it for a while.
//!
//! A folder may be another one tomorrow: deleted and made again, moved away, or a symbolic link that is pointed at the
//! next release. So what leads to it is watched too, and every few seconds its files are compared, in case that no
//! event came.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::live::Live;
use super::load::LoadError;
use super::source::{Stamp, stamps};

/// How long the folder must be still before it is read.
const STILL_FOR: Duration = Duration::from_millis(200);
/// How often at most stillness is waited for anew: a folder that never is still is read all the same.
const MAX_WAITS: usize = 25;
/// How often the files are compared without an event.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Watches until it is dropped.
#[derive(Debug)]
pub struct PolicyWatch {
    wake: Sender<Wake>,
}

impl Drop for PolicyWatch {
    fn drop(&mut self) {
        // A thread that is gone needs no telling.
        let _ = self.wake.send(Wake::Stop);
    }
}

/// Why the thread wakes up.
#[derive(Debug)]
enum Wake {
    Changed,
    Stop,
}

/// Begins to watch the folder of `live`, on a thread of its own. What changed since it was loaded is in force soon.
///
/// # Errors
/// The operating system does not let the folder be watched.
pub fn watch(live: &Arc<Live>) -> Result<PolicyWatch, notify::Error> {
    let (wake, woken) = channel();
    let mut watching = Watching { live: live.clone(), wake: wake.clone(), eyes: None, seen: None };
    watching.look_anew()?;
    std::thread::Builder::new().name("policies".to_owned()).spawn(move || watching.run(&woken))?;
    Ok(PolicyWatch { wake })
}

struct Watching {
    live: Arc<Live>,
    wake: Sender<Wake>,
    eyes: Option<Eyes>,
    /// The files as they were at the last reload.
    seen: Option<Vec<Stamp>>,
}

/// A watcher, and what it was set up for.
struct Eyes {
    trail: Trail,
    _watcher: RecommendedWatcher,
}

impl Watching {
    fn run(mut self, woken: &Receiver<Wake>) {
        self.reload();
        loop {
            match woken.recv_timeout(LOOK_EVERY) {
                Ok(Wake::Changed) => match wait_for_stillness(woken) {
                    Stillness::Still => {
                        self.look_anew_or_warn();
                        self.reload();
                    }
                    Stillness::Stop => return,
                },
                Err(RecvTimeoutError::Timeout) => {
                    self.look_anew_or_warn();
                    if self.has_changed() || self.waits_for_the_store() {
                        self.reload();
                    }
                }
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn has_changed(&self) -> bool {
        // A folder that cannot be looked at is one that changed, until its absence has been told once.
        self.seen != stamps(self.live.folder()).ok()
    }

    /// Whether the last attempt, whoever made it, found nowhere to keep that the set comes into force. The set may be another by
    /// a value from outside the folder alone.
    fn waits_for_the_store(&self) -> bool {
        matches!(self.live.status().last_error, Some(LoadError::Unavailable(_)))
    }

    fn reload(&mut self) {
        let stamps = stamps(self.live.folder()).ok();
        // The outcome is in the status and the log.
        let outcome = self.live.reload();
        let is_settled = match outcome {
            Err(LoadError::Unreadable(_)) => stamps.is_none(),
            Ok(_) | Err(LoadError::Invalid(_) | LoadError::Refused(_) | LoadError::Unavailable(_)) => true,
        };
        self.seen = if is_settled { stamps } else { None };
    }

    fn look_anew_or_warn(&mut self) {
        if let Err(error) = self.look_anew() {
            tracing::warn!(%error, "the policy folder cannot be watched; it is looked at every ten seconds");
        }
    }

    /// Watches what the folder is now, if that is another than it was.
    fn look_anew(&mut self) -> Result<(), notify::Error> {
        let trail = Trail::of(self.live.folder());
        if self.eyes.as_ref().is_some_and(|eyes| eyes.trail == trail) {
            return Ok(());
        }
        self.eyes = None;
        let (wake, on_trail) = (self.wake.clone(), trail.clone());
        let mut watcher = notify::recommended_watcher(move |event: Result<Event, notify::Error>| {
            if on_trail.may_have_changed(&event) {
                // The other end is gone when watching has ended.
                let _ = wake.send(Wake::Changed);
            }
        })?;
        for parent in &trail.parents {
            // A parent that is not there will be looked for again.
            let _ = watcher.watch(parent, RecursiveMode::NonRecursive);
        }
        if let Some((folder, _)) = &trail.folder {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        self.eyes = Some(Eyes { trail, _watcher: watcher });
        Ok(())
    }
}

/// What leads to the folder: where it really is, and every name on the way that could come to mean something else.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trail {
    /// The folder itself, and which one of all that ever had its name.
    folder: Option<(PathBuf, u64)>,
    /// The folder's own name and those of symbolic links to it.
    names: Vec<PathBuf>,
    /// The folders in which those names stand.
    parents: Vec<PathBuf>,
}

impl Trail {
    fn of(folder: &Path) -> Self {
        let written = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let real = std::fs::canonicalize(&written).ok();
        let mut names: Vec<PathBuf> =
            written.ancestors().filter(|path| path.is_symlink()).map(Path::to_owned).collect();
        names.push(written);
        names.extend(real.clone());
        names.sort();
        names.dedup();
        let mut parents: Vec<PathBuf> =
            names.iter().filter_map(|name| name.parent()).map(Path::to_owned).collect();
        parents.dedup();
        let folder = real.and_then(|real| Some((real.clone(), inode(&real)?)));
        Self { folder, names, parents }
    }

    /// Whether the folder's content may be another. Being read is no change: reading the set would set off the next
    /// reading. When the watcher itself erred, events may be lost, so the set is read.
    fn may_have_changed(&self, event: &Result<Event, notify::Error>) -> bool {
        match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // What else lies beside the folder is no concern of it.
            Ok(event) => {
                let is_on_trail = |path: &PathBuf| self.names.iter().any(|name| path.starts_with(name));
                event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(is_on_trail)
            }
            Err(_) => true,
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

enum Stillness {
    Still,
    Stop,
}

/// Waits until nothing has changed anywhere in the folder for a while: a set that is being copied is half a set.
fn wait_for_stillness(woken: &Receiver<Wake>) -> Stillness {
    for _ in 0..MAX_WAITS {
        match woken.recv_timeout(STILL_FOR) {
            Ok(Wake::Changed) => {
                // A burst of events is one wait.
                std::thread::sleep(STILL_FOR);
                while let Ok(wake) = woken.try_recv() {
                    if matches!(wake, Wake::Stop) {
                        return Stillness::Stop;
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => return Stillness::Still,
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return Stillness::Stop,
        }
    }
    Stillness::Still
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, AccessMode, CreateKind, Flag, ModifyKind};

    use super::*;

    #[test]
    fn reading_the_files_is_no_change_of_them_and_neither_is_what_lies_beside() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::of(folder.path());
        let within = folder.path().join("platform.yaml");
        let event = |kind: EventKind, path: &Path| Ok(Event::new(kind).add_path(path.to_owned()));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let made = EventKind::Create(CreateKind::File);
        assert!(!trail.may_have_changed(&event(opened, &within)));
        assert!(!trail.may_have_changed(&event(made, &folder.path().with_extension("log"))));
        assert!(trail.may_have_changed(&event(EventKind::Modify(ModifyKind::Any), &within)));
        assert!(trail.may_have_changed(&event(made, folder.path())));
        assert!(trail.may_have_changed(&Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert!(trail.may_have_changed(&Err(notify::Error::generic("events were lost"))));
    }
}
