//! What administrators post that waits until it is known what becomes of it: the list of it, and what they decide about each.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::{self, Fields};
use super::manual_posting::{subject, text, told, warn};
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::ledger::export::major;
use crate::billing::ledger::pending::WaitError;
use crate::billing::ledger::waiting_posting::{Became, Decided, decide, hold as hold_posting};
use crate::domain::action::Action;
use crate::domain::id::PostingName;
use crate::domain::manual_posting::ManualPosting;
use crate::domain::money::Amount;
use crate::store::waiting_posting::WaitingPosting;

/// Longest time for which an amount waits.
const MAX_WAIT: Duration = Duration::from_secs(366 * 24 * 3600);

/// For how long a posting waits.
pub(super) fn expires_in(value: &Value) -> Result<Duration, String> {
    let span = fields::span(value)?;
    if span > MAX_WAIT { Err("must be 366d at most".to_owned()) } else { Ok(span) }
}

/// Has a posting wait.
pub(super) async fn hold(
    state: &AdminState,
    who: &Administrator,
    (posting, expires_in): (ManualPosting, Duration),
) -> Answer {
    let now = state.clock.now();
    let mut what = told(&posting);
    what["expires_at"] = json!(now.plus(expires_in).to_string());
    let store = who.recording(state, (Action::LedgerPost, subject(&posting)), (None, Some(&what)));
    let waits = hold_posting(&store, (&posting, expires_in), (who.name(), now)).await?;
    let (cause, again) = (posting.cause(), waits.was_posted);
    tracing::info!(cause, again, poster = waits.kept.poster, "a posting by hand waits");
    let mut answer = shown(&waits.kept);
    answer["was_posted"] = json!(again);
    warn(state, &posting, &mut answer).await?;
    ok(answer)
}

/// `GET /admin/ledger/pending`: what waits, page by page, the first to begin first.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.numbered_page();
    parameters.finish()?;
    let waiting = state.store.waiting_postings(&paging.page).await?;
    let last = waiting.last().filter(|_| waiting.len() >= paging.size);
    ok(json!({
        "items": waiting.iter().map(shown).collect::<Vec<_>>(),
        "next": last.map(|last| last.number.to_string()),
    }))
}

/// What a body says that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Post,
    Void,
}

impl Choice {
    fn named(name: &str) -> Option<Self> {
        match name {
            "post" => Some(Self::Post),
            "void" => Some(Self::Void),
            _ => None,
        }
    }
}

/// `POST /admin/ledger/pending/{cause}/resolve`: `{"resolution": "post" | "void", "reason": …}`; to post a part, its `amount` and a
/// `cause` of its own too. The same again changes nothing and gives the same.
pub(super) async fn resolve(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let unknown = || {
        Problem::NoSuchName(format!(
            "Nothing that was posted by hand waits, or waited, by the cause {id:.200}."
        ))
    };
    let name = ManualPosting::name_in(&id).or_else(|| PostingName::new(&id).ok()).ok_or_else(unknown)?;
    let mut transaction = state.store.begin_reading().await?;
    let kept = transaction.waiting_posting(&name).await?;
    transaction.roll_back().await?;
    let kept = kept.ok_or_else(unknown)?;
    let choice = body.required("resolution", fields::one_of(Choice::named, "post or void"));
    let written = body.optional("amount", text);
    let own = body.optional("cause", fields::text::<PostingName>);
    let reason = body.required("reason", fields::name);
    let amount = match written.as_ref().and_then(Option::as_ref) {
        Some(written) => match Amount::parse(written, kept.posting.amount.currency) {
            Ok(amount) => Some(amount.minor),
            Err(error) => {
                body.wrong("amount", error.to_string());
                None
            }
        },
        None => None,
    };
    if choice == Some(Choice::Void) && amount.is_some() {
        body.wrong("amount", "is of what is posted: what is voided is all that is left".to_owned());
    }
    if amount.is_some() && matches!(own, Some(None)) {
        body.wrong("cause", "is missing: a part that is posted goes by a cause of its own".to_owned());
    }
    let built = choice.zip(own).zip(reason);
    let ((choice, own), reason) = body.finish(built)?;
    let decided = match choice {
        Choice::Post => Decided::Post(amount),
        Choice::Void => Decided::Void,
    };
    let what = json!({
        "resolution": if choice == Choice::Post { "post" } else { "void" },
        "amount": written.flatten(),
        "cause": own.as_ref().map(ManualPosting::cause_of),
        "reason": reason,
    });
    let change = (Action::LedgerResolve, subject(&kept.posting));
    let store = who.recording(&state, change, (None, Some(&what)));
    let (names, why) = ((&name, own.as_ref()), (who.name(), reason.as_str()));
    let became = decide(&store, names, decided, why, state.clock.now()).await?;
    let Became { cause, outcome, was_resolved, .. } = &became;
    tracing::info!(
        cause,
        outcome,
        again = was_resolved,
        who = who.name(),
        "it is decided about a posting that waits"
    );
    let mut answer = shown(&became.kept);
    answer["resolution"] = json!(cause);
    answer["outcome"] = json!(outcome);
    answer["was_resolved"] = json!(was_resolved);
    ok(answer)
}

fn shown(kept: &WaitingPosting) -> Value {
    let mut shown = told(&kept.posting);
    shown["cause"] = json!(kept.posting.cause());
    shown["poster"] = json!(kept.poster);
    shown["at"] = json!(kept.at.to_string());
    shown["expires_at"] = json!(kept.expires_at.to_string());
    shown["left"] = json!(major(kept.left.into(), kept.posting.amount.currency.code()));
    shown
}

impl From<WaitError> for Problem {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Store(error) => error.into(),
            WaitError::Pending(error) => Self::Conflict(format!("Nothing has changed: {error}.")),
            WaitError::Damaged { .. } => Self::Conflict(format!("Nothing has changed: {error}.")),
            WaitError::Another(_) => Self::Conflict(format!(
                "Nothing has changed: {error}. What should be different goes by another cause."
            )),
            WaitError::Unknown(_) => Self::NotFound("amount that waits"),
            WaitError::Unbalanced(_) => {
                tracing::error!(%error, "what waits cannot be posted");
                Self::Internal
            }
        }
    }
}
