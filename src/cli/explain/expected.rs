//! What a script expects of a call.

use std::str::FromStr;

use super::asked::Asked;
use super::decisions::Explained;
use crate::cli::failure::Failure;
use crate::domain::refusal_code;
use crate::policy::shape::nearest;

const ALLOWED: &str = "allowed";
const REFUSED: &str = "refused";

/// What is to become of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// It gets past all that is asked.
    Allowed,
    /// Something refuses it.
    Refused,
    /// It is refused with that code.
    RefusedWith(&'static str),
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, refusal_code::ALL.into_iter().find(|code| *code == text)) {
            (ALLOWED, _) => Ok(Self::Allowed),
            (REFUSED, _) => Ok(Self::Refused),
            (_, Some(code)) => Ok(Self::RefusedWith(code)),
            (_, None) => {
                let known: Vec<String> =
                    [ALLOWED, REFUSED].into_iter().chain(refusal_code::ALL).map(str::to_owned).collect();
                let meant = nearest(text, &known).map(|name| format!("did you mean {name}? "));
                Err(format!("{}there are: {}", meant.unwrap_or_default(), known.join(", ")))
            }
        }
    }
}

impl Expected {
    fn words(self) -> String {
        match self {
            Self::Allowed => ALLOWED.to_owned(),
            Self::Refused => REFUSED.to_owned(),
            Self::RefusedWith(code) => format!("refused with {code}"),
        }
    }
}

/// What is told if a call is not what was expected of it.
pub(super) fn missed(expected: Expected, explained: &Explained, asked: &Asked) -> Option<Failure> {
    let found = match (explained.is_allowed(), &explained.refusal, expected) {
        (None, _, _) => None,
        // What is open may refuse it with another code.
        (Some(_), Some(_), Expected::RefusedWith(_)) if explained.is_open() => None,
        (Some(_), Some(refusal), Expected::RefusedWith(_)) => Some(Expected::RefusedWith(refusal.code)),
        (Some(_), Some(_), Expected::Allowed | Expected::Refused) => Some(Expected::Refused),
        (Some(_), None, _) => Some(Expected::Allowed),
    };
    let is = match (found, explained.is_allowed()) {
        (Some(found), _) => format!("is {}", found.words()),
        (None, Some(_)) => "is refused, with another code perhaps".to_owned(),
        (None, None) => "may be either".to_owned(),
    };
    let failure = || anyhow::anyhow!("{} {is}, not {} for sure", asked.told(), expected.words()).into();
    (found != Some(expected)).then(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_of_those_that_there_are() {
        assert_eq!("allowed".parse::<Expected>(), Ok(Expected::Allowed));
        assert_eq!("scope_missing".parse::<Expected>(), Ok(Expected::RefusedWith("scope_missing")));
        for (typed, told) in [
            ("scope_mising", "did you mean scope_missing? there are: allowed, refused, message_malformed, "),
            ("alowed", "did you mean allowed? "),
            ("", "there are: allowed, refused, "),
        ] {
            let wrong = typed.parse::<Expected>().unwrap_err();
            assert!(wrong.starts_with(told) && wrong.contains(", usage_unrecorded"), "{wrong}");
        }
    }
}
