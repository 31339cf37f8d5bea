//! A segment that waits to be used, with its room allocated: made beside the journal's thread, so that no group waits for it,
//! and so that a disk without room for another one is noticed a segment ahead. One that could not be made with its room is made anew.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::retry_on_intr;

use super::state::State;

/// How long to wait before one is made anew that has not the room it should have.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Makes segments ahead of their use.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    bytes: u64,
    state: Arc<State>,
    making: Option<JoinHandle<io::Result<Made>>>,
    made: Option<Made>,
    /// By the monotonic clock: no other is begun before.
    next_try: Duration,
}

/// An empty segment.
#[derive(Debug)]
struct Made {
    file: File,
    has_room: bool,
}

impl Spare {
    /// Of a journal's folder, for segments of so many bytes. Nothing is made yet.
    pub(super) fn new(folder: &Path, bytes: u64, state: Arc<State>) -> Self {
        let path = folder.join("spare.segment");
        Self { path, bytes, state, making: None, made: None, next_try: Duration::ZERO }
    }

    /// Begins to make one, unless there is one that has its room. `now` is the monotonic clock's.
    pub(super) fn prepare(&mut self, now: Duration) {
        if self.making.as_ref().is_some_and(|making| !making.is_finished()) {
            return;
        }
        self.settle();
        let is_wanting = self.made.as_ref().is_none_or(|made| !made.has_room);
        if is_wanting && now >= self.next_try {
            self.next_try = now.saturating_add(RETRY_AFTER);
            self.made = None;
            let (path, bytes, state) = (self.path.clone(), self.bytes, self.state.clone());
            let making = move || make(&path, bytes, &state);
            // Without a thread for it, it is made when it is needed.
            self.making = std::thread::Builder::new().name("journal-spare".to_owned()).spawn(making).ok();
        }
    }

    /// Waits for the one that is being made.
    fn settle(&mut self) {
        if let Some(making) = self.making.take() {
            self.made = making.join().ok().and_then(Result::ok);
        }
    }

    /// An empty file, and where it is for now.
    ///
    /// # Errors
    /// That of its making.
    pub(super) fn take(&mut self) -> io::Result<(File, &Path)> {
        self.settle();
        let made = match self.made.take() {
            Some(made) => made,
            None => make(&self.path, self.bytes, &self.state)?,
        };
        self.next_try = Duration::ZERO;
        Ok((made.file, &self.path))
    }

    /// Makes an empty segment at a place of its own, over what is there.
    ///
    /// # Errors
    /// That of its making.
    pub(super) fn make_at(&self, path: &Path) -> io::Result<File> {
        make(path, self.bytes, &self.state).map(|made| made.file)
    }
}

impl Drop for Spare {
    /// What nobody took is removed.
    fn drop(&mut self) {
        self.settle();
        if self.made.take().is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// An empty file with its room allocated, if the disk has it: so appending to it changes no size, and cannot fail for want of
/// room. Without that room the file grows as it is written; none of what there is is taken then, not even for a moment.
fn make(path: &Path, bytes: u64, state: &State) -> io::Result<Made> {
    let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
    // A disk without a bound says that it has no blocks at all.
    let has_room = fstatvfs(&file)
        .map_or(true, |disk| disk.f_blocks == 0 || disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes);
    let allocated = match has_room {
        true => {
            retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes)).map_err(io::Error::from)
        }
        false => Err(ErrorKind::StorageFull.into()),
    };
    // Some file systems do not allocate ahead; that says nothing of their room.
    let is_short = allocated.as_ref().is_err_and(|error| error.kind() != ErrorKind::Unsupported);
    if let Err(error) = &allocated {
        file.set_len(0)?;
        if is_short && !state.is_short_of_room.load(Ordering::Relaxed) {
            tracing::error!(%error, bytes, file = %path.display(), "there is no room for another segment of the journal: make some");
        }
    }
    state.is_short_of_room.store(is_short, Ordering::Relaxed);
    file.sync_all()?;
    Ok(Made { file, has_room: !is_short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_without_its_room_is_made_anew_after_a_while_and_one_with_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::new(0));
        let mut spare = Spare::new(folder.path(), 1 << 60, state.clone());
        spare.prepare(Duration::from_secs(1));
        spare.settle();
        assert!(spare.made.as_ref().is_some_and(|made| !made.has_room) && state.is_short_of_room());
        // Somebody makes room.
        spare.bytes = 4096;
        spare.prepare(RETRY_AFTER);
        spare.settle();
        assert!(state.is_short_of_room(), "that was too soon");
        spare.prepare(RETRY_AFTER + Duration::from_secs(1));
        spare.settle();
        assert!(spare.made.as_ref().is_some_and(|made| made.has_room) && !state.is_short_of_room());
        spare.prepare(RETRY_AFTER * 9);
        assert!(spare.making.is_none());
        let (file, _) = spare.take().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 4096);
    }
}
