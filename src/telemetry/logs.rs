//! The log: lines for people on standard error. Written by a thread of its own, so that no request ever waits for
//! whoever reads it; what that thread cannot keep up with is dropped.

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::NonBlockingBuilder;
pub use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Lines that may wait to be written.
const WAITING_LINES: usize = 10_000;

/// Text that does not say what to log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// It is no list of such parts.
    #[error(
        "{0:?} does not say what to log: write a level ({LEVELS}), or parts with one, such as info,tollgate=debug"
    )]
    Part(String),
    /// Nothing of this program is in it.
    #[error("{0:?} leaves nothing of tollgate in the log: begin with a level, such as info,{0}")]
    NothingOfOurs(String),
}

const LEVELS: &str = "error, warn, info, debug, trace or off";

/// Begins to log, as `filter` says (such as `info` or `tollgate=debug`). What waits is written when the guard is
/// dropped. A second call changes nothing.
///
/// # Errors
/// [`InvalidFilter`].
pub fn start(filter: Option<&str>) -> Result<WorkerGuard, InvalidFilter> {
    let filter = parse(filter.unwrap_or("info"))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .finish(std::io::stderr());
    let begun =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    if begun.is_err() {
        tracing::debug!("the log had begun already");
    }
    Ok(guard)
}

/// Takes a mistyped level for what it is: to the library, a word is as well the name of a part of some program, of which alone
/// would be logged.
fn parse(text: &str) -> Result<EnvFilter, InvalidFilter> {
    let is_ours = |part: &str| part.trim_start_matches('[').starts_with("tollgate");
    let is_level = |part: &str| part.parse::<LevelFilter>().is_ok();
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    if let Some(wrong) = parts().find(|part| !part.contains('=') && !is_level(part) && !is_ours(part)) {
        return Err(InvalidFilter::Part(wrong.to_owned()));
    }
    if !parts().any(|part| is_level(part) || is_ours(part)) {
        return Err(InvalidFilter::NothingOfOurs(text.to_owned()));
    }
    EnvFilter::try_new(text).map_err(|_| InvalidFilter::Part(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_what_to_log_is_taken_and_what_does_not_is_refused() {
        for right in [
            "info",
            "INFO",
            "off",
            "tollgate=debug",
            "warn,tollgate::gateway=trace",
            "info,hyper=debug",
            "tollgate",
        ] {
            assert!(parse(right).is_ok(), "{right}");
        }
        for wrong in ["inof", "info,debgu", "tollgate=debgu", "tolgate=debug", "hyper=debug", ",", "="] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
