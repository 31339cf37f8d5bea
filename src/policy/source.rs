//! The files of a policy folder: which there are, of which kind, and what their texts hold.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::domain::id::SnapshotHash;

/// Longest policy file, in bytes.
pub const MAX_FILE: u64 = 4 << 20;
/// Most files in a set.
pub const MAX_FILES: usize = 2000;
/// How often a set that changes meanwhile is read.
const MAX_READINGS: usize = 5;
/// Deepest folder in a set. A link that leads back up ends here.
const MAX_DEPTH: usize = 8;

/// The kinds of policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `platform.yaml`.
    Platform,
    /// `scopes.yaml`.
    Scopes,
    /// `upstreams.yaml`.
    Upstreams,
    /// `products.yaml`.
    Products,
    /// `routes/*.yaml`.
    Routes,
    /// `plans/*.yaml`.
    Plans,
    /// `announcements.yaml`.
    Announcements,
    /// `approvals.yaml`.
    Approvals,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Platform,
        Self::Scopes,
        Self::Upstreams,
        Self::Products,
        Self::Routes,
        Self::Plans,
        Self::Announcements,
        Self::Approvals,
    ];

    /// The kind of the file at `path`, relative to the folder.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "platform.yaml" => Some(Self::Platform),
            "scopes.yaml" => Some(Self::Scopes),
            "upstreams.yaml" => Some(Self::Upstreams),
            "products.yaml" => Some(Self::Products),
            "announcements.yaml" => Some(Self::Announcements),
            "approvals.yaml" => Some(Self::Approvals),
            _ if path.starts_with("routes/") => Some(Self::Routes),
            _ if path.starts_with("plans/") => Some(Self::Plans),
            _ => None,
        }
    }

    /// The name of its schema: `platform`, `scopes` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Scopes => "scopes",
            Self::Upstreams => "upstreams",
            Self::Products => "products",
            Self::Routes => "routes",
            Self::Plans => "plans",
            Self::Announcements => "announcements",
            Self::Approvals => "approvals",
        }
    }

    /// Whether a set may be without.
    #[must_use]
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Announcements | Self::Approvals)
    }
}

/// A policy file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path, relative to the folder.
    pub path: Arc<str>,
    /// Its kind; `None` if the folder has no place for it.
    pub kind: Option<Kind>,
    /// Its text, or why it cannot be read.
    pub text: Result<String, Unread>,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The line at which it cannot, from 1.
    pub line: u32,
    /// Why.
    pub reason: String,
}

/// The files of a set, by path.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The files.
    pub files: Vec<SourceFile>,
}

impl Source {
    /// Reads the YAML files of a folder. A file that cannot be read is in the set with the reason. What changes while it
    /// is read is read again, so that old and new files never stand in one set.
    ///
    /// # Errors
    /// The folder itself cannot be read, holds too many files, or does not stop to change.
    pub fn read(folder: &Path) -> Result<Self, String> {
        Self::read_watched(folder, || {})
    }

    /// [`Source::read`]; `between` runs after each reading, before it is looked whether anything changed.
    fn read_watched(folder: &Path, mut between: impl FnMut()) -> Result<Self, String> {
        let unreadable = |error: &io::Error| format!("cannot read {}: {error}", folder.display());
        let mut failure = format!("{} changes while it is read", folder.display());
        for _ in 0..MAX_READINGS {
            let before = match stamps(folder) {
                Ok(before) => before,
                // What was listed a moment ago may be gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    failure = unreadable(&error);
                    continue;
                }
                Err(error) => return Err(unreadable(&error)),
            };
            if before.len() > MAX_FILES {
                return Err(format!("{} has more than {MAX_FILES} policy files", folder.display()));
            }
            let files = before.iter().map(|stamp| read_file(folder, &stamp.path)).collect();
            between();
            if stamps(folder).is_ok_and(|after| after == before) {
                return Ok(Self { files });
            }
        }
        Err(failure)
    }

    /// The hash that names this content: of the files as they are written, so that it is the same wherever they are read. Who approved it is
    /// no part of it.
    #[must_use]
    pub fn hash(&self) -> Option<SnapshotHash> {
        let files = self.files.iter().filter(|file| file.kind != Some(Kind::Approvals));
        let parts = files.flat_map(|file| [&*file.path, file.text.as_deref().unwrap_or_default()]);
        let hex: String = digest(parts).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        SnapshotHash::new(&hex).ok()
    }
}

/// What tells whether texts, in their order, are the same.
pub(super) fn digest<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for text in texts {
        context.update(&(text.len() as u64).to_le_bytes());
        context.update(text.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// What tells that a file is another, or has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    /// Device, inode, size, and time of change; of a link, those of what it leads to.
    state: Option<(u64, u64, u64, i64, i64)>,
}

/// The policy files of a folder, in order.
///
/// # Errors
/// The folder, or one in it, cannot be read.
pub fn stamps(folder: &Path) -> io::Result<Vec<Stamp>> {
    let mut paths = Vec::new();
    collect(folder, MAX_DEPTH, &mut paths)?;
    paths.sort();
    let stamp = |path: PathBuf| {
        let state = fs::metadata(&path).ok().map(|metadata| {
            (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
        });
        Stamp { path, state }
    };
    Ok(paths.into_iter().map(stamp).collect())
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Kubernetes keeps the versions of a mounted ConfigMap in folders that begin with a point.
        if name.starts_with('.') || paths.len() > MAX_FILES {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, paths)?;
            }
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read_file(folder: &Path, path: &Path) -> SourceFile {
    let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    SourceFile { kind: Kind::of(&relative), path: relative.into(), text: read_text(path) }
}

fn read_text(path: &Path) -> Result<String, Unread> {
    let unread = |reason: String| Unread { line: 1, reason };
    let unreadable = |error: io::Error| unread(format!("the file cannot be read: {error}"));
    // Not even opened unless it is a file: opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unread("this is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        let reason = format!("the file is longer than the {MAX_FILE} bytes that a policy file may have");
        return Err(unread(reason));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let reason = "the file is not UTF-8 from this line on".to_owned();
        Unread { line: u32::try_from(line).unwrap_or(u32::MAX), reason }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &Source) -> Vec<&str> {
        source.files.iter().map(|file| file.text.as_deref().unwrap()).collect()
    }

    #[test]
    fn old_and_new_files_never_stand_in_one_set() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| {
            for name in ["platform.yaml", "scopes.yaml"] {
                let next = folder.path().join("next");
                fs::write(&next, text).unwrap();
                fs::rename(next, folder.path().join(name)).unwrap();
            }
        };
        write("old");
        let mut readings = 0;
        let source = Source::read_watched(folder.path(), || {
            readings += 1;
            if readings == 1 {
                write("new");
            }
        });
        assert_eq!((texts(&source.unwrap()), readings), (vec!["new", "new"], 2));
        let mut number = 0;
        let restless = Source::read_watched(folder.path(), || {
            number += 1;
            write(&"x".repeat(number));
        });
        assert!(restless.unwrap_err().contains("changes while it is read"));
        assert_eq!(number, MAX_READINGS);
        let removed = Source::read_watched(folder.path(), || {
            let _ = fs::remove_file(folder.path().join("scopes.yaml"));
        });
        assert_eq!(removed.unwrap().files.len(), 1);
    }
}
