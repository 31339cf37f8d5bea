//! How a usage record was rated: its charges, each with the rounding that its plan version states, and what the ledger posts of them.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::problem::Problem;
use super::state::AdminState;
use crate::billing::ledger::export::major;
use crate::billing::statement::export::charge_to_json;
use crate::domain::plan::PlanRef;
use crate::store::Store;
use crate::store::charge::KeptCharge;
use crate::store::usage_posting::UsagePosting;

/// The charges of a usage record. The rounding is that of the plan version as it came into force.
pub(super) async fn charges(store: &Store, usage: &str) -> Result<Vec<Value>, Problem> {
    let charges = store.charges_of_usage(usage).await?;
    let plans: HashSet<&PlanRef> = charges.iter().map(|kept| &kept.charge.line.plan).collect();
    let mut roundings = HashMap::new();
    for plan in plans {
        let version = store.plan_version(plan).await?;
        roundings.insert(plan, version.map(|version| version.tariff.rounding.name()));
    }
    let shown = |kept: &KeptCharge| {
        let mut shown = charge_to_json(kept);
        shown["item"] = json!(kept.charge.line.item_name());
        shown["rounding"] = json!(roundings.get(&kept.charge.line.plan).copied().flatten());
        shown
    };
    Ok(charges.iter().map(shown).collect())
}

/// The ledger transactions that a usage record is in. A fee's is mostly of many calls of its line.
pub(super) async fn postings(store: &Store, usage: &str) -> Result<Vec<Value>, Problem> {
    Ok(store.postings_of_usage(usage).await?.iter().map(posting).collect())
}

/// What is pending of the share of the sale that a call made, or said something of; null if nothing is.
pub(super) async fn pending_share(state: &AdminState, usage: &str) -> Result<Value, Problem> {
    let (sale, now) = (state.store.pending_sale_of(usage).await?, state.clock.now());
    let shown = sale.map(|sale| {
        json!({
            "sale": sale.id,
            "amount": sale.pending.to_string(),
            "currency": sale.pending.currency.code(),
            "of": sale.share.to_string(),
            "due": sale.settles_within.map(|span| sale.at.plus(span).to_string()),
            "unsettled": sale.is_unsettled(now),
        })
    });
    Ok(shown.into())
}

fn posting(UsagePosting { cause, at, period, currency, accounts }: &UsagePosting) -> Value {
    let account = |(account, minor): &(String, i64)| json!({ "account": account, "amount": major((*minor).into(), currency) });
    json!({
        "cause": cause,
        "at": at.to_string(),
        "period": (!period.is_empty()).then_some(period),
        "currency": currency,
        "accounts": accounts.iter().map(account).collect::<Vec<_>>(),
    })
}
