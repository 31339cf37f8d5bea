//! The one place that reads environment variables, and the files that stand for them.

use std::fs::File;
use std::io::Read;

/// The value of an environment variable; `None` if it is not set, empty, or no text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the home of environment reads")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Longest value in a file, in bytes.
const MAX_VALUE: u64 = 64 << 10;

/// What a file holds, such as a mounted secret; `None` if it cannot be read, is no text, or is too long.
#[must_use]
pub fn file_value(path: &str) -> Option<String> {
    // Not even opened unless it is a file: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_VALUE + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MAX_VALUE).then_some(text)
}
