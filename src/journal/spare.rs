//! A segment that waits to be used, with its room allocated: made beside the journal's thread, so that no group waits for it,
//! and so that a disk without room for another one is noticed a segment ahead.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::retry_on_intr;

use super::state::State;

/// Makes segments ahead of their use.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    bytes: u64,
    state: Arc<State>,
    made: Option<JoinHandle<io::Result<File>>>,
}

impl Spare {
    /// Of a journal's folder, for segments of so many bytes. Nothing is made yet.
    pub(super) fn new(folder: &Path, bytes: u64, state: Arc<State>) -> Self {
        Self { path: folder.join("spare.segment"), bytes, state, made: None }
    }

    /// Begins to make one, unless there is one.
    pub(super) fn prepare(&mut self) {
        if self.made.is_none() {
            let (path, bytes, state) = (self.path.clone(), self.bytes, self.state.clone());
            let making = move || make(&path, bytes, &state);
            // Without a thread for it, it is made when it is needed.
            self.made = std::thread::Builder::new().name("journal-spare".to_owned()).spawn(making).ok();
        }
    }

    /// An empty file, and where it is for now.
    ///
    /// # Errors
    /// That of its making.
    pub(super) fn take(&mut self) -> io::Result<(File, &Path)> {
        let made = self.made.take().and_then(|made| made.join().ok()?.ok());
        let file = match made {
            Some(file) => file,
            None => make(&self.path, self.bytes, &self.state)?,
        };
        Ok((file, &self.path))
    }

    /// Makes an empty segment at a place of its own, over what is there.
    ///
    /// # Errors
    /// That of its making.
    pub(super) fn make_at(&self, path: &Path) -> io::Result<File> {
        make(path, self.bytes, &self.state)
    }
}

impl Drop for Spare {
    /// What nobody took is removed.
    fn drop(&mut self) {
        if self.made.take().is_some_and(|made| made.join().is_ok()) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// An empty file with its room allocated, if the disk has it: so appending to it changes no size, and cannot fail for want of
/// room. Without that room the file grows as it is written.
fn make(path: &Path, bytes: u64, state: &State) -> io::Result<File> {
    let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
    let allocated =
        retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes)).map_err(io::Error::from);
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
    Ok(file)
}
