//! The one place that reads environment variables.

/// The value of an environment variable; `None` if it is not set, empty, or no text.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the home of environment reads")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
