//! A running `tollgate`, for tests that need one.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program, stopped when dropped.
pub(super) struct Process(Child);

impl Process {
    /// Starts `command` and waits until it has written the file `ready`.
    pub(super) fn start(command: Command, ready: &Path) -> Self {
        Self::start_with_log(command, ready, Stdio::null())
    }

    /// The same, with its log going to `log`.
    pub(super) fn start_with_log(mut command: Command, ready: &Path, log: impl Into<Stdio>) -> Self {
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut process = Self(child);
        let late = Instant::now() + PATIENCE;
        while !ready.exists() {
            assert!(process.0.try_wait().unwrap().is_none(), "it ended before it was ready");
            assert!(Instant::now() < late, "it does not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        process
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends SIGTERM and waits for the end.
    pub(super) fn stop(mut self) -> ExitStatus {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let late = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < late, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone, perhaps.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
