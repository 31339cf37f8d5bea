//! The data folder of a process: its owner's alone, and locked before anything in it is touched.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::error::ServerError;
use super::secret_file;

/// A data folder that no other process uses.
#[derive(Debug)]
pub(super) struct DataFolder(File);

impl DataFolder {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// [`ServerError::DataFolderInUse`], or [`ServerError::File`].
    pub(super) fn open(path: &Path) -> Result<Self, ServerError> {
        // It holds hashes of secrets and what partners did.
        secret_file::make_folder(path)?;
        let file = |path: PathBuf| move |source| ServerError::File { path, source };
        let lock = path.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let opened = opened.map_err(file(lock.clone()))?;
        match opened.try_lock() {
            Ok(()) => Ok(Self(opened)),
            Err(TryLockError::WouldBlock) => Err(ServerError::DataFolderInUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(ServerError::File { path: lock, source }),
        }
    }
}

impl Drop for DataFolder {
    /// By name: closing alone would leave the lock with a process that was forked meanwhile.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the data folder's lock could not be given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_data_folder_is_its_owners_alone_and_has_one_process() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/data");
        let first = DataFolder::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = DataFolder::open(&path).unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
        drop(first);
        assert!(DataFolder::open(&path).is_ok());
    }
}
