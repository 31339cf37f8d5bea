//! What administrators post to the ledger by hand: payments, deposits, corrections. Each by a name, and once. What of it waits is in
//! `waiting_posting.rs`.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::{self, Fields};
use super::problem::Problem;
use super::state::AdminState;
use super::waiting_posting;
use crate::billing::ledger::manual::{ManualError, Posted, post as post_by_hand};
use crate::domain::account::{Account, Party, Purpose};
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::balance::{Balance, Owner};
use crate::domain::id::PostingName;
use crate::domain::manual_posting::{InvalidPosting, ManualPosting};
use crate::domain::money::{Amount, Currency};
use crate::store::StoreError;

/// How many balances a warning names.
const NAMED: usize = 3;

/// `POST /admin/ledger/postings`: `{"cause": …, "debit": ACCOUNT, "credit": ACCOUNT, "amount": "100.00", "currency": "CNY",
/// "reason": …}`, and `expires_in` if it is to wait until it is resolved, for so long. The same again changes nothing and gives the
/// same; another by the same cause is refused.
pub(super) async fn post(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let name = body.required("cause", fields::text::<PostingName>);
    let debit = body.required("debit", fields::text::<Account>);
    let credit = body.required("credit", fields::text::<Account>);
    let currency = body.required("currency", fields::text::<Currency>);
    let written = body.required("amount", text);
    let reason = body.required("reason", fields::name);
    let expires_in = body.optional("expires_in", waiting_posting::expires_in);
    let amount = currency.zip(written).and_then(|(currency, written)| {
        let amount = Amount::parse(&written, currency);
        amount.map_err(|error| body.wrong("amount", error.to_string())).ok()
    });
    for (field, account) in [("debit", &debit), ("credit", &credit)] {
        let Some(account) = account else { continue };
        if !exists(&state, &account.party).await? {
            body.wrong(field, format!("is an account of {}, and there is none of that id", account.party));
        }
        if let Some(keeper) = keeper(account.purpose) {
            body.wrong(field, format!("is an account to which nothing is posted by hand: {keeper}"));
        }
    }
    let built = name.zip(debit.zip(credit)).zip(amount.zip(reason)).map(|(whose, what)| {
        let ((name, (debit, credit)), (amount, reason)) = (whose, what);
        ManualPosting { name, debit, credit, amount, reason }
    });
    if let Some(posting) = &built {
        match posting.transaction(state.clock.now()) {
            Ok(_) => {}
            Err(error @ InvalidPosting::Amount) => body.wrong("amount", error.to_string()),
            Err(error @ InvalidPosting::OneAccount) => body.wrong("credit", error.to_string()),
        }
    }
    let (posting, expires_in) = body.finish(built.zip(expires_in))?;
    if let Some(expires_in) = expires_in {
        return waiting_posting::hold(&state, &who, (posting, expires_in)).await;
    }
    let (subject, what) = (subject(&posting), told(&posting));
    let store = who.recording(&state, (Action::LedgerPost, subject), (None, Some(&what)));
    let posted = post_by_hand(&store, posting, (who.name(), state.clock.now())).await?;
    let (again, cause) = (posted.was_posted, posted.kept.posting.cause());
    tracing::info!(cause, again, poster = posted.kept.poster, "a posting was made by hand");
    let mut answer = answer(&posted);
    warn(&state, &posted.kept.posting, &mut answer).await?;
    ok(answer)
}

/// Warns of a payment by hand of what a balance may pay: what is paid into that pays it once more.
pub(super) async fn warn(
    state: &AdminState,
    posting: &ManualPosting,
    answer: &mut Value,
) -> Result<(), StoreError> {
    let (Party::Partner(partner), Purpose::Receivable) = (&posting.credit.party, posting.credit.purpose)
    else {
        return Ok(());
    };
    let paying = state.store.paying_for(partner, posting.amount.currency, NAMED + 1).await?;
    if !paying.is_empty() {
        let mut named: Vec<String> = paying.iter().take(NAMED).map(pays).collect();
        if paying.len() > NAMED {
            named.push("and those of other apps from others".to_owned());
        }
        answer["warning"] = json!(format!(
            "{}. What pays these is paid in there, as a later deposit would pay them once more; by hand is posted what pays anything \
             else, such as what is charged by the month",
            named.join(", ")
        ));
    }
    Ok(())
}

/// What is paid from a balance, whose, and how it is paid into.
fn pays(balance: &Balance) -> String {
    let what = if balance.counts_shares { "fees and shares" } else { "fees" };
    let whose = match &balance.owner {
        Owner::App(app) | Owner::Merchant { app, .. } => format!("app {app}"),
        Owner::Partner(partner) => format!("all apps of {partner}"),
    };
    let id = &balance.id;
    format!("{what} of {whose} are paid from {id} (`tollgate balance deposit {id}`)")
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be a string such as \"100.00\"".to_owned())
}

/// Whether there is such a party: an account of nobody's would be a slip of the pen.
pub(super) async fn exists(state: &AdminState, party: &Party) -> Result<bool, StoreError> {
    match party {
        Party::Platform => Ok(true),
        Party::Partner(id) => Ok(state.store.partner(id).await?.is_some()),
        Party::Merchant(id) => Ok(state.store.merchant(id).await?.is_some()),
    }
}

/// What keeps accounts of a purpose right, if that alone may post to them.
fn keeper(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Pending => Some("what becomes of sales does; settle or cancel the sale"),
        Purpose::Deposit => Some("a balance does; use `tollgate balance deposit`"),
        Purpose::Held => Some("what waits does; use `tollgate ledger post --pending`"),
        Purpose::Receivable
        | Purpose::Payable
        | Purpose::FeeRevenue
        | Purpose::ShareRevenue
        | Purpose::Cash
        | Purpose::WrittenOff => None,
    }
}

/// The posting by its cause, and whom it is about.
pub(super) fn subject(posting: &ManualPosting) -> Subject {
    let parties = [&posting.debit.party, &posting.credit.party];
    parties.into_iter().fold(Subject::new(&posting.cause()), |subject, party| match party {
        Party::Platform => subject,
        Party::Partner(id) => subject.about(id.as_str()),
        Party::Merchant(id) => subject.about(id.as_str()),
    })
}

pub(super) fn told(posting: &ManualPosting) -> Value {
    json!({
        "debit": posting.debit.to_string(),
        "credit": posting.credit.to_string(),
        "amount": posting.amount.to_string(),
        "currency": posting.amount.currency.code(),
        "reason": posting.reason,
    })
}

fn answer(posted: &Posted) -> Value {
    let kept = &posted.kept;
    let mut answer = told(&kept.posting);
    answer["cause"] = json!(kept.posting.cause());
    answer["poster"] = json!(kept.poster);
    answer["at"] = json!(kept.at.to_string());
    answer["was_posted"] = json!(posted.was_posted);
    answer
}

impl From<ManualError> for Problem {
    fn from(error: ManualError) -> Self {
        match error {
            ManualError::Store(error) => error.into(),
            ManualError::Invalid(error) => Self::Conflict(format!("Nothing was posted: {error}.")),
            ManualError::Another(_) | ManualError::Waits(_) => Self::Conflict(format!(
                "Nothing was posted: {error}. That stays as it is; what should be different is posted by another cause."
            )),
        }
    }
}
