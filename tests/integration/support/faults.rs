//! What disks and clocks do at the worst time, to the real binary: a library that is loaded before that of C has a few calls fail, take
//! long or lie, as a file says that both share (`faults.c`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A library, and the file that tells it what to do.
pub(crate) struct Faults {
    folder: TempDir,
    file: File,
}

/// What goes wrong. Errors are numbers of errno(3); nothing is 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fault {
    /// How far ahead the clock is.
    pub(crate) clock_seconds: i64,
    /// How long it takes the disk to sync a segment of the journal.
    pub(crate) sync_millis: i64,
    /// How that fails.
    pub(crate) sync_errno: i64,
    /// How writing to a segment fails.
    pub(crate) write_errno: i64,
}

impl Faults {
    /// Nothing goes wrong yet.
    pub(crate) fn none() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/faults.c");
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        let options = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"];
        let done = compiler.args(options).arg(folder.path().join("faults.so")).arg(source).status();
        assert!(done.unwrap().success(), "the C compiler that builds SQLite builds this, too");
        let file = File::create(folder.path().join("faults")).unwrap();
        let faults = Self { folder, file };
        faults.set(Fault::default());
        faults
    }

    /// From now on.
    pub(crate) fn set(&self, fault: Fault) {
        let Fault { clock_seconds, sync_millis, sync_errno, write_errno } = fault;
        let numbers = [clock_seconds, sync_millis, sync_errno, write_errno].map(i64::to_ne_bytes);
        self.file.write_all_at(&numbers.concat(), 0).unwrap();
    }

    /// What a process is started with.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        let path = |name: &str| self.folder.path().join(name);
        [("LD_PRELOAD", path("faults.so")), ("TOLLGATE_TEST_FAULTS", path("faults"))]
    }
}
