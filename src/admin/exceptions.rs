//! What could not be rated or read: the list of it, and what an operator decides about each.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::{self, Fields};
use super::given_transaction::transaction;
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::rated;
use super::state::AdminState;
use super::token::OF_THE_NODE;
use crate::billing::books::BooksTime;
use crate::billing::books::exceptions::{
    Decision, Given, Reason, Resolved, resolve as decide, transaction_to_json,
};
use crate::billing::error::BillingError;
use crate::domain::action::Action;
use crate::domain::hexadecimal::hexadecimal;
use crate::domain::id::AppId;
use crate::domain::transaction::{Transaction, TransactionKind};
use crate::store::exception_resolution::Resolution;
use crate::store::pending_sale::PendingSale;
use crate::store::usage::UsageRow;
use crate::store::usage_exception::UsageException;

/// Most bytes that are shown of what could not be read; the store has all of them.
const MAX_SHOWN: usize = 1024;

/// `GET /admin/exceptions`: those that nobody has resolved, newest first, page by page.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let exceptions = state.store.open_exceptions(&paging.page).await?;
    let ids: Vec<String> = exceptions.iter().filter_map(|exception| exception.usage.clone()).collect();
    let calls = state.store.usage_records(&ids).await?;
    let shown = |exception: &UsageException| {
        shown(exception, exception.usage.as_ref().and_then(|usage| calls.get(usage)))
    };
    ok(page(&exceptions, paging.size, |exception| &exception.id, shown))
}

fn shown(exception: &UsageException, call: Option<&UsageRow>) -> Value {
    json!({
        "id": exception.id,
        "kind": exception.kind.name(),
        "at": exception.at.to_string(),
        "usage": exception.usage,
        "app": exception.app,
        "route": call.and_then(|call| call.route.as_deref()),
        "transaction": call.and_then(|call| call.transaction.as_ref()).map(transaction_to_json),
        "waits_for_sale": exception.sale,
        "reason": exception.reason,
        "payload_bytes": exception.payload.as_ref().map(Vec::len),
        "payload_hex": exception.payload.as_deref().map(|bytes| hexadecimal(bytes.get(..MAX_SHOWN).unwrap_or(bytes))),
    })
}

/// What a body says that is to be done.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Waive,
    RateAgain,
    RateAtItsTime,
    RateBy,
}

impl Choice {
    fn named(name: &str) -> Option<Self> {
        match name {
            "waive" => Some(Self::Waive),
            "rate_again" => Some(Self::RateAgain),
            "rate_at_its_time" => Some(Self::RateAtItsTime),
            "rate_by" => Some(Self::RateBy),
            _ => None,
        }
    }
}

/// `POST /admin/exceptions/{id}/resolve`: `{"decision": "waive" | "rate_again" | "rate_at_its_time" | "rate_by", "who": …, "why": …}`;
/// to rate by given evidence, `units` and, if one passed through, `transaction` too; of a call whose units are charged already, the
/// `transaction` alone, and with it `sale_app` if several apps have a sale of that id. Who and why are kept for ever; who is left out is
/// whose name the token has. The same again changes nothing and gives the same. A call's exception goes by the id of its usage record,
/// too. `charges` are all of the call, `pending_share` what is still pending of the share of its sale, if anything is.
pub(super) async fn resolve(
    State(state): State<Arc<AdminState>>,
    caller: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let id = if id.contains(':') { id } else { format!("usage:{id}") };
    let choice = body.required(
        "decision",
        fields::one_of(Choice::named, "waive, rate_again, rate_at_its_time or rate_by"),
    );
    let (who, why) = (who(&caller, &mut body), body.required("why", fields::name));
    let units = body.optional("units", units);
    let transaction = body.optional("transaction", transaction);
    let sale_app = body.optional("sale_app", fields::text::<AppId>);
    let evidence = units.zip(transaction).zip(sale_app);
    let decision = choice.zip(evidence).and_then(|(choice, ((units, transaction), sale_app))| {
        let decision =
            decision(choice, (units, transaction)).and_then(|decision| of_sale(decision, sale_app));
        decision.map_err(|(field, detail)| body.wrong(field, detail)).ok()
    });
    let built = decision.zip(who.zip(why));
    let (decision, (who, why)) = body.finish(built)?;
    let resolved = decided((&state, &caller), &id, (decision, Reason { who, why }), None).await?;
    let mut answer = resolution(&resolved);
    // What could not be read is of no usage record, and never charged.
    let (charges, pending) = match id.strip_prefix("usage:") {
        Some(usage) => {
            (rated::charges(&state.store, usage).await?, state.store.pending_sale_of(usage).await?)
        }
        None => (Vec::new(), None),
    };
    answer["charges"] = charges.into();
    answer["pending_share"] = pending.as_ref().map(pending_share).into();
    ok(answer)
}

/// Who decides: whom the body names, else whose token it is.
pub(super) fn who(caller: &Administrator, body: &mut Fields) -> Option<String> {
    let named = body.optional("who", fields::name)?;
    let of_token = (caller.name() != OF_THE_NODE).then(|| caller.name().to_owned());
    let who = named.or(of_token);
    if who.is_none() {
        body.wrong("who", "is missing, and the token that the node was started with is nobody's".to_owned());
    }
    who
}

/// Decides about one, and records it: among those that were chosen so, if it was with others.
pub(super) async fn decided(
    (state, caller): (&AdminState, &Administrator),
    id: &str,
    (decision, reason): (Decision, Reason),
    chosen: Option<&Value>,
) -> Result<Resolved, BillingError> {
    let policies = state.policies.load();
    let time = BooksTime { zone: policies.platform.zone.clone(), now: state.clock.now() };
    let time = (time, policies.platform.record_times);
    let evidence = decision.evidence().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let mut what = json!({
        "decision": name(&decision), "evidence": evidence, "who": reason.who, "why": reason.why,
    });
    if let Some(chosen) = chosen {
        what["chosen"] = chosen.clone();
    }
    let store = caller.recording(state, (Action::ExceptionResolve, id), (None, Some(&what)));
    let resolved = decide(&store, id, decision, reason, time).await?;
    let kept = &resolved.resolution;
    let (again, outcome, evidence) = (resolved.was_resolved, kept.outcome.name(), kept.evidence.as_deref());
    tracing::info!(
        id,
        again,
        outcome,
        evidence,
        who = kept.resolver,
        why = kept.reason,
        "an exception is resolved"
    );
    Ok(resolved)
}

fn name(decision: &Decision) -> &'static str {
    match decision {
        Decision::Waive => "waive",
        Decision::RateAgain => "rate_again",
        Decision::RateAtItsTime => "rate_at_its_time",
        Decision::RateBy(_) => "rate_by",
    }
}

fn resolution(resolution: &Resolved) -> Value {
    let mut answer = resolved(&resolution.resolution);
    answer["resolved"] = json!(true);
    answer["was_resolved"] = json!(resolution.was_resolved);
    answer["changes_share"] = json!(resolution.changes_share);
    answer
}

/// What is pending of the share of the sale that a call made, or said something of.
fn pending_share(sale: &PendingSale) -> Value {
    json!({
        "sale": sale.id,
        "amount": sale.pending.to_string(),
        "currency": sale.pending.currency.code(),
    })
}

/// What was decided about an exception, by whom, why and when.
pub(super) fn resolved(kept: &Resolution) -> Value {
    let evidence = kept.evidence.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "id": kept.exception,
        "outcome": kept.outcome.name(),
        "at": kept.at.to_string(),
        "who": kept.resolver,
        "why": kept.reason,
        "evidence": evidence,
    })
}

fn decision(
    choice: Choice,
    evidence: (Option<u64>, Option<Transaction>),
) -> Result<Decision, (&'static str, String)> {
    let only = |field| Err((field, "is evidence for rate_by, and for nothing else".to_owned()));
    match (choice, evidence) {
        (Choice::Waive | Choice::RateAgain | Choice::RateAtItsTime, (Some(_), _)) => only("units"),
        (Choice::Waive | Choice::RateAgain | Choice::RateAtItsTime, (None, Some(_))) => only("transaction"),
        (Choice::Waive, (None, None)) => Ok(Decision::Waive),
        (Choice::RateAgain, (None, None)) => Ok(Decision::RateAgain),
        (Choice::RateAtItsTime, (None, None)) => Ok(Decision::RateAtItsTime),
        (Choice::RateBy, (None, None)) => Err(("units", "is missing: how many are rated".to_owned())),
        (Choice::RateBy, (Some(0), None)) => {
            Err(("units", "may be 0 only with a transaction; to charge nothing, waive it".to_owned()))
        }
        (Choice::RateBy, (Some(units), transaction)) => {
            Ok(Decision::RateBy(Given::Call { units, transaction }))
        }
        (Choice::RateBy, (None, Some(transaction))) => Ok(Decision::RateBy(Given::Transaction(transaction))),
    }
}

/// A decision by a transaction alone may say whose sale that is of.
fn of_sale(decision: Decision, app: Option<AppId>) -> Result<Decision, (&'static str, String)> {
    match (decision, app) {
        (decision, None) => Ok(decision),
        (Decision::RateBy(Given::Transaction(transaction)), Some(app))
            if transaction.kind != TransactionKind::Sale =>
        {
            Ok(Decision::RateBy(Given::OfSale(transaction, app)))
        }
        (Decision::Waive | Decision::RateAgain | Decision::RateAtItsTime | Decision::RateBy(_), Some(_)) => {
            let detail =
                "says whose sale a transaction is of that is given alone, and that is no sale itself";
            Err(("sale_app", detail.to_owned()))
        }
    }
}

fn units(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| "must be a whole number, 0 or more".to_owned())
}

impl From<BillingError> for Problem {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Store(error) => error.into(),
            BillingError::NotOpen(_) => Self::NotFound("exception"),
            BillingError::ResolvedOtherwise(_) => Self::Conflict(format!("It stays as it is: {error}.")),
            BillingError::NotRatable(_) | BillingError::Unrated(_) | BillingError::PlanUnknown(_) => {
                Self::Conflict(format!("The exception stays open: {error}."))
            }
            BillingError::Money(_)
            | BillingError::Posting(_)
            | BillingError::AnotherJournal { .. }
            | BillingError::Gap { .. } => {
                tracing::error!(%error, "an exception cannot be resolved");
                Self::Internal
            }
        }
    }
}
