//! Bytes that are kept aside for somebody to look at. It is best effort: a full disk is no reason not to start.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::archive;
use super::error::JournalError;

/// Keeps a copy of a segment that has rot in it, once. Gives the copy; `None` if there is none.
pub(super) fn keep_segment(segment: &Path) -> Option<PathBuf> {
    let copy = segment.with_extension("segment.corrupt");
    let write = |draft: &Path| fs::copy(segment, draft).map(|_| ());
    match copy.exists() || keep(&copy, write) {
        true => {
            tracing::error!(file = %copy.display(), "a journal segment has rot in it; its bytes are kept for inspection");
            Some(copy)
        }
        false => None,
    }
}

/// Keeps the bytes that are about to be cut from a segment at `offset`; false if they cannot be kept.
pub(super) fn keep_cut(segment: &Path, offset: usize, bytes: &[u8]) -> bool {
    if bytes.iter().all(|byte| *byte == 0) {
        return true;
    }
    let copy = segment.with_extension(format!("segment.cut-{offset}"));
    let write = |draft: &Path| File::create(draft).and_then(|mut file| file.write_all(bytes));
    let is_kept = keep(&copy, write);
    if is_kept {
        let file = copy.display();
        tracing::warn!(%file, bytes = bytes.len(), "a torn end of the journal is cut; its bytes are kept");
    }
    is_kept
}

/// What is kept aside of a journal's folder, its archives' too.
///
/// # Errors
/// [`JournalError::Io`] if a folder cannot be read.
pub(super) fn all(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let mut aside = Vec::new();
    for folder in [folder.to_owned(), archive::folder(folder)] {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(JournalError::Io { path: folder, source }),
        };
        for entry in entries {
            let path = entry.map_err(JournalError::io(&folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".segment.corrupt") || name.contains(".segment.cut-") {
                aside.push(path);
            }
        }
    }
    aside.sort();
    Ok(aside)
}

/// Whole or not at all, by way of a draft.
fn keep(copy: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> bool {
    let draft = copy.with_extension("draft");
    let kept =
        write(&draft).and_then(|()| File::open(&draft)?.sync_all()).and_then(|()| fs::rename(&draft, copy));
    if let Err(error) = &kept {
        tracing::error!(%error, file = %copy.display(), "broken bytes of the journal cannot be kept aside");
        let _ = fs::remove_file(&draft);
    }
    kept.is_ok()
}
