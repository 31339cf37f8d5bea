//! What could not be rated or read, or waits for too long: what an operator decides about each.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::{self, Fields};
use super::given_transaction::transaction;
use super::parameters::Id;
use super::problem::Problem;
use super::rated;
use super::state::AdminState;
use super::token::OF_THE_NODE;
use crate::billing::books::BooksTime;
use crate::billing::books::exceptions::{Decision, Given, Reason, Resolved, resolve as decide};
use crate::billing::books::write_off::written_off_as;
use crate::billing::error::BillingError;
use crate::domain::action::Action;
use crate::domain::id::AppId;
use crate::domain::money::{Amount, Currency};
use crate::domain::transaction::{Transaction, TransactionKind};
use crate::store::exception_resolution::Resolution;

/// What a body says that is to be done.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Waive,
    WriteOff,
    RateAgain,
    RateAtItsTime,
    RateBy,
}

impl Choice {
    fn named(name: &str) -> Option<Self> {
        match name {
            "waive" => Some(Self::Waive),
            "write_off" => Some(Self::WriteOff),
            "rate_again" => Some(Self::RateAgain),
            "rate_at_its_time" => Some(Self::RateAtItsTime),
            "rate_by" => Some(Self::RateBy),
            _ => None,
        }
    }
}

/// `POST /admin/exceptions/{id}/resolve`: `{"decision": "waive" | "write_off" | "rate_again" | "rate_at_its_time" | "rate_by", "who": …,
/// "why": …}`; to write off what is no mismatch of a sale, perhaps an `estimate` of what it was worth and its `currency`; to rate by
/// given evidence, `units` and, if one passed through, `transaction` too; of a call whose units are charged already, the `transaction`
/// alone, and with it `sale_app` if several apps have a sale of that id. Who and why are kept for ever; who is left out is whose name the
/// token has. The same again changes nothing and gives the same. A call's exception goes by the id of its usage record,
/// too. `charges` are all of the call, `pending_share` what is still pending of the share of its sale, if anything is, and `written_off`
/// what of a sale was.
pub(super) async fn resolve(
    State(state): State<Arc<AdminState>>,
    caller: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let id = if id.contains(':') { id } else { format!("usage:{id}") };
    let choice = body.required(
        "decision",
        fields::one_of(Choice::named, "waive, write_off, rate_again, rate_at_its_time or rate_by"),
    );
    let (who, why) = (who(&caller, &mut body), body.required("why", fields::name));
    let units = body.optional("units", units);
    let transaction = body.optional("transaction", transaction);
    let sale_app = body.optional("sale_app", fields::text::<AppId>);
    let estimate = estimate(&mut body);
    let evidence = units.zip(transaction).zip(sale_app.zip(estimate));
    let decision = choice.zip(evidence).and_then(|(choice, ((units, transaction), (sale_app, estimate)))| {
        let decision =
            decision(choice, (units, transaction), estimate).and_then(|decision| of_sale(decision, sale_app));
        decision.map_err(|(field, detail)| body.wrong(field, detail)).ok()
    });
    let built = decision.zip(who.zip(why));
    let (decision, (who, why)) = body.finish(built)?;
    let resolved = decided((&state, &caller), &id, (decision, Reason { who, why }), None).await?;
    let mut answer = resolution(&resolved);
    // What could not be read is of no usage record, and never charged.
    let usage = id.strip_prefix("usage:").or_else(|| id.strip_prefix("short:"));
    (answer["charges"], answer["pending_share"], answer["written_off"]) = match usage {
        Some(usage) => (
            rated::charges(&state.store, usage).await?.into(),
            rated::pending_share(&state, usage).await?,
            written_off(&state, (&id, usage)).await?,
        ),
        None => (json!([]), Value::Null, Value::Null),
    };
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
        Decision::WriteOff(_) => "write_off",
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

/// What of which sale was written off with an exception, which is of this usage record.
async fn written_off(state: &AdminState, (id, usage): (&str, &str)) -> Result<Value, Problem> {
    let counted = state.store.counted_as(usage, &written_off_as(id)).await?;
    let shown = counted.map(|(sale, amount)| {
        let amount = amount.map(|amount| amount.to_string());
        json!({ "sale": sale.id, "app": sale.app.as_str(), "amount": amount, "currency": sale.currency.code() })
    });
    Ok(shown.into())
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
    estimate: Option<Amount>,
) -> Result<Decision, (&'static str, String)> {
    let only = |field| Err((field, "is evidence for rate_by, and for nothing else".to_owned()));
    match (choice, evidence) {
        (Choice::Waive | Choice::RateAgain | Choice::RateAtItsTime | Choice::RateBy, _)
            if estimate.is_some() =>
        {
            Err(("estimate", "is of what is written off, and of nothing else".to_owned()))
        }
        (Choice::Waive | Choice::WriteOff | Choice::RateAgain | Choice::RateAtItsTime, (Some(_), _)) => {
            only("units")
        }
        (Choice::Waive | Choice::WriteOff | Choice::RateAgain | Choice::RateAtItsTime, (None, Some(_))) => {
            only("transaction")
        }
        (Choice::Waive, (None, None)) => Ok(Decision::Waive),
        (Choice::WriteOff, (None, None)) => Ok(Decision::WriteOff(estimate)),
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
        (
            Decision::Waive
            | Decision::WriteOff(_)
            | Decision::RateAgain
            | Decision::RateAtItsTime
            | Decision::RateBy(_),
            Some(_),
        ) => {
            let detail =
                "says whose sale a transaction is of that is given alone, and that is no sale itself";
            Err(("sale_app", detail.to_owned()))
        }
    }
}

/// What somebody estimates that it was worth.
fn estimate(body: &mut Fields) -> Option<Option<Amount>> {
    let written = body.optional("estimate", fields::name);
    let currency = body.optional("currency", fields::text::<Currency>);
    let wrong = match (written?, currency?) {
        (None, None) => return Some(None),
        (Some(_), None) => ("currency", "is missing: the estimate's".to_owned()),
        (None, Some(_)) => ("currency", "is an estimate's, and there is none".to_owned()),
        (Some(written), Some(currency)) => match Amount::parse(&written, currency) {
            Ok(amount) if amount.minor >= 0 => return Some(Some(amount)),
            Ok(_) => ("estimate", "is below zero".to_owned()),
            Err(error) => ("estimate", error.to_string()),
        },
    };
    body.wrong(wrong.0, wrong.1);
    None
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
            BillingError::NotRatable(_)
            | BillingError::NotWrittenOff(_)
            | BillingError::Unrated(_)
            | BillingError::PlanUnknown(_) => Self::Conflict(format!("The exception stays open: {error}.")),
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
