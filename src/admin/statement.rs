//! Statements of open and closed periods, down to each charge.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::page::whole;
use super::parameters::{Ids, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::statement::export::{
    charge_to_json, period_charge_to_json, to_csv, to_html, to_json_with_status,
};
use crate::billing::statement::{self, StatementError};
use crate::domain::id::AppId;
use crate::domain::money::Currency;
use crate::domain::period_charge::PeriodCharge;
use crate::domain::statement::{Statement, StatementStanding};
use crate::domain::time::{Period, Zone};
use crate::store::charge::KeptCharge;
use crate::store::usage::MAX_LISTED;

/// Charges of a full page, as the store gives them.
const PAGE: usize = MAX_LISTED as usize;

/// `GET /admin/statements?period=&app=`; without a period, the drafts of the one that runs.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let period = parameters.optional::<Period>("period");
    let app = parameters.optional::<AppId>("app");
    parameters.finish()?;
    let (zone, now) = (zone(&state), state.clock.now());
    let period = period.unwrap_or_else(|| Period::of(now, &zone));
    let statements = statement::foresee(&state.store, period, (&zone, now), app.as_ref()).await?;
    ok(whole(&statements, to_json_with_status))
}

/// An app's statements of a period, drafts with what is expected now.
async fn foresee(state: &AdminState, period: Period, app: &AppId) -> Result<Vec<Statement>, StatementError> {
    statement::foresee(&state.store, period, (&zone(state), state.clock.now()), Some(app)).await
}

fn zone(state: &AdminState) -> Zone {
    state.policies.load().platform.zone.clone()
}

/// `GET /admin/statements/{period}/{app}?currency=`, a statement for each currency, or that in one, as JSON, CSV or HTML, as `Accept`
/// says. All three come from what was kept when the period was closed; see [`content`] for that itself.
pub(super) async fn get(
    State(state): State<Arc<AdminState>>,
    Ids(period, app): Ids,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let currency = parameters.optional::<Currency>("currency");
    parameters.finish()?;
    let mut statements = find(&state, &period, &app).await?;
    keep_those_in(currency, &mut statements, |statement| statement.currency.code())?;
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, text) = match accepted {
        "text/csv" => ("text/csv; charset=utf-8", to_csv(&statements).map_err(|_| Problem::Internal)?),
        "text/html" => ("text/html; charset=utf-8", to_html(&statements).map_err(|_| Problem::Internal)?),
        _ => return ok(whole(&statements, to_json_with_status)),
    };
    Ok(([(CONTENT_TYPE, media_type)], text).into_response())
}

/// `GET /admin/statements/{period}/{app}/content?currency=`: of a closed period, the very bytes that were kept and hashed; of
/// one that is open, the draft, which says so. The currency is needed only if there is a statement in more than one.
pub(super) async fn content(
    State(state): State<Arc<AdminState>>,
    Ids(period, app): Ids,
    mut parameters: Parameters,
) -> Answer {
    let currency = parameters.optional::<Currency>("currency");
    let (period, app) = named(&period, &app)?;
    let mut contents = contents(&state, period, &app).await?;
    keep_those_in(currency, &mut contents, |(currency, _)| currency.as_str())?;
    if contents.len() > 1 {
        let all: Vec<&str> = contents.iter().map(|(currency, _)| currency.as_str()).collect();
        parameters.wrong("currency", format!("must be given: there are statements in {}", all.join(", ")));
    }
    parameters.finish()?;
    let (_, content) = contents.pop().ok_or_else(missing)?;
    Ok(([(CONTENT_TYPE, "application/json")], content).into_response())
}

/// Leaves only what is in a currency, if one is wanted; if there is none in that, it says in which there are.
fn keep_those_in<T>(
    wanted: Option<Currency>,
    statements: &mut Vec<T>,
    currency: impl Fn(&T) -> &str,
) -> Result<(), Problem> {
    let Some(wanted) = wanted else { return Ok(()) };
    let all = statements.iter().map(&currency).collect::<Vec<_>>().join(", ");
    statements.retain(|statement| currency(statement) == wanted.code());
    if statements.is_empty() && !all.is_empty() {
        let told = format!("There is no statement in {wanted} of that app and period; there are: {all}.");
        return Err(Problem::NoSuchName(told));
    }
    Ok(())
}

/// Each with its currency.
async fn contents(state: &AdminState, period: Period, app: &AppId) -> Result<Vec<(String, String)>, Problem> {
    let kept = statement::kept(&state.store, period, app).await?;
    if !kept.is_empty() {
        return Ok(kept.into_iter().map(|kept| (kept.currency, kept.content)).collect());
    }
    let mut statements = foresee(state, period, app).await?;
    // Were the period closed meanwhile, these are not the bytes that were kept.
    statements.retain(|statement| statement.standing == StatementStanding::Draft);
    let draft = |draft: &Statement| (draft.currency.to_string(), to_json_with_status(draft).to_string());
    Ok(statements.iter().map(draft).collect())
}

pub(super) fn named(period: &str, app: &str) -> Result<(Period, AppId), Problem> {
    match (period.parse::<Period>(), AppId::new(app)) {
        (Ok(period), Ok(app)) => Ok((period, app)),
        (Err(_), _) | (_, Err(_)) => Err(missing()),
    }
}

const ELSEWHERE: &str = "statement: what that app used in that period is billed on a later one, since the period was \
                         closed before it was charged; each usage record names the period that it is billed in";

fn missing() -> Problem {
    Problem::NotFound("statement: nothing was used by that app in that period")
}

async fn find(state: &AdminState, period: &str, app: &str) -> Result<Vec<Statement>, Problem> {
    let (period, app) = named(period, app)?;
    let statements = foresee(state, period, &app).await?;
    if !statements.is_empty() {
        return Ok(statements);
    }
    let is_elsewhere = state.store.is_billed_elsewhere(period, &app).await?;
    Err(if is_elsewhere { Problem::NotFound(ELSEWHERE) } else { missing() })
}

/// `GET /admin/statements/{period}/{app}/charges?line=`: each charge, of one line if it is named, with its usage record, plan
/// version and rule; behind all others those by the month, with their subscriptions.
pub(super) async fn charges(
    State(state): State<Arc<AdminState>>,
    Ids(period, app): Ids,
    mut parameters: Parameters,
) -> Answer {
    let after = parameters.optional::<String>("after").unwrap_or_default();
    let line = parameters.optional::<String>("line");
    parameters.finish()?;
    let (period, app) = named(&period, &app)?;
    let mut by_the_month = by_the_month(&state, period, &app).await?;
    by_the_month.retain(|charge| line.as_ref().is_none_or(|line| charge.line.id().to_string() == *line));
    let charges = match line {
        None => state.store.charges(period, &app, &after).await?,
        Some(line) => match statement::charges_of(&state.store, (period, &app), &line, &after).await? {
            Some(charges) => charges,
            None if is_expected(&state, (period, &app), &line).await? => Vec::new(),
            None => return Err(Problem::NotFound("statement line")),
        },
    };
    ok(page_of(&state, charges, &by_the_month).await?)
}

/// A page of charges of calls, as the store gives it; behind the last of them those by the month.
pub(super) async fn page_of(
    state: &AdminState,
    mut charges: Vec<KeptCharge>,
    by_the_month: &[PeriodCharge],
) -> Result<Value, Problem> {
    let is_full = charges.len() >= PAGE;
    if is_full {
        // The page may end between a record's fee and its share: then both come with the next.
        let last = charges.last().map(|kept| kept.charge.usage);
        charges.retain(|kept| Some(kept.charge.usage) != last);
    }
    let next = charges.last().filter(|_| is_full).map(|kept| kept.charge.usage.to_string());
    let mut answer = whole(&charges, charge_to_json);
    name_calls(state, &mut answer).await?;
    if let (false, Some(items)) = (is_full, answer["items"].as_array_mut()) {
        items.extend(by_the_month.iter().map(period_charge_to_json));
    }
    answer["next"] = json!(next);
    Ok(answer)
}

/// What an app is charged by the month on statements of a period.
pub(super) async fn by_the_month(
    state: &AdminState,
    period: Period,
    app: &AppId,
) -> Result<Vec<PeriodCharge>, Problem> {
    let mut transaction = state.store.begin_reading().await?;
    let charges = transaction.period_charges(period, Some(app)).await?;
    transaction.roll_back().await?;
    Ok(charges)
}

/// Whether it is a line that is charged when the period is closed.
async fn is_expected(
    state: &AdminState,
    (period, app): (Period, &AppId),
    line: &str,
) -> Result<bool, Problem> {
    let drafts = foresee(state, period, app).await?;
    let mut lines = drafts.iter().flat_map(|draft| &draft.lines);
    Ok(lines.any(|one| one.key.id().to_string() == line))
}

/// Gives each charge the time, route and method of its call.
async fn name_calls(state: &AdminState, charges: &mut Value) -> Result<(), Problem> {
    let Some(charges) = charges["items"].as_array_mut() else { return Ok(()) };
    let ids: BTreeSet<String> =
        charges.iter().filter_map(|charge| charge["usage"].as_str().map(str::to_owned)).collect();
    let calls = state.store.usage_records(&ids.into_iter().collect::<Vec<_>>()).await?;
    for charge in charges {
        let call = charge["usage"].as_str().and_then(|id| calls.get(id));
        charge["at"] = json!(call.map(|call| call.at.to_string()));
        charge["route"] = json!(call.and_then(|call| call.route.as_deref()));
        charge["method"] = json!(call.map(|call| call.method.as_str()));
    }
    Ok(())
}
