//! What is shown: every decision, and what becomes of the call.

use serde_json::{Value, json};

use super::asked::Asked;
use super::decisions::Explained;
use crate::cli::failure::Outcome;
use crate::cli::screen::{Column, Format, Screen};

const COLUMNS: &[Column] =
    &[("decision", "/decision"), ("outcome", "/outcome"), ("what is asked", "/asked"), ("policy", "/policy")];

/// Shows it.
pub(super) fn show(explained: &Explained, asked: &Asked, screen: &Screen) -> Outcome {
    let rows: Vec<Value> = explained.rows();
    let refusal = explained.refusal.as_ref();
    let allowed = explained.is_allowed();
    match screen.format() {
        Format::Json => screen.json(&json!({
            "call": asked.told(),
            "route": explained.route,
            "upstream": explained.upstream,
            "allowed": allowed,
            "status": refusal.map(|refusal| refusal.status),
            "code": refusal.map(|refusal| refusal.code),
            "detail": refusal.map(|refusal| &refusal.detail),
            "policies": explained.hash,
            "decisions": rows,
        })),
        Format::Human => {
            screen.list(&rows, COLUMNS, "")?;
            match (refusal, &explained.upstream) {
                (Some(refusal), _) => screen.lines(&format!(
                    "{} is refused: {} {}: {}",
                    asked.told(),
                    refusal.status,
                    refusal.code,
                    refusal.detail
                )),
                (None, None) => {
                    let how = match allowed {
                        Some(_) => "is allowed, and answered by the gateway itself",
                        None => "is answered by the gateway itself, by rules of that endpoint",
                    };
                    screen.lines(&format!("{} {how}.", asked.told()))
                }
                (None, upstream) => {
                    let upstream = upstream.as_deref().unwrap_or_default();
                    let how = match allowed {
                        Some(_) => "is allowed, and goes",
                        None => "is not refused by what was asked; if the rest allows it, it goes",
                    };
                    screen.lines(&format!("{} {how} to upstream {upstream}.", asked.told()))
                }
            }
        }
    }
}
