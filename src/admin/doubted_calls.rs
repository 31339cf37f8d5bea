//! Calls whose time is not believed, of which there may be very many at once: what an operator decides about all that he chooses.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::exceptions::{decided, who};
use super::fields::{self, Fields};
use super::state::AdminState;
use crate::billing::books::exceptions::{Decision, Reason};
use crate::billing::error::BillingError;
use crate::domain::id::{AppId, NodeId};
use crate::domain::time::Timestamp;
use crate::store::Page;
use crate::store::open_exceptions::Chosen;

/// About so many is decided by one call, each in a transaction of its own.
const AT_ONCE: u32 = 100;

/// `POST /admin/exceptions/resolve`: `{"kind": "time", "decision": "waive" | "write_off" | "rate_again" | "rate_at_its_time", "who": …, "why": …}`,
/// and which of them: of an `app`, of a `node`, of calls `from` and `until` a time that they tell. Each is resolved, and recorded, by
/// itself; about how many of them it was done, which stay open and why, and after which `next` there may be more, is answered. The same
/// again goes on with what is left.
pub(super) async fn resolve(
    State(state): State<Arc<AdminState>>,
    caller: Administrator,
    mut body: Fields,
) -> Answer {
    let kind = body.required("kind", fields::one_of(|name| (name == "time").then_some(()), "time"));
    let decision =
        body.required("decision", fields::one_of(named, "waive, write_off, rate_again or rate_at_its_time"));
    let (who, why) = (who(&caller, &mut body), body.required("why", fields::name));
    let app = body.optional("app", fields::text::<AppId>);
    let node = body.optional("node", fields::text::<NodeId>);
    let from = body.optional("from", fields::text::<Timestamp>);
    let until = body.optional("until", fields::text::<Timestamp>);
    let after = body.optional("after", fields::name);
    let built = (|| {
        let chosen = Chosen { app: app?, node: node?, from: from?, until: until? };
        kind.and(Some((decision?, Reason { who: who?, why: why? }, chosen, after?)))
    })();
    let (decision, reason, chosen, after) = body.finish(built)?;
    let page = Page::after(&after.unwrap_or_default()).with_size(AT_ONCE);
    let doubted = state.store.doubted_calls(&chosen, &page).await?;
    let chosen = shown(&chosen);
    let (mut resolved, mut refused) = (0_u32, Vec::new());
    for exception in &doubted {
        let what = (decision.clone(), reason.clone());
        match decided((&state, &caller), &exception.id, what, Some(&chosen)).await {
            Ok(_) => resolved = resolved.saturating_add(1),
            Err(
                error @ (BillingError::NotOpen(_)
                | BillingError::ResolvedOtherwise(_)
                | BillingError::NotRatable(_)
                | BillingError::NotWrittenOff(_)
                | BillingError::Unrated(_)
                | BillingError::PlanUnknown(_)),
            ) => refused.push(json!({ "id": exception.id, "why": error.to_string() })),
            Err(
                error @ (BillingError::Store(_)
                | BillingError::Money(_)
                | BillingError::Posting(_)
                | BillingError::AnotherJournal { .. }
                | BillingError::Gap { .. }),
            ) => return Err(error.into()),
        }
    }
    let last = doubted.last().filter(|_| doubted.len() >= AT_ONCE as usize);
    ok(json!({ "resolved": resolved, "refused": refused, "next": last.map(|exception| &exception.id) }))
}

fn named(name: &str) -> Option<Decision> {
    match name {
        "waive" => Some(Decision::Waive),
        "write_off" => Some(Decision::WriteOff(None)),
        "rate_again" => Some(Decision::RateAgain),
        "rate_at_its_time" => Some(Decision::RateAtItsTime),
        _ => None,
    }
}

fn shown(Chosen { app, node, from, until }: &Chosen) -> Value {
    json!({
        "kind": "time",
        "app": app.as_ref().map(AppId::as_str),
        "node": node.as_ref().map(NodeId::as_str),
        "from": from.map(|from| from.to_string()),
        "until": until.map(|until| until.to_string()),
    })
}
