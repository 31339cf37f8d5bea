//! What a script expects of a call.

use clap::ValueEnum;

use super::asked::Asked;
use super::decisions::Explained;
use crate::cli::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Expected {
    /// It gets past all that is asked
    Allowed,
    /// Something refuses it
    Refused,
}

impl Expected {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
}

/// What is told if a call is not what was expected of it.
pub(super) fn missed(expected: Expected, explained: &Explained, asked: &Asked) -> Option<Failure> {
    let of = |is_allowed| if is_allowed { Expected::Allowed } else { Expected::Refused };
    let found = explained.is_allowed().map(of);
    let is = found.map_or("may be either".to_owned(), |found| format!("is {}", found.word()));
    let failure = || anyhow::anyhow!("{} {is}, not {} for sure", asked.told(), expected.word()).into();
    (found != Some(expected)).then(failure)
}
