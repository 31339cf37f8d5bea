//! What is shown: every decision, and what becomes of the call.

use serde_json::{Value, json};

use super::asked::Asked;
use super::decisions::{Explained, Refused};
use super::recorded::Recorded;
use crate::cli::failure::Outcome;
use crate::cli::screen::{Column, Format, Screen};

const COLUMNS: &[Column] =
    &[("decision", "/decision"), ("outcome", "/outcome"), ("what is asked", "/asked"), ("policy", "/policy")];

/// Shows it; of a call on record first what became of it, and what is only assumed.
pub(super) fn show(
    explained: &Explained,
    asked: &Asked,
    on_record: Option<(&Recorded, &[&str])>,
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
            if let Some((recorded, assumed)) = on_record {
                (shown["on_record"], shown["assumed"]) = (recorded.to_json(), json!(assumed));
            }
            screen.json(&shown)
        }
        Format::Human => {
            if let Some((recorded, assumed)) = on_record {
                screen.lines(&format!(
                    "The call {} (route {}, {})",
                    recorded.told(),
                    recorded.route,
                    recorded.at
                ))?;
                let assumed: String = assumed.iter().map(|what| format!("\n- {what}")).collect();
                screen
                    .lines(&format!("What follows explains it by these, which no record says:{assumed}"))?;
                screen.text("")?;
            }
            screen.list(&rows, COLUMNS, "")?;
            screen.lines(&format!("{} {}", asked.told(), verdict(explained)))
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
