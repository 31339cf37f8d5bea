//! What changes a balance: money that comes in, goes out, or had been another sum; its limit, and its end. Each has a cause, under which
//! the same again changes nothing, and something else is refused.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::balance::{find, forget, money, of_books, subject, text, with_sums};
use super::fields::{self, Fields};
use super::parameters::Id;
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::balance::change::{ChangeError, change as change_it};
use crate::billing::balance::deposits::{
    Correction, DepositError, Deposited, PayOut, correct as correct_it, deposit as pay_in,
    withdraw as pay_out,
};
use crate::domain::action::Action;
use crate::domain::balance::{Balance, Owner};
use crate::domain::id::PartnerId;
use crate::domain::money::Amount;
use crate::store::Transaction;
use crate::store::balance::Change;
use crate::store::balance_deposit::Deposit;

/// `POST /admin/balances/{id}/deposits`.
pub(super) async fn deposit(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let balance = find(&state, &id).await?;
    let amount = body.required("amount", |value| above_zero(value, &balance));
    let cause = body.required("cause", fields::name);
    let (minor, cause) = body.finish(amount.zip(cause))?;
    let partner = partner_of(&state, &balance).await?;
    let deposit = Deposit { balance: balance.id.clone(), cause, minor, at: state.clock.now() };
    let mut transaction = state.store.begin().await?;
    let (_, deposited) = pay_in(&mut transaction, &deposit, &partner).await.map_err(not_paid)?;
    let told = moved(&balance, minor, &deposit.cause);
    let what = (Action::BalanceDeposit, &balance, (None, told));
    conclude((&state, &who), transaction, what, deposited).await
}

/// `POST /admin/balances/{id}/withdrawals`: pays out again what nothing was spent of.
pub(super) async fn withdraw(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let balance = find(&state, &id).await?;
    let amount = body.required("amount", |value| above_zero(value, &balance));
    let cause = body.required("cause", fields::name);
    let (minor, cause) = body.finish(amount.zip(cause))?;
    let partner = partner_of(&state, &balance).await?;
    let zone = state.policies.load().platform.zone.clone();
    let told = moved(&balance, minor, &cause);
    let out = PayOut { balance: balance.id.clone(), cause, minor, at: state.clock.now() };
    let mut transaction = state.store.begin().await?;
    let (_, done) = pay_out(&mut transaction, out, (&partner, &zone)).await.map_err(not_paid)?;
    let what = (Action::BalanceWithdraw, &balance, (None, told));
    conclude((&state, &who), transaction, what, done).await
}

/// `POST /admin/balances/{id}/corrections`: what had come in under the cause of a deposit.
pub(super) async fn correct(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let balance = find(&state, &id).await?;
    let deposit = body.required("deposit", fields::name);
    let amount = body.required("amount", |value| money(&text(value)?, balance.currency));
    let cause = body.required("cause", fields::name);
    let built = (|| Some((deposit?, amount?, cause?)))();
    let (deposit, minor, cause) = body.finish(built)?;
    let partner = partner_of(&state, &balance).await?;
    let mut told = moved(&balance, minor, &cause);
    told["deposit"] = json!(deposit);
    let correction = Correction { balance: balance.id.clone(), deposit, cause, minor, at: state.clock.now() };
    let mut transaction = state.store.begin().await?;
    let (_, done) = correct_it(&mut transaction, correction, &partner).await.map_err(not_paid)?;
    let what = (Action::BalanceCorrect, &balance, (None, told));
    conclude((&state, &who), transaction, what, done).await
}

/// `POST /admin/balances/{id}/limit`.
pub(super) async fn limit(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let balance = find(&state, &id).await?;
    let limit = body.required("limit", |value| money(&text(value)?, balance.currency));
    let cause = body.required("cause", fields::name);
    let (limit, cause) = body.finish(limit.zip(cause))?;
    change(&state, &who, (&balance, Change::Limit(limit)), &cause).await
}

/// `POST /admin/balances/{id}/end`: from now on fees are owed, or paid from another balance.
pub(super) async fn end(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let balance = find(&state, &id).await?;
    let cause = body.required("cause", fields::name);
    let cause = body.finish(cause)?;
    change(&state, &who, (&balance, Change::End), &cause).await
}

async fn change(
    state: &AdminState,
    who: &Administrator,
    (balance, change): (&Balance, Change),
    cause: &str,
) -> Answer {
    let at = state.clock.now();
    let mut transaction = state.store.begin().await?;
    let (before, done) =
        change_it(&mut transaction, &balance.id, change, (cause, at)).await.map_err(not_changed)?;
    let shown = |minor: i64| json!(Amount { minor, currency: balance.currency }.to_string());
    let (action, told) = match change {
        Change::Limit(limit) => {
            let before = json!({ "limit": before.kind.limit().map(shown) });
            (Action::BalanceLimit, (Some(before), json!({ "limit": shown(limit), "cause": cause })))
        }
        Change::End => (Action::BalanceEnd, (None, json!({ "ended_at": at.to_string(), "cause": cause }))),
    };
    let answer = conclude((state, who), transaction, (action, balance, told), done).await?;
    forget(state, balance).await?;
    Ok(answer)
}

/// Records and commits what is new; tells the balance's sums, and whether it was done before.
async fn conclude(
    (state, who): (&AdminState, &Administrator),
    mut transaction: Transaction,
    (action, balance, (before, after)): (Action, &Balance, (Option<Value>, Value)),
    done: Deposited,
) -> Answer {
    match done {
        Deposited::Now => {
            let what = (action, subject(balance));
            who.record((state, &mut transaction), what, (before.as_ref(), Some(&after))).await?;
            transaction.commit().await?;
            tracing::info!(balance = %balance.id, action = action.name(), "a balance was changed");
        }
        Deposited::Before => transaction.roll_back().await?,
    }
    let mut told = with_sums(state, &find(state, balance.id.as_str()).await?).await?;
    told["already_taken"] = json!(done == Deposited::Before);
    ok(told)
}

fn above_zero(value: &Value, balance: &Balance) -> Result<i64, String> {
    match money(&text(value)?, balance.currency)? {
        0 => Err("must be above zero".to_owned()),
        minor => Ok(minor),
    }
}

fn moved(balance: &Balance, minor: i64, cause: &str) -> Value {
    let currency = balance.currency;
    json!({ "amount": Amount { minor, currency }.to_string(), "currency": currency.code(), "cause": cause })
}

/// The partner whose the money is that is paid in.
async fn partner_of(state: &AdminState, balance: &Balance) -> Result<PartnerId, Problem> {
    match &balance.owner {
        Owner::Partner(partner) => Ok(partner.clone()),
        Owner::App(app) | Owner::Merchant { app, .. } => {
            Ok(state.store.app(app).await?.ok_or(Problem::NotFound("app"))?.partner)
        }
    }
}

fn not_paid(error: DepositError) -> Problem {
    match error {
        DepositError::Missing => Problem::NotFound("balance"),
        DepositError::Budget
        | DepositError::Differs { .. }
        | DepositError::NoDeposit(_)
        | DepositError::NoCorrection(_)
        | DepositError::TooMuch(_) => Problem::Conflict(format!("No money was moved: {error}.")),
        DepositError::Books(error) => of_books(error),
    }
}

fn not_changed(error: ChangeError) -> Problem {
    match error {
        ChangeError::Missing => Problem::NotFound("balance"),
        ChangeError::NoLimit | ChangeError::Ended(_) | ChangeError::Differs(_) => {
            Problem::Conflict(format!("The balance was not changed: {error}."))
        }
        ChangeError::Store(error) => error.into(),
    }
}
