//! `tollgate statement close`: closes a period, and goes on until it is final.

use serde_json::{Value, json};

use super::failure::Outcome;
use super::node::Node;
use super::progress::Progress;
use super::screen::{Column, Format, Screen};
use crate::domain::time::Period;

const CLOSING: &[Column] = &[
    ("period", "/period"),
    ("state", "/state"),
    ("closed", "/closed_at"),
    ("zone", "/zone"),
    ("statements", "/statements"),
    ("first number", "/first_number"),
    ("totals", "/totals"),
];

/// Closes a period; before its end or within its grace only if it may be `early`.
pub(super) fn close(node: &Node, (period, early): (Period, bool), screen: &Screen) -> Outcome {
    let body = json!({ "period": period.to_string(), "early": early });
    let go_on = || node.post("/admin/statements", &body);
    let progress = Progress::of("statements", screen);
    let mut closing = go_on()?;
    let was_closed = closing["was_closed"] == true;
    // Each call makes some of the statements.
    while closing["state"] == "closed" {
        progress.is_at(count(&closing["made"]), count(&closing["statements"]));
        closing = go_on()?;
    }
    progress.finish();
    closing["was_closed"] = json!(was_closed);
    show(&closing, screen)
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn show(closing: &Value, screen: &Screen) -> Outcome {
    screen.entry(closing, CLOSING)?;
    if screen.format() == Format::Json {
        return Ok(());
    }
    if closing["was_closed"] == true {
        screen.note("The period was closed already.")?;
    }
    match count(&closing["open_exceptions"]) {
        0 => Ok(()),
        1 => screen.note("1 call of this period is not rated yet: see tollgate exceptions"),
        calls => {
            screen.note(&format!("{calls} calls of this period are not rated yet: see tollgate exceptions"))
        }
    }
}
