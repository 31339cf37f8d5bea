//! The data folder of a process: its owner's alone, and locked before anything in it is touched.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::error::ServerError;

/// A data folder that no other process uses.
#[derive(Debug)]
pub(super) struct DataFolder(File);

impl DataFolder {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// [`ServerError::DataFolderInUse`], or [`ServerError::File`].
    pub(super) fn open(path: &Path) -> Result<Self, ServerError> {
        let file = |path: PathBuf| move |source| ServerError::File { path, source };
        if !path.is_dir() {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            parent.map_or(Ok(()), fs::create_dir_all).map_err(file(path.to_owned()))?;
            // It holds hashes of secrets and what partners did.
            DirBuilder::new().mode(0o700).create(path).map_err(file(path.to_owned()))?;
        }
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
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = DataFolder::open(&path).unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
        drop(first);
        assert!(DataFolder::open(&path).is_ok());
    }
}
