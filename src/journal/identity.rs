//! A journal's identity: random, made once in its folder. It tells two journals apart that bear the same node's name.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::error::JournalError;
use super::segment;
use crate::domain::random::Random;

/// Random bytes of an identity.
const BYTES: usize = 16;

/// The identity that is kept in `folder`, in 32 hexadecimal digits; on first use it is made there, durably.
///
/// # Errors
/// [`JournalError::Identity`] if what is kept there is none, [`JournalError::Random`], [`JournalError::Io`].
pub(super) fn read_or_make(folder: &Path, random: &dyn Random) -> Result<String, JournalError> {
    match read(folder)? {
        Some(identity) => Ok(identity),
        None => make(folder, &folder.join("identity"), random),
    }
}

/// The identity that is kept in `folder`, if one is.
///
/// # Errors
/// [`JournalError::Identity`] if what is kept there is none, [`JournalError::Io`].
pub(super) fn read(folder: &Path) -> Result<Option<String>, JournalError> {
    let path = folder.join("identity");
    match fs::read(&path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) if is_identity(text.trim_end()) => Ok(Some(text.trim_end().to_owned())),
            Ok(_) | Err(_) => Err(JournalError::Identity(path)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}

/// Whole or not at all: a crash leaves a draft at most.
fn make(folder: &Path, path: &Path, random: &dyn Random) -> Result<String, JournalError> {
    let mut bytes = [0; BYTES];
    random.fill(&mut bytes)?;
    let identity = format!("{:032x}", u128::from_be_bytes(bytes));
    let draft = path.with_extension("draft");
    File::create(&draft)
        .and_then(|mut file| writeln!(file, "{identity}").and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(JournalError::io(path))?;
    segment::sync_folder(folder)?;
    Ok(identity)
}

fn is_identity(text: &str) -> bool {
    text.len() == 2 * BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
