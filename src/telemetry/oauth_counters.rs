//! What the OAuth2 server counts: calls by endpoint and outcome, and what became of logins.
//!
//! Invariant: every label is of a closed set, the paths of the router and codes of the program, never what a caller sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::metrics::{Kind, Series};

/// Outcomes by their code.
type Outcomes = BTreeMap<&'static str, u64>;

/// What the OAuth2 server counts.
#[derive(Debug, Default)]
pub struct OAuthCounters {
    calls: Mutex<BTreeMap<String, Outcomes>>,
    logins: Mutex<Outcomes>,
}

impl OAuthCounters {
    /// Counts a call of the endpoint at `path`, one of the router's, by its outcome.
    pub fn called(&self, path: &str, outcome: &'static str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // Nearly always it is there already, and nothing is allocated.
        if let Some(outcomes) = calls.get_mut(path) {
            *outcomes.entry(outcome).or_default() += 1;
        } else {
            calls.insert(path.to_owned(), Outcomes::from([(outcome, 1)]));
        }
    }

    /// Counts a login by what became of it.
    pub fn logged_in(&self, outcome: &'static str) {
        *self.logins.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    /// All of it, for the metrics.
    #[must_use]
    pub fn series(&self) -> Vec<Series> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = calls.iter().flat_map(|(path, outcomes)| {
            let of = |(outcome, count): (&&str, &u64)| (vec![path.clone(), (*outcome).to_owned()], *count);
            outcomes.iter().map(of).collect::<Vec<_>>()
        });
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let logins = logins.iter().map(|(outcome, count)| (vec![(*outcome).to_owned()], *count));
        vec![
            (
                "tollgate_oauth_requests",
                Kind::Counter,
                "Calls of the OAuth2 server by endpoint and outcome; endpoint - is none of its own.",
                &["endpoint", "outcome"],
                calls.collect(),
            ),
            (
                "tollgate_oauth_logins",
                Kind::Counter,
                "Logins of merchants by what became of them.",
                &["outcome"],
                logins.collect(),
            ),
        ]
    }
}
