//! What is shown: every decision, and what becomes of the call.

use serde_json::{Value, json};

use super::asked::Asked;
use super::binding::Bound;
use super::decisions::{Explained, Refused};
use super::recorded::Recorded;
use crate::cli::failure::Outcome;
use crate::cli::rated;
use crate::cli::screen::{Column, Format, Screen};

const COLUMNS: &[Column] =
    &[("decision", "/decision"), ("outcome", "/outcome"), ("what is asked", "/asked"), ("policy", "/policy")];

/// What is told of a call on record beside the decisions.
pub(super) struct OnRecord<'r> {
    /// What became of it.
    pub(super) recorded: &'r Recorded,
    /// Which merchant it was for.
    pub(super) bound: &'r Bound<'r>,
    /// What no record says.
    pub(super) assumed: Vec<&'static str>,
}

/// Shows it; of a call on record first what became of it, and what is only assumed, and last how it was rated.
pub(super) fn show(
    explained: &Explained,
    asked: &Asked,
    on_record: Option<&OnRecord<'_>>,
    screen: &Screen,
) -> Outcome {
    let rows: Vec<Value> = explained.rows();
    let refusal = explained.refusal.as_ref();
    match screen.format() {
        Format::Json => {
            let mut shown = json!({
                "call": asked.told(),
                "route": explained.route,
                "upstream": explained.upstream,
                "allowed": explained.is_allowed(),
                "status": refusal.map(|refusal| refusal.status),
                "code": refusal.map(|refusal| refusal.code),
                "detail": refusal.map(|refusal| &refusal.detail),
                "policies": explained.hash,
                "decisions": rows,
            });
            if let Some(OnRecord { recorded, bound, assumed }) = on_record {
                (shown["on_record"], shown["assumed"]) = (recorded.to_json(), json!(assumed));
                shown["on_record"]["merchant"] = bound.to_json();
            }
            screen.json(&shown)
        }
        Format::Human => {
            if let Some(OnRecord { recorded, bound, assumed }) = on_record {
                screen.lines(&format!(
                    "The call {} (route {}, {})",
                    recorded.told(),
                    recorded.route,
                    recorded.at
                ))?;
                screen.lines(&bound.told())?;
                let assumed: String = assumed.iter().map(|what| format!("\n- {what}")).collect();
                screen
                    .lines(&format!("What follows explains it by these, which no record says:{assumed}"))?;
                screen.text("")?;
            }
            screen.list(&rows, COLUMNS, "")?;
            let (call, verdict) = (asked.told(), verdict(explained));
            let Some(OnRecord { recorded, .. }) = on_record else {
                return screen.lines(&format!("{call} {verdict}"));
            };
            screen.lines(&format!("{call} {}. By what is known of it now, it {verdict}", recorded.told()))?;
            screen.text("")?;
            screen.lines(&recorded.rated())?;
            rated::show(&recorded.record, screen)
        }
    }
}

/// What becomes of the call.
fn verdict(explained: &Explained) -> String {
    let allowed = explained.is_allowed();
    match (&explained.refusal, &explained.upstream) {
        (Some(Refused { status, code, detail }), _) => {
            let perhaps = " (perhaps with another code, by what is not known above)";
            let perhaps = if explained.is_open() { perhaps } else { "" };
            format!("is refused{perhaps}: {status} {code}: {detail}")
        }
        (None, None) => match allowed {
            Some(_) => "is allowed, and answered by the gateway itself.".to_owned(),
            None => "is answered by the gateway itself, by rules of that endpoint.".to_owned(),
        },
        (None, Some(upstream)) => match allowed {
            Some(_) => format!("is allowed, and goes to upstream {upstream}."),
            None => {
                format!(
                    "is not refused by what was asked; if the rest allows it, it goes to upstream {upstream}."
                )
            }
        },
    }
}
