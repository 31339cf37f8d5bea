//! Why a call was refused, as the log and the metrics tell it. It goes along with the answer to whoever observes all calls.

use axum::response::Response;
use tracing::Level;

/// Why a call was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The code that it is counted by.
    pub code: &'static str,
    /// What was wrong, more precisely than whoever asked is told. Never a secret.
    pub reason: String,
    /// Who needs to see it: at `DEBUG` nobody but who looks for it, at `INFO` who watches for attacks, at `WARN` and `ERROR` who
    /// has to act. A network has so many of them told at `INFO` and `WARN` and no more.
    pub level: Level,
}

impl Refused {
    /// Whatever attackers do, and honest people by mistake.
    #[must_use]
    pub fn watched(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), level: Level::INFO }
    }

    /// A mistake.
    #[must_use]
    pub fn mistake(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), level: Level::DEBUG }
    }

    /// `response`, which tells it to whoever asked.
    #[must_use]
    pub fn with(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// An error with all that caused it.
pub(super) fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
