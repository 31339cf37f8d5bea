//! The double-entry books: seen and checked. What is posted by hand is in `manual_posting.rs`.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::IntoResponse;
use http::header::{ACCEPT, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::manual_posting::exists;
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::ledger::export::{balances_to_csv, history_to_csv, major};
use crate::billing::ledger::history::{HistoryCursor, history as history_of};
use crate::billing::ledger::{check, history};
use crate::domain::account::{Account, Party};
use crate::domain::money::Currency;
use crate::domain::time::Timestamp;
use crate::store::account_history::HistoryEntry;
use crate::store::ledger::Balance;
use crate::store::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// `GET /admin/ledger/check`: whether the books balance, and agree with the statements and the usage.
pub(super) async fn checked(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let checked = check::check(&state.store).await?;
    let sums: serde_json::Map<String, Value> = checked
        .trial_balance
        .iter()
        .map(|(currency, minor)| (currency.clone(), json!(major(*minor, currency))))
        .collect();
    ok(json!({
        "balanced": checked.findings.is_empty(),
        "accounts": checked.accounts,
        "trial_balance": sums,
        "findings": checked.findings,
    }))
}

/// `GET /admin/ledger/accounts?as_of=&party=`: what each account comes to, by all that had happened then, as far as it is known
/// now. As JSON or, as `Accept` says, CSV, page by page.
pub(super) async fn accounts(
    State(state): State<Arc<AdminState>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let as_of = parameters.optional::<Timestamp>("as_of");
    let party = parameters.optional::<Party>("party");
    let paging = parameters.page();
    parameters.finish()?;
    if let Some(party) = &party
        && !exists(&state, party).await?
    {
        return Err(Problem::NoSuchName(format!("There is no {party}, and so there are no accounts of it.")));
    }
    let mut transaction = state.store.begin_reading().await?;
    let page = transaction.account_balances(party.as_ref(), as_of, &paging.page).await?;
    transaction.roll_back().await?;
    match wants_csv(&headers) {
        true => csv(balances_to_csv(&page.balances), (&uri, page.next.as_deref())),
        false => ok(json!({
            "items": page.balances.iter().map(shown).collect::<Vec<_>>(),
            "next": page.next,
        })),
    }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accepted| accepted == "text/csv")
}

/// A page as CSV. Where it goes on, its `Link` says (RFC 8288).
fn csv(written: Result<String, csv::Error>, (uri, next): (&Uri, Option<&str>)) -> Answer {
    let written = written.map_err(|error| {
        tracing::error!(%error, "the ledger cannot be written as CSV");
        Problem::Internal
    })?;
    let mut answer = ([(CONTENT_TYPE, "text/csv; charset=utf-8")], written).into_response();
    let link = next.map(|next| format!("<{}>; rel=\"next\"", following(uri, next)));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        answer.headers_mut().insert(LINK, link);
    }
    Ok(answer)
}

/// The same request after `next`.
fn following(uri: &Uri, next: &str) -> String {
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(name, _)| name != "after")).append_pair("after", next);
    format!("{}?{}", uri.path(), query.finish())
}

/// `GET /admin/ledger/trial-balance?as_of=`: by currency, what accounts are debited and credited with.
pub(super) async fn trial_balance(
    State(state): State<Arc<AdminState>>,
    mut parameters: Parameters,
) -> Answer {
    let as_of = parameters.optional::<Timestamp>("as_of");
    parameters.finish()?;
    let mut transaction = state.store.begin_reading().await?;
    let sums = transaction.trial_balance(as_of).await?;
    transaction.roll_back().await?;
    ok(whole(&sums, |(currency, sides)| {
        json!({
            "currency": currency,
            "debits": major(sides.debits, currency),
            "credits": major(sides.credits, currency),
            "difference": major(sides.difference(), currency),
            "accounts": sides.accounts,
        })
    }))
}

/// `GET /admin/ledger/accounts/{account}/history?currency=&after=&limit=`: each posting, in order, with what the account came to
/// then, as JSON or, as `Accept` says, CSV. The currency is needed only if there are postings in more than one.
pub(super) async fn history(
    State(state): State<Arc<AdminState>>,
    Id(account): Id,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let wanted = parameters.optional::<Currency>("currency");
    let (after, size) = page(&mut parameters);
    let account = account.parse::<Account>().map_err(|unknown| Problem::NoSuchName(format!("{unknown}.")))?;
    let mut transaction = state.store.begin_reading().await?;
    let currencies = transaction.currencies_of(&account).await?;
    transaction.roll_back().await?;
    if wanted.is_none() && currencies.len() > 1 {
        let detail = format!("must be given: there are postings in {}", currencies.join(", "));
        parameters.wrong("currency", detail);
    }
    parameters.finish()?;
    let mut known = currencies.iter().filter_map(|code| code.parse::<Currency>().ok());
    let currency = known.find(|known| wanted.is_none_or(|wanted| wanted == *known));
    let Some(currency) = currency else {
        let which = wanted.map(|currency| format!(" in {currency}")).unwrap_or_default();
        return Err(Problem::NoSuchName(format!("Nothing was posted to {account}{which}.")));
    };
    let page = history_of(&state.store, (&account, currency), after, size, &state.histories).await?;
    match wants_csv(&headers) {
        true => {
            let next = page.next.map(|next| next.to_string());
            csv(history_to_csv((&account, currency), &page), (&uri, next.as_deref()))
        }
        false => ok(told(&account, currency, &page)),
    }
}

fn told(account: &Account, currency: Currency, page: &history::History) -> Value {
    let code = currency.code();
    json!({
        "account": account.to_string(),
        "currency": code,
        "opening_balance": major(page.opening, code),
        "items": page.entries.iter().map(|(entry, after)| entry_in(code, entry, *after)).collect::<Vec<_>>(),
        "closing_balance": major(page.closing, code),
        "next": page.next.map(|next| next.to_string()),
    })
}

fn entry_in(currency: &str, entry: &HistoryEntry, after: i128) -> Value {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "number": entry.number,
        "at": entry.at.to_string(),
        "cause": entry.cause,
        "app": some(&entry.app),
        "period": some(&entry.period),
        "reason": entry.reason,
        "amount": major(entry.minor.into(), currency),
        "balance": major(after, currency),
    })
}

/// After which entry, and how many entries.
fn page(parameters: &mut Parameters) -> (HistoryCursor, usize) {
    let after = parameters.optional::<HistoryCursor>("after").unwrap_or_default();
    let size = parameters.optional::<u32>("limit").unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&size) {
        parameters.wrong("limit", format!("must be 1 to {MAX_PAGE_SIZE}"));
    }
    (after, size as usize)
}

fn shown(balance: &Balance) -> Value {
    json!({
        "account": balance.account,
        "currency": balance.currency,
        "balance": major(balance.minor, &balance.currency),
    })
}
