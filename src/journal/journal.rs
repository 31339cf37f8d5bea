//! A node's journal: one folder, one committer, a writer for each core, readers behind them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::archive;
use super::chain;
use super::committer::Committer;
use super::error::JournalError;
use super::frame::{MAX_NODE, Sequence};
use super::identity;
use super::inbox::{Outbox, inbox};
use super::reader::Reader;
use super::recover::{Recovery, recover};
use super::segment;
use super::spare::Spare;
use super::state::State;
use super::writer::Writer;
use crate::domain::random::Random;
use crate::domain::time::Clock;

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// The node whose journal it is.
    pub node: String,
    /// Bytes after which a new segment is begun; a segment has its room allocated before.
    pub segment_bytes: u64,
    /// Batches that may wait for the committer; beyond, the cores keep theirs.
    pub waiting_batches: usize,
    /// Bytes that may wait for the disk; beyond, the cores keep theirs.
    pub waiting_bytes: usize,
    /// A position that was read before, such as the store's: what is appended comes after it even if the folder
    /// was lost since, so that no record hides behind a position already passed.
    pub resume_after: Sequence,
    /// Drained segments that stay as they are; older ones are archived (see [`super::retention`]).
    pub kept_segments: usize,
}

impl JournalSettings {
    /// The usual settings for a folder.
    #[must_use]
    pub fn new(folder: PathBuf, node: String) -> Self {
        Self {
            folder,
            node,
            segment_bytes: 64 << 20,
            waiting_batches: 256,
            waiting_bytes: 32 << 20,
            resume_after: 0,
            kept_segments: 2,
        }
    }
}

/// A node's journal.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    identity: String,
    state: Arc<State>,
    outbox: Outbox,
    committer: JoinHandle<Result<(), JournalError>>,
    _lock: Lock,
}

/// A folder's lock. It is given back by name when dropped: closing alone would leave it with any process that was
/// forked meanwhile and has not yet closed what it inherited.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the journal's lock could not be given back");
        }
    }
}

impl Journal {
    /// Opens the journal, mending what a crash left, and starts its committer.
    ///
    /// # Errors
    /// [`JournalError::Locked`] if another process has it, [`JournalError::OtherNode`], [`JournalError::NodeName`],
    /// [`JournalError::Identity`], [`JournalError::NoIdentity`], [`JournalError::Random`], [`JournalError::Io`].
    pub fn open(
        settings: JournalSettings,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Result<(Self, Recovery), JournalError> {
        if settings.node.is_empty() || settings.node.len() > MAX_NODE {
            return Err(JournalError::NodeName(settings.node.len()));
        }
        fs::create_dir_all(&settings.folder).map_err(JournalError::io(&settings.folder))?;
        if let Some(parent) = settings.folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            segment::sync_folder(parent)?;
        }
        let lock = lock(&settings)?;
        archive::remove_drafts(&settings.folder);
        let recovery = recover(&settings.folder, &settings.node)?;
        let identity = match recovery.head {
            // A chain began with one: by another, this would be another journal.
            Some(_) => identity::read(&settings.folder)?
                .ok_or_else(|| JournalError::NoIdentity(settings.folder.clone()))?,
            None => identity::read_or_make(&settings.folder, random)?,
        };
        let last = recovery.last.max(settings.resume_after);
        if last > recovery.last {
            tracing::error!(
                journal = recovery.last,
                store = last,
                "the journal is behind the store: was it lost?"
            );
        }
        let state = Arc::new(State::new(last));
        let head = recovery.head.unwrap_or_else(|| chain::begin(&identity, &settings.node));
        let (outbox, inbox) = inbox(settings.waiting_batches, settings.waiting_bytes);
        let committer = Committer {
            folder: settings.folder.clone(),
            node: settings.node.clone(),
            segment_bytes: settings.segment_bytes,
            state: state.clone(),
            clock,
            spare: Spare::new(&settings.folder, settings.segment_bytes, state.clone()),
            open: None,
            last,
            head,
            framed: Vec::new(),
        };
        let committer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || committer.run(&inbox))
            .map_err(JournalError::io(&settings.folder))?;
        Ok((Self { settings, identity, state, outbox, committer, _lock: lock }, recovery))
    }

    /// What tells this journal from any other, even of the same node's name: 32 hexadecimal digits, made by chance
    /// when its folder was first used.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
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

    /// Waits until all is on disk. Every writer must be gone.
    ///
    /// # Errors
    /// [`JournalError::NotCommitted`] if the disk did not take the last records.
    pub fn close(self) -> Result<(), JournalError> {
        drop(self.outbox);
        self.committer.join().unwrap_or(Err(JournalError::Closed))
    }
}

fn lock(settings: &JournalSettings) -> Result<Lock, JournalError> {
    let path = settings.folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(JournalError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked(settings.folder.clone())),
        Err(TryLockError::Error(source)) => Err(JournalError::Io { path, source }),
    }
}
