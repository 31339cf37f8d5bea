//! Tables of checks: a row has the name of its check, which begins with the clause that it shows, what came of it, and what had
//! to. A table goes through all of its rows before it fails, and names each that is wrong.

use std::fmt::Debug;

use serde_json::Value;

use crate::support::dev::parameter;
use crate::support::http::Answer;

/// What has to come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected<'e> {
    /// An answer with that status.
    Status(u16),
    /// A page of ours that says what is wrong, and leads nowhere.
    Page,
    /// The app is told that error at its redirect URI, and who tells it.
    ToApp(&'e str),
    /// A client is told that error with that status, in JSON that nobody keeps.
    Refused(u16, &'e str),
    /// A client gets its token, in JSON that nobody keeps.
    Token,
}

impl Expected<'_> {
    fn is(self, answer: &Answer) -> bool {
        let location = answer.header("location");
        let told = |name: &str| serde_json::from_slice::<Value>(&answer.body).ok()?.get(name).cloned();
        let is_kept_by_nobody = answer.header("cache-control") == Some("no-store");
        match self {
            Self::Status(status) => answer.status == status,
            Self::Page => {
                answer.status == 400 && location.is_none() && answer.text().starts_with("<!doctype html>")
            }
            Self::ToApp(error) => {
                let told = |name| location.and_then(|location| parameter(location, name));
                answer.status == 303 && told("error").as_deref() == Some(error) && told("iss").is_some()
            }
            Self::Refused(status, error) => {
                answer.status == status && told("error") == Some(error.into()) && is_kept_by_nobody
            }
            Self::Token => answer.status == 200 && told("access_token").is_some() && is_kept_by_nobody,
        }
    }
}

/// A list of checks.
#[derive(Default)]
pub(super) struct Table {
    names: Vec<String>,
    wrong: Vec<String>,
}

impl Table {
    /// A row: the answer to a request.
    pub(super) fn row(&mut self, name: &str, answer: &Answer, expected: Expected<'_>) {
        let came = || {
            let location = answer.header("location").unwrap_or_default();
            let text: String = answer.text().chars().take(300).collect();
            format!("{} {location} {text}", answer.status)
        };
        self.count(name, expected.is(answer), || format!("{expected:?} expected, came {}", came()));
    }

    /// A row: something that came of it.
    pub(super) fn equal<C: Debug + PartialEq<E>, E: Debug>(&mut self, name: &str, came: C, expected: E) {
        self.count(name, came == expected, || format!("{expected:?} expected, came {came:?}"));
    }

    fn count(&mut self, name: &str, is_right: bool, tell: impl Fn() -> String) {
        self.names.push(name.to_owned());
        if !is_right {
            self.wrong.push(format!("{name}: {}", tell()));
        }
    }

    /// Fails if a row was wrong, or if one of `clauses` has none.
    #[track_caller]
    pub(super) fn end(self, clauses: &[&str]) {
        let Self { names, wrong } = self;
        println!("{} checks of {clauses:?}", names.len());
        assert!(wrong.is_empty(), "{} of {} rows are wrong:\n{}", wrong.len(), names.len(), wrong.join("\n"));
        for clause in clauses {
            let is_shown = |name: &String| name.split(' ').next() == Some(*clause);
            assert!(names.iter().any(is_shown), "no row shows {clause}");
        }
    }
}
