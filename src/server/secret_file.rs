//! Files of the data folder that only its owner may read.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::error::ServerError;
use crate::domain::random::{Random, new_id};

/// Makes a folder, and those that it is in, that only its owner may enter; one that is there stays as it is.
///
/// # Errors
/// [`ServerError::File`].
pub fn make_folder(path: &Path) -> Result<(), ServerError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ServerError::File { path: path.to_owned(), source })
}

/// Writes a file that only its owner may read, whole or not at all. The draft has a name that nobody can know beforehand and
/// is a new file, so that what another user of the machine laid there is neither followed nor filled.
///
/// # Errors
/// [`ServerError::File`], or [`ServerError::Secrets`] without random bytes.
pub fn write(path: &Path, bytes: &[u8], random: &dyn Random) -> Result<(), ServerError> {
    let name = new_id(".draft-", random).map_err(|error| ServerError::Secrets(error.to_string()))?;
    let draft = path.with_file_name(name);
    let result = write_new(&draft, bytes).and_then(|()| fs::rename(&draft, path));
    result.map_err(|source| {
        // Perhaps it was never made.
        let _ = fs::remove_file(&draft);
        ServerError::File { path: path.to_owned(), source }
    })
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The secret in a file; on first use, made by `make` and written.
///
/// # Errors
/// [`ServerError::File`], or what `make` says.
pub fn read_or_make(
    path: &Path,
    random: &dyn Random,
    make: impl FnOnce() -> Result<Vec<u8>, ServerError>,
) -> Result<Vec<u8>, ServerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes = make()?;
            write(path, &bytes, random)?;
            Ok(bytes)
        }
        Err(source) => Err(ServerError::File { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::server::random::MachineRandom;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_lies_in_the_way_is_neither_followed_nor_filled() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("victim"), "untouched").unwrap();
        symlink(path("victim"), path("ready.draft")).unwrap();
        symlink(path("victim"), path("ready.json")).unwrap();
        write(&path("ready.json"), b"secret", &MachineRandom::new()).unwrap();
        assert_eq!(fs::read(path("victim")).unwrap(), b"untouched");
        assert_eq!(fs::read(path("ready.json")).unwrap(), b"secret");
        assert!(!fs::symlink_metadata(path("ready.json")).unwrap().is_symlink());
        assert_eq!(mode(&path("ready.json")), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "a draft is left");
    }

    #[test]
    fn a_file_that_cannot_be_put_in_place_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("taken/by")).unwrap();
        assert!(write(&folder.path().join("taken"), b"secret", &MachineRandom::new()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("var/data");
        make_folder(&data).unwrap();
        make_folder(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
    }
}
