//! What was decided about a call, question by question, and what becomes of it.

use serde_json::{Value, json};

use crate::domain::location::Location;
use crate::domain::refusal::Refusal;
use crate::gateway::respond;
use crate::gateway::witness::{Question, Witness};

/// The name of the question for a call's route.
pub(super) const ROUTE: &str = "route";

/// What becomes of a call, and by which decisions.
pub(super) struct Explained {
    pub(super) decisions: Decisions,
    pub(super) route: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) refusal: Option<Refused>,
    pub(super) hash: String,
}

/// What the caller is told of a call that is refused.
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let status = respond::status(refusal).as_u16();
        Self { status, code: refusal.code(), detail: refusal.detail() }
    }
}

/// What was asked so far. Each was answered with yes, but for the last of a call that is refused.
#[derive(Default)]
pub(super) struct Decisions(Vec<Decision>);

struct Decision {
    name: &'static str,
    asked: String,
    place: Option<String>,
    answer: Answer,
    /// What a program may want to know of it; null: nothing.
    details: Value,
}

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Allowed,
    Refused,
    /// What it is asked of was not given.
    NotAsked,
    /// It depends on what is not known of the call.
    NotKnown,
    /// No policy says it, and no node that was asked.
    BeyondPolicies,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::NotAsked => "not asked",
            Self::NotKnown | Self::BeyondPolicies => "not known",
        }
    }

    /// Whether another answer could change what becomes of the call, as far as the policies say it.
    fn is_open(self) -> bool {
        match self {
            Self::NotAsked | Self::NotKnown => true,
            Self::Allowed | Self::Refused | Self::BeyondPolicies => false,
        }
    }
}

impl Decisions {
    pub(super) fn add(&mut self, name: &'static str, place: Option<&Location>, asked: String) {
        let (place, answer, details) = (place.map(Location::to_string), Answer::Allowed, Value::Null);
        self.0.push(Decision { name, asked, place, answer, details });
    }

    /// Says more of the last question.
    pub(super) fn say(&mut self, more: &str) {
        if let Some(last) = self.0.last_mut() {
            last.asked.push_str(more);
        }
    }

    /// Tells programs of the last question.
    pub(super) fn detail(&mut self, details: Value) {
        if let Some(last) = self.0.last_mut() {
            last.details = details;
        }
    }

    /// Answers the last question in another way.
    pub(super) fn leave(&mut self, answer: Answer) {
        if let Some(last) = self.0.last_mut() {
            last.answer = answer;
        }
    }

    /// Answers that question anew, if it was asked, and says why; gives whether it was. After one that is refused, nothing was asked.
    pub(super) fn decide(&mut self, question: Question, answer: Answer, why: &str) -> bool {
        let Some(place) = self.0.iter().position(|decision| decision.name == question.name()) else {
            return false;
        };
        if answer == Answer::Refused {
            self.0.truncate(place.saturating_add(1));
        }
        if let Some(found) = self.0.get_mut(place) {
            found.answer = answer;
            found.asked.push_str(why);
        }
        true
    }

    /// The answer to that question, if it was asked, depends on what is not known: what it asks, and of what.
    pub(super) fn leave_open(&mut self, question: Question, asked: impl FnOnce() -> String) {
        if let Some(found) = self.0.iter_mut().find(|decision| decision.name == question.name()) {
            (found.answer, found.asked) = (Answer::NotKnown, asked());
        }
    }
}

impl Witness for Decisions {
    fn asked(&mut self, question: Question, place: Option<&Location>, what: impl FnOnce() -> String) {
        self.add(question.name(), place, what());
    }

    fn answered(&mut self, place: Option<&Location>, why: impl FnOnce() -> String) {
        if let Some(last) = self.0.last_mut() {
            last.asked = format!("{}: {}", last.asked, why());
            last.place = place.map(Location::to_string).or(last.place.take());
        }
    }
}

impl Explained {
    /// Nothing was asked yet, of the policies with that hash.
    pub(super) fn new(hash: &str) -> Self {
        let decisions = Decisions::default();
        Self { decisions, route: None, upstream: None, refusal: None, hash: hash.to_owned() }
    }

    /// Whether the call is allowed; `None` if not all was asked that decides it.
    pub(super) fn is_allowed(&self) -> Option<bool> {
        if self.refusal.is_some() {
            return Some(false);
        }
        (!self.is_open()).then_some(true)
    }

    /// Whether something was left open that could refuse the call, perhaps before what did.
    pub(super) fn is_open(&self) -> bool {
        self.decisions.0.iter().any(|decision| decision.answer.is_open())
    }

    /// Whether it is refused as no route is one for it.
    pub(super) fn has_met_no_route(&self) -> bool {
        self.decisions.0.last().is_some_and(|last| last.name == ROUTE && last.answer == Answer::Refused)
    }

    /// A row for each decision.
    pub(super) fn rows(&self) -> Vec<Value> {
        let row = |decision: &Decision| {
            let mut row = json!({
                "decision": decision.name,
                "outcome": decision.answer.word(),
                "asked": decision.asked,
                "policy": decision.place,
            });
            if !decision.details.is_null() {
                row["details"] = decision.details.clone();
            }
            row
        };
        self.decisions.0.iter().map(row).collect()
    }
}
