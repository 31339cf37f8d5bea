//! A node's journal: one folder, one committer, a writer for each core, readers behind them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::committer::{Batch, Committer};
use super::error::JournalError;
use super::frame::Sequence;
use super::reader::Reader;
use super::recover::{Recovery, recover};
use super::segment;
use super::state::State;
use super::writer::Writer;

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// The node whose journal it is.
    pub node: String,
    /// Bytes after which a new segment is begun.
    pub segment_bytes: u64,
    /// Batches that may wait for the committer; beyond, the cores keep theirs.
    pub waiting_batches: usize,
    /// Drained segments that are kept all the same.
    pub kept_segments: usize,
}

impl JournalSettings {
    /// The usual settings for a folder.
    #[must_use]
    pub fn new(folder: PathBuf, node: String) -> Self {
        Self { folder, node, segment_bytes: 64 << 20, waiting_batches: 256, kept_segments: 8 }
    }
}

/// A node's journal.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    state: Arc<State>,
    outbox: SyncSender<Batch>,
    committer: JoinHandle<()>,
    _lock: File,
}

impl Journal {
    /// Opens the journal, mending what a crash left, and starts its committer.
    ///
    /// # Errors
    /// [`JournalError::Locked`] if another process has it, [`JournalError::OtherNode`], [`JournalError::Io`].
    pub fn open(settings: JournalSettings) -> Result<(Self, Recovery), JournalError> {
        fs::create_dir_all(&settings.folder).map_err(JournalError::io(&settings.folder))?;
        let lock = lock(&settings)?;
        let recovery = recover(&settings.folder, &settings.node)?;
        let state = Arc::new(State::new(recovery.last));
        let (outbox, inbox) = sync_channel(settings.waiting_batches);
        let committer = Committer {
            folder: settings.folder.clone(),
            node: settings.node.clone(),
            segment_bytes: settings.segment_bytes,
            state: state.clone(),
            open: None,
            last: recovery.last,
        };
        let committer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || committer.run(&inbox))
            .map_err(JournalError::io(&settings.folder))?;
        Ok((Self { settings, state, outbox, committer, _lock: lock }, recovery))
    }

    /// A way in for one core.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(self.outbox.clone(), self.state.clone())
    }

    /// Reads what is on disk, from the record after `position`.
    #[must_use]
    pub fn reader(&self, position: Sequence) -> Reader {
        Reader::new(self.settings.folder.clone(), self.state.clone(), position)
    }

    /// How it is kept.
    #[must_use]
    pub fn settings(&self) -> &JournalSettings {
        &self.settings
    }

    /// What the journal tells about itself.
    #[must_use]
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Removes segments of which every record is at or before `position`, but for the newest few.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn release(&self, position: Sequence) -> Result<(), JournalError> {
        release(&self.settings, position)
    }

    /// Waits until all is on disk. Every writer must be gone.
    pub fn close(self) {
        drop(self.outbox);
        if self.committer.join().is_err() {
            tracing::error!("the journal's committer died");
        }
    }
}

/// Removes drained segments of a journal's folder.
///
/// # Errors
/// [`JournalError::Io`].
pub fn release(settings: &JournalSettings, position: Sequence) -> Result<(), JournalError> {
    let segments = segment::list(&settings.folder)?;
    let drained = segments.windows(2).take_while(|pair| pair[1].first <= position.saturating_add(1)).count();
    for segment in &segments[..drained.saturating_sub(settings.kept_segments)] {
        fs::remove_file(&segment.path).map_err(JournalError::io(&segment.path))?;
    }
    Ok(())
}

fn lock(settings: &JournalSettings) -> Result<File, JournalError> {
    let path = settings.folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(JournalError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked(settings.folder.clone())),
        Err(TryLockError::Error(source)) => Err(JournalError::Io { path, source }),
    }
}
