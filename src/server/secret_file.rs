//! Files of the data folder that only its owner may read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::ServerError;

/// Writes a file that only its owner may read, whole or not at all.
///
/// # Errors
/// [`ServerError::File`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), ServerError> {
    let draft = path.with_extension("draft");
    let result = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    result.map_err(|source| ServerError::File { path: path.to_owned(), source })
}

/// The secret in a file; on first use, made by `make` and written.
///
/// # Errors
/// [`ServerError::File`], or what `make` says.
pub fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, ServerError>,
) -> Result<Vec<u8>, ServerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes = make()?;
            write(path, &bytes)?;
            Ok(bytes)
        }
        Err(source) => Err(ServerError::File { path: path.to_owned(), source }),
    }
}
