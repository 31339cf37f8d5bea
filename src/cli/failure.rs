//! How a command ends, and the exit status that says so.

use std::io;
use std::process::ExitCode;

use super::listen::{Doors, option_of};
use crate::policy::load::LoadError;
use crate::server::error::ServerError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be done: status 1.
    Failed(anyhow::Error),
    /// Bad usage that clap, which answers most of it, cannot see: status 2.
    Usage(String),
    /// What it was given is wrong: status 3. The text says what, and what would be right.
    Invalid(String),
    /// A node finds that what it was given is wrong: status 3.
    Refused {
        /// What is wrong, as a whole.
        detail: String,
        /// Each field that is wrong, by its pointer in the call, and how.
        fields: Vec<(String, String)>,
    },
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Failure {
    /// Why a node did not start or run; `doors` are the options that let it listen elsewhere. A set of policies that is
    /// not right is invalid input, and so are certificates.
    pub(super) fn of_server(error: ServerError, doors: &Doors) -> Self {
        match error {
            ServerError::Policies(LoadError::Invalid(report)) => Self::Invalid(report.to_string()),
            ServerError::Listen { address, source } => Self::Failed(anyhow::anyhow!(
                "cannot listen on {address}: {source}; choose another by {}",
                option_of(doors, &address)
            )),
            broken @ (ServerError::Certificates(_) | ServerError::Outbound(_)) => {
                Self::Invalid(format!("tollgate: {broken}"))
            }
            other => Self::Failed(other.into()),
        }
    }
}

/// What a command returns.
pub(super) type Outcome = Result<(), Failure>;

impl Failure {
    /// The exit status of scripts' contract.
    pub(super) fn status(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::Invalid(_) | Self::Refused { .. } => ExitCode::from(3),
        }
    }

    /// What to tell the person at the terminal, who gave fields by the options that `option` knows.
    pub(super) fn message(&self, option: impl Fn(&str) -> Option<String>) -> String {
        match self {
            // "{:#}": with its causes.
            Self::Failed(error) => format!("tollgate: {error:#}"),
            Self::Usage(text) | Self::Invalid(text) => text.clone(),
            Self::Refused { detail, fields } => {
                let told = fields.iter().map(|(pointer, detail)| {
                    let given = option(pointer.trim_start_matches(['/', '?']));
                    format!("\n  {}: {detail}", given.as_deref().unwrap_or(pointer))
                });
                format!("tollgate: {detail}{}", told.collect::<String>())
            }
        }
    }

    /// Shows something beside this verdict, which stands also when nobody reads what is shown.
    pub(super) fn beside(self, shown: Outcome) -> Self {
        match shown {
            Err(failure) if !failure.is_broken_pipe() => failure,
            Ok(()) | Err(_) => self,
        }
    }

    /// Whether the reader of standard output went away, as `head` does: no failure of ours.
    pub(super) fn is_broken_pipe(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}
