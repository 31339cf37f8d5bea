//! The log: lines for people on standard error. Written by a thread of its own, so that no request ever waits for
//! whoever reads it; what that thread cannot keep up with is dropped.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that may wait to be written.
const WAITING_LINES: usize = 10_000;

/// Begins to log, as `filter` says (such as `info` or `tollgate=debug`). What waits is written when the guard is
/// dropped. A second call changes nothing.
pub fn start(filter: Option<&str>) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .finish(std::io::stderr());
    let filter = EnvFilter::try_new(filter.unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    let begun =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    if begun.is_err() {
        tracing::debug!("the log had begun already");
    }
    guard
}
