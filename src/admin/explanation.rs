//! Why a line of a statement is what it is: its prices and their place, how it is reckoned, its charges, what the ledger has of it,
//! and why a call got its cent.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::parameters::{Id, Ids, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use super::statement::{by_the_month, named, page_of};
use crate::billing::explain::{CallPlace, ExplainError, Explanation, Reckoning, Which, explain, key_of};
use crate::billing::statement::export::{charge_to_json, line_to_json};
use crate::domain::charge::LineKey;
use crate::domain::location::Location;
use crate::domain::money::Amount;
use crate::domain::statement::StatementStanding;
use crate::domain::working::LineName;
use crate::store::line_sum::LinePosting;

/// Most ledger transactions that are told one by one.
const MOST_POSTINGS: usize = 100;

const NO_LINE: Problem = Problem::NotFound("statement line");

/// What is asked of a line.
struct Asked {
    /// Behind which usage record the page of its charges begins.
    after: String,
    /// The usage record whose charge is to be explained.
    usage: Option<String>,
}

impl Asked {
    fn of(parameters: &mut Parameters) -> Self {
        let after = parameters.optional::<String>("after").unwrap_or_default();
        Self { after, usage: parameters.optional::<String>("usage") }
    }
}

/// `GET /admin/statement-lines/{name}?usage=&after=`: a line of a final statement, such as `41.3`. A later page has its charges alone.
pub(super) async fn of_line(
    State(state): State<Arc<AdminState>>,
    Id(name): Id,
    mut parameters: Parameters,
) -> Answer {
    let asked = Asked::of(&mut parameters);
    parameters.finish()?;
    let name: LineName = name.parse().map_err(|_| NO_LINE)?;
    explained(&state, Which::Named(name), asked).await
}

/// `GET /admin/statements/{period}/{app}/explanation?line=&usage=&after=`: the line of that id, of a draft too.
pub(super) async fn of_line_id(
    State(state): State<Arc<AdminState>>,
    Ids(period, app): Ids,
    mut parameters: Parameters,
) -> Answer {
    let line = parameters.required::<String>("line");
    let asked = Asked::of(&mut parameters);
    parameters.finish()?;
    let (period, app) = named(&period, &app)?;
    explained(&state, Which::Of(period, &app, &line.unwrap_or_default()), asked).await
}

async fn explained(state: &AdminState, which: Which<'_>, Asked { after, usage }: Asked) -> Answer {
    if !after.is_empty() {
        let key = key_of(&state.store, which).await?;
        return ok(json!({ "charges": charges(state, &key, &after).await? }));
    }
    let explanation = explain(&state.store, which, usage.as_deref()).await?;
    let mut answer = shown(&explanation)?;
    answer["charges"] = charges(state, &explanation.line.key, "").await?;
    answer["rule"] = rule(state, &explanation.line.rule, &answer["charges"]).await?;
    if let Some(usage) = usage {
        answer["call"] = call(state, &explanation, &usage).await?;
    }
    ok(answer)
}

fn shown(explanation: &Explanation) -> Result<Value, Problem> {
    let Explanation { statement, name, line, version, sum, .. } = explanation;
    let (number, status) = match &statement.standing {
        StatementStanding::Draft => (None, "draft"),
        StatementStanding::Final { number, .. } => (Some(*number), "final"),
    };
    let amount = |minor| Amount { minor, currency: line.key.currency }.to_string();
    let posting = |posting: &LinePosting| {
        json!({
            "cause": posting.cause,
            "charges": posting.charges,
            "amount": amount(posting.minor),
            "posted": amount(posting.posted),
        })
    };
    let posted = explanation.posted().map_err(|_| Problem::Internal)?;
    Ok(json!({
        "name": name.map(|name| name.to_string()),
        "statement": {
            "number": number,
            "status": status,
            "period": statement.period.to_string(),
            "app": statement.app.as_str(),
            "partner": statement.partner.as_str(),
        },
        "line": line_to_json(line),
        "plan": {
            "version": line.key.plan.to_string(),
            "effective_from": version.as_ref().and_then(|one| one.effective_from).map(|from| from.to_string()),
            "rounding": version.as_ref().map(|version| version.tariff.rounding.name()),
        },
        "postings": {
            "count": sum.postings.len(),
            "items": sum.postings.iter().take(MOST_POSTINGS).map(posting).collect::<Vec<_>>(),
        },
        "sums": {
            "count": sum.charges,
            "charges": amount(sum.minor),
            "postings": amount(posted),
            "line": line.amount.to_string(),
            "agree": explanation.agrees(),
        },
    }))
}

/// The rule of a line, as it stood in the policies by which its first call was served.
async fn rule(state: &AdminState, place: &Location, charges: &Value) -> Result<Value, Problem> {
    let told = place.to_string();
    let of_rule = charges["items"].as_array().into_iter().flatten().find(|charge| charge["rule"] == told);
    let record = match of_rule.and_then(|charge| charge["usage"].as_str()) {
        Some(usage) => state.store.usage_record(usage).await?,
        None => None,
    };
    let source = match &record {
        Some(record) => state.store.policy_line(&record.snapshot, place).await?,
        None => None,
    };
    let source = source.as_deref().map(str::trim);
    Ok(json!({ "place": told, "policies": record.map(|record| record.snapshot), "source": source }))
}

/// A page of the charges of a line.
async fn charges(state: &AdminState, line: &LineKey, after: &str) -> Result<Value, Problem> {
    let mut by_the_month = match line.kind.is_recurring() {
        true => by_the_month(state, line.period, &line.app).await?,
        false => Vec::new(),
    };
    by_the_month.retain(|charge| charge.line == *line);
    let charges = match line.kind.is_recurring() {
        true => Vec::new(),
        false => state.store.charges_of_line_alone(line, after).await?,
    };
    page_of(state, charges, &by_the_month).await
}

/// What a call adds to the line, and why; `place` is none where it cannot be told where it stands among others.
async fn call(state: &AdminState, explanation: &Explanation, usage: &str) -> Result<Value, Problem> {
    let mut charges = state.store.charges_of_usage(usage).await?;
    charges.retain(|kept| kept.charge.line == explanation.line.key);
    if charges.is_empty() {
        return Err(Problem::NotFound("charge: that usage record adds nothing to that line"));
    }
    Ok(json!({
        "usage": usage,
        "charges": charges.iter().map(charge_to_json).collect::<Vec<_>>(),
        "place": explanation.call.as_ref().map(place),
    }))
}

fn place(CallPlace { before, with }: &CallPlace) -> Value {
    json!({ "before": reckoning(before), "with": reckoning(with) })
}

fn reckoning(Reckoning { units, exact, rounded }: &Reckoning) -> Value {
    json!({
        "units": units.promoted.iter().fold(units.charged(), |sum, promoted| sum.saturating_add(*promoted)),
        "free_units": units.free,
        "exact": exact.in_major(rounded.currency),
        "rounded": rounded.to_string(),
    })
}

impl From<ExplainError> for Problem {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::NoLine => NO_LINE,
            ExplainError::Statement(error) => error.into(),
        }
    }
}
