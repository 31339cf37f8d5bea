//! `tollgate exceptions resolve-all`: what is decided about all calls of a node whose clock was wrong, or was right after all.

use clap::Args;
use serde_json::{Value, json};

use super::exceptions::Decision;
use super::failure::{Failure, Outcome};
use super::node::Node;
use super::screen::{Column, Format, Screen};
use crate::domain::time::Timestamp;

#[derive(Debug, Args)]
pub(super) struct ResolveAll {
    /// What is to be done
    #[arg(value_enum)]
    decision: Decision,
    /// Who decides; whose name the admin token has, unless it is given
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Only calls of this app
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Only calls on this node
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Only calls from this time on, as they tell it, such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only calls before this time, as they tell it
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

const OPEN: &[Column] = &[("id", "/id"), ("stays open", "/why")];

impl ResolveAll {
    pub(super) fn check(&self) -> Outcome {
        match self.decision {
            Decision::Waive | Decision::WriteOff | Decision::RateAgain | Decision::RateAtItsTime => Ok(()),
            Decision::RateBy => Err(Failure::Usage(
                "tollgate: what one call was worth is given of that one: see tollgate exceptions resolve"
                    .to_owned(),
            )),
        }
    }

    /// Has all be decided about, some at a time.
    pub(super) fn run(&self, node: &Node, screen: &Screen) -> Outcome {
        let (mut resolved, mut open) = (0_u64, Vec::new());
        let mut after = Value::Null;
        loop {
            let done = node.post("/admin/exceptions/resolve", &self.body(&after))?;
            resolved = resolved.saturating_add(done["resolved"].as_u64().unwrap_or(0));
            open.extend(done["refused"].as_array().into_iter().flatten().cloned());
            after = done["next"].clone();
            if after.is_null() {
                break;
            }
        }
        match screen.format() {
            Format::Json => screen.json(&json!({ "resolved": resolved, "refused": open })),
            Format::Human => {
                screen.note(&format!("{resolved} exceptions are resolved."))?;
                screen.list(&open, OPEN, "None of those that were chosen stays open.")
            }
        }
    }

    fn body(&self, after: &Value) -> Value {
        json!({
            "kind": "time",
            "decision": self.decision.name(),
            "who": self.who,
            "why": self.why,
            "app": self.app,
            "node": self.node,
            "from": self.from.map(|from| from.to_string()),
            "until": self.until.map(|until| until.to_string()),
            "after": after,
        })
    }
}
