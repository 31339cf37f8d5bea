//! The closing of a period, and how far it is.

use std::sync::Arc;

use axum::extract::State;
use http::HeaderValue;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, accepted, ok};
use super::fields::{self, Fields};
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::ledger::export::major;
use crate::billing::plans::keep_due;
use crate::billing::statement::closing::{Terms, begin, go_on};
use crate::billing::statement::{CloseEarly, StatementError};
use crate::domain::action::Action;
use crate::domain::time::Period;
use crate::store::closing::{Closing, ClosingPosition};

/// How many times a call goes on with a closing, each time for a few hundred apps: that takes about a second. The next call does the rest,
/// or a node by itself.
const STEPS: usize = 4;

/// Since when `items` of an answer to a closing is deprecated (RFC 9745): statements are asked for by themselves.
const DEPRECATION: &str = "@1796083200";

/// `POST /admin/statements`: closes a period, and goes on with its statements; 202 as long as some are still to be made. Closing it again
/// goes on where it is, and changes nothing once it is final.
pub(super) async fn close(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let period = body.required("period", fields::text::<Period>);
    let early = body.optional("early", fields::flag);
    let built = period.zip(early);
    let (period, early) = body.finish(built)?;
    let early = if early.unwrap_or(false) { CloseEarly::Allowed } else { CloseEarly::Refused };
    let (policies, now) = (state.policies.load(), state.clock.now());
    let platform = &policies.platform;
    // What subscriptions cost by the month goes by the versions that the books keep, also where no call has come since.
    keep_due(&state.store, &policies, now).await?;
    let what = json!({ "early": early == CloseEarly::Allowed });
    let recorded = who.recording(&state, (Action::StatementClose, &*period.to_string()), (None, Some(&what)));
    let terms = Terms { grace: platform.billing.grace, early };
    let was_closed = begin((&state.store, &recorded), period, (&platform.zone, now), terms).await?;
    for _ in 0..STEPS {
        if !go_on(&state.store, now).await? {
            break;
        }
    }
    tracing::info!(%period, again = was_closed, "a billing period was closed");
    let closing = find(&state, period).await?;
    let mut told = to_json(&state, period, &closing).await?;
    told["was_closed"] = json!(was_closed);
    // Not a refusal: what is decided about them later is on the next statement.
    let span = (period.start(&platform.zone), period.end(&platform.zone));
    told["open_exceptions"] = json!(state.store.open_exceptions_between(span).await?);
    (told["items"], told["next"]) = (json!([]), Value::Null);
    let mut answer = match closing.sealed_at {
        Some(_) => ok(told)?,
        None => accepted(&format!("/admin/statements/closings/{period}"), told)?,
    };
    answer.headers_mut().insert("deprecation", HeaderValue::from_static(DEPRECATION));
    Ok(answer)
}

/// `GET /admin/statements/closings/{period}`: how far the closing of a period is.
pub(super) async fn get(
    State(state): State<Arc<AdminState>>,
    Id(period): Id,
    parameters: Parameters,
) -> Answer {
    parameters.finish()?;
    let period = period.parse::<Period>().map_err(|_| OPEN)?;
    let closing = find(&state, period).await?;
    ok(to_json(&state, period, &closing).await?)
}

const OPEN: Problem = Problem::NotFound("closing: that period is open");

async fn find(state: &AdminState, period: Period) -> Result<Closing, Problem> {
    state.store.closing(period).await?.ok_or(OPEN)
}

async fn to_json(state: &AdminState, period: Period, closing: &Closing) -> Result<Value, Problem> {
    let (first_number, zone) = closing.terms.as_ref().map(|(first, zone)| (first, zone.as_str())).unzip();
    let total = |(currency, minor): &(String, i128)| json!({ "currency": currency, "total": major(*minor, currency) });
    let totals = state.store.period_totals(period).await?;
    Ok(json!({
        "period": period.to_string(),
        "state": if closing.sealed_at.is_some() { "final" } else { "closed" },
        "closed_at": closing.closed_at.to_string(),
        "final_at": closing.sealed_at.map(|at| at.to_string()),
        "zone": zone,
        "first_number": first_number,
        "statements": closing.statements,
        "made": closing.made,
        "totals": totals.iter().map(total).collect::<Vec<_>>(),
        "recorded": closing.positions.iter().map(position_to_json).collect::<Vec<_>>(),
    }))
}

fn position_to_json(position: &ClosingPosition) -> Value {
    json!({ "node": position.node, "journal": position.journal, "up_to": position.sequence })
}

impl From<StatementError> for Problem {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::StillOpen(period, end) => Self::Conflict(format!(
                "Period {period} runs until {end}; close it after that. To close it now, say so (\"early\": true, or \
                 --early on the command line): what is used in it from now on is billed with the next period."
            )),
            StatementError::InGrace(period, until) => Self::InGrace(format!(
                "Period {period} has ended, and is left open until {until} for what comes late (billing.grace in platform.yaml); close it \
                 after that. To close it now, say so (\"early\": true, or --early on the command line): what comes later is billed as \
                 an adjustment on a later statement."
            )),
            StatementError::Unfinished(period, before) => Self::Conflict(format!(
                "Period {before} is closed, and its statements are still made; close {period} after that."
            )),
            StatementError::NotBegun(period, start) => {
                Self::Conflict(format!("Period {period} begins at {start}; it can be closed after that."))
            }
            StatementError::EarlierOpen(period, earlier) => Self::Conflict(format!(
                "Period {earlier} is open, and has charges or some are due at its close; close it before {period}."
            )),
            StatementError::Content(error) => {
                tracing::error!(%error, "a final statement cannot be read");
                Self::Internal
            }
            StatementError::Store(error) => error.into(),
            StatementError::Posting(error) => {
                tracing::error!(%error, "what subscriptions cost by the month cannot be posted");
                Self::Internal
            }
            StatementError::Money(error) => {
                tracing::error!(%error, "a statement does not add up");
                Self::Internal
            }
        }
    }
}
