//! Balances on which fees are counted: made for an app, for all apps of a partner, or for a merchant as its cap on an app, and looked at.
//! What changes them is in [`super::balance_change`].

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::page::page;
use super::parameters::{Id, Parameters};
use super::partner::forget_apps;
use super::problem::{FieldError, Problem};
use super::state::AdminState;
use crate::billing::balance::leases::give_up;
use crate::billing::balance::left;
use crate::billing::balance::used_up::{FOR_EVER, used_up_until};
use crate::billing::error::BillingError;
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::balance::{Balance, BalanceKind, Funds, Lease, Owner, Part, Stretch};
use crate::domain::id::{AppId, BalanceId, MerchantId, NodeId, PartnerId};
use crate::domain::money::{Amount, Currency};
use crate::domain::random::new_id;
use crate::domain::share::Payer;
use crate::domain::tariff::Tariff;
use crate::domain::time::Period;
use crate::store::page::MAX_PAGE_SIZE;
use crate::store::{Page, StoreError};

/// The kinds of balance by name.
const KINDS: [&str; 3] = ["prepaid", "credit", "budget"];
/// What is counted on a balance, by name.
const FEES: &str = "fees";
const FEES_AND_SHARES: &str = "fees_and_shares";
/// What is told of a balance on which shares are counted.
const BEYOND: &str = "by shares of calls under way, or not recorded yet, as it is used up: only their answers tell what these come to";

/// `POST /admin/balances`.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let owner = owner(&mut body);
    let named = |name: &str| KINDS.into_iter().find(|kind| *kind == name);
    let kind = body.required("kind", fields::one_of(named, "prepaid, credit or budget"));
    let currency = body.required("currency", fields::text::<Currency>);
    let limit = body.optional("limit", text);
    let kind = self::kind(&mut body, kind, currency, limit);
    if let (Some(Owner::Merchant { .. }), Some(BalanceKind::Prepaid | BalanceKind::Credit(_))) =
        (&owner, kind)
    {
        body.wrong("kind", "is budget for a merchant's cap, which pays nothing".to_owned());
    }
    let counts_shares = counts_shares(&mut body, owner.as_ref());
    let built = (|| Some((owner?, kind?, currency?, counts_shares?)))();
    let (owner, kind, currency, counts_shares) = body.finish(built)?;
    let id = BalanceId::new(&new_id("bal_", &*state.random)?).map_err(|_| Problem::Internal)?;
    let balance = Balance {
        id,
        owner,
        kind,
        currency,
        created_at: state.clock.now(),
        ended_at: None,
        counts_shares,
        used_up_until: None,
    };
    // Until money is paid in, or its limit changes.
    let used_up_until = used_up_until(&balance, Funds::default(), FOR_EVER);
    let balance = Balance { used_up_until, ..balance };
    let mut made = shown(&balance);
    let store = who.recording(&state, (Action::BalanceCreate, subject(&balance)), (None, Some(&made)));
    store.create_balance(&balance).await.map_err(|error| refused(error, &balance))?;
    forget(&state, &balance).await?;
    if let Some(warning) = warning(&state, &balance).await? {
        made["warning"] = json!(warning);
    }
    tracing::info!(balance = %balance.id, owner = balance.owner.id(), kind = kind.name(), "a balance was made");
    created(&format!("/admin/balances/{}", balance.id), made)
}

/// Has what is known of those forgotten whose fees it pays.
pub(super) async fn forget(state: &AdminState, balance: &Balance) -> Result<(), Problem> {
    match &balance.owner {
        Owner::App(app) => state.invalidation.forget_app(app),
        Owner::Partner(partner) => forget_apps(state, partner).await?,
        Owner::Merchant { merchant, .. } => state.invalidation.forget_merchant(merchant),
    }
    Ok(())
}

/// What its maker may not have meant: a new balance pays nothing, or is used up from the start, so that no sale passes.
async fn warning(state: &AdminState, balance: &Balance) -> Result<Option<String>, Problem> {
    let (currency, counts_shares) = (balance.currency, balance.counts_shares);
    // A share is in the currency of its sale.
    let is_counted = |tariff: &Tariff| {
        let has_fees = tariff.currency == currency && !tariff.fees.is_empty();
        has_fees || (counts_shares && tariff.share.is_some())
    };
    if !may_have(state, balance, is_counted).await? {
        let (owner, nothing) = match &balance.owner {
            Owner::App(_) | Owner::Partner(_) => (balance.owner.kind(), "nothing is paid from this balance"),
            Owner::Merchant { .. } => ("app", "nothing is counted on this cap"),
        };
        return Ok(Some(format!(
            "no plan that this {owner} is subscribed to has fees in {currency}: {nothing}"
        )));
    }
    if balance.used_up_until.is_none() || !may_have(state, balance, owes_shares).await? {
        return Ok(None);
    }
    let sellers = match &balance.owner {
        Owner::App(_) | Owner::Merchant { .. } => "this app",
        Owner::Partner(_) => "this partner's apps",
    };
    let until = if balance.kind.is_monthly() { "its limit is raised" } else { "money is paid in" };
    Ok(Some(format!(
        "until {until}, sales of {sellers} are refused of which a share may be owed, in whatever currency: that only their answers tell"
    )))
}

/// Whether there are sales of which a partner owes a share.
fn owes_shares(tariff: &Tariff) -> bool {
    let mut items = tariff.share.iter().flat_map(|share| &share.items);
    items.any(|item| item.paid_by == Payer::Partner)
}

/// Whether a plan to which someone is subscribed whose fees are counted on a balance has such prices; or nobody is subscribed to any yet.
async fn may_have(
    state: &AdminState,
    balance: &Balance,
    is_such: impl Fn(&Tariff) -> bool + Send,
) -> Result<bool, Problem> {
    let apps = match &balance.owner {
        Owner::App(app) | Owner::Merchant { app, .. } => vec![app.clone()],
        Owner::Partner(partner) => {
            let first = Page::first().with_size(MAX_PAGE_SIZE);
            let apps = state.store.apps_of(partner, &first).await?;
            if apps.len() == MAX_PAGE_SIZE as usize {
                // Not all are looked at: it is not known.
                return Ok(true);
            }
            apps.into_iter().map(|app| app.id).collect()
        }
    };
    let (snapshot, mut is_subscribed) = (state.policies.load(), false);
    for app in &apps {
        for subscription in state.store.subscriptions_of(app).await? {
            let Some(plan) = snapshot.plans.get(&subscription.plan) else { continue };
            is_subscribed = true;
            if plan.versions.iter().any(|version| is_such(&version.tariff)) {
                return Ok(true);
            }
        }
    }
    Ok(!is_subscribed)
}

/// Whose the new balance is: an app's, a partner's, or a merchant's cap on an app.
fn owner(body: &mut Fields) -> Option<Owner> {
    let app = body.optional("app", fields::text::<AppId>)?;
    let partner = body.optional("partner", fields::text::<PartnerId>)?;
    let merchant = body.optional("merchant", fields::text::<MerchantId>)?;
    match (app, partner, merchant) {
        (Some(app), None, None) => Some(Owner::App(app)),
        (None, Some(partner), None) => Some(Owner::Partner(partner)),
        (Some(app), None, Some(merchant)) => Some(Owner::Merchant { merchant, app }),
        (None, None, Some(_)) => {
            body.wrong(
                "app",
                "is missing: a merchant's cap is on what one app may cost in its name".to_owned(),
            );
            None
        }
        (Some(_), Some(_), _) | (None, None, None) | (None, Some(_), Some(_)) => {
            body.wrong("app", "name either an app, or a partner for all of its apps".to_owned());
            None
        }
    }
}

/// Whether shares are counted on the new balance, too: on any but a cap, unless it says otherwise.
fn counts_shares(body: &mut Fields, owner: Option<&Owner>) -> Option<bool> {
    let named = |name: &str| match name {
        FEES => Some(false),
        FEES_AND_SHARES => Some(true),
        _ => None,
    };
    let is_cap = owner.is_some_and(|owner| owner.capped().is_some());
    let counts = body.optional("counts", fields::one_of(named, "fees or fees_and_shares"))?;
    if counts == Some(true) && is_cap {
        body.wrong("counts", "is fees for a merchant's cap".to_owned());
    }
    Some(counts.unwrap_or(!is_cap))
}

fn kind(
    body: &mut Fields,
    name: Option<&str>,
    currency: Option<Currency>,
    limit: Option<Option<String>>,
) -> Option<BalanceKind> {
    let limit = match (name?, limit?) {
        ("prepaid", None) => Ok(0),
        ("prepaid", Some(_)) => Err("is not for money paid ahead: what is paid in bounds it".to_owned()),
        (_, None) => Err("is missing".to_owned()),
        (_, Some(text)) => money(&text, currency?),
    };
    let limit = limit.map_err(|detail| body.wrong("limit", detail)).ok()?;
    BalanceKind::named(name?, limit)
}

/// An amount that is not below zero, in minor units.
pub(super) fn money(text: &str, currency: Currency) -> Result<i64, String> {
    match Amount::parse(text, currency) {
        Ok(amount) if amount.minor >= 0 => Ok(amount.minor),
        Ok(_) => Err("must not be below zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be a string such as \"100.00\"".to_owned())
}

fn refused(error: StoreError, balance: &Balance) -> Problem {
    let (kind, id, currency) = (balance.owner.kind(), balance.owner.id(), balance.currency);
    match (error, balance.owner.capped()) {
        (StoreError::Conflict { .. }, Some(app)) => {
            Problem::Conflict(format!("Merchant {id} has a cap in {currency} on app {app} already."))
        }
        (StoreError::Conflict { .. }, None) => Problem::Conflict(format!(
            "A balance in {currency} pays for this {kind}, or for some of the same apps, already: of an app's fees in a \
             currency all are paid from one."
        )),
        (StoreError::Missing { what: "app" }, Some(app)) => Problem::Invalid(vec![FieldError {
            pointer: "/app".to_owned(),
            detail: format!("there is no app {app}"),
        }]),
        (StoreError::Missing { .. }, _) => Problem::Invalid(vec![FieldError {
            pointer: format!("/{kind}"),
            detail: format!("there is no {kind} {id}"),
        }]),
        (other, _) => other.into(),
    }
}

/// `GET /admin/balances`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let balances = state.store.balances(&paging.page).await?;
    ok(page(&balances, paging.size, |balance| balance.id.as_str(), shown))
}

/// `GET /admin/balances/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let balance = find(&state, &id).await?;
    ok(with_sums(&state, &balance).await?)
}

/// `POST /admin/balances/{id}/give-back`: what a node has leased of it that will not come back.
pub(super) async fn give_back(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let balance = find(&state, &id).await?;
    let node = body.required("node", fields::text::<NodeId>);
    let node = body.finish(node)?;
    let mut transaction = state.store.begin().await?;
    let units = give_up(&mut transaction, &balance.id, &node).await.map_err(of_books)?;
    if units == 0 {
        return Err(Problem::Conflict(format!("Node {node} has leased nothing of this balance.")));
    }
    let told = json!({ "node": node.as_str(), "units": units });
    let what = (Action::BalanceGiveBack, subject(&balance));
    who.record((&state, &mut transaction), what, (None, Some(&told))).await?;
    transaction.commit().await?;
    tracing::info!(balance = %balance.id, %node, units, "what a lost node had leased of a balance is given back");
    ok(with_sums(&state, &balance).await?)
}

pub(super) fn of_books(error: BillingError) -> Problem {
    match error {
        BillingError::Store(error) => error.into(),
        error => {
            tracing::error!(%error, "the sums of a balance cannot be had");
            Problem::Internal
        }
    }
}

pub(super) async fn find(state: &AdminState, id: &str) -> Result<Balance, Problem> {
    let missing = Problem::NotFound("balance");
    let Ok(id) = BalanceId::new(id) else { return Err(missing) };
    state.store.balance(&id).await?.ok_or(missing)
}

pub(super) fn subject(balance: &Balance) -> Subject {
    Subject::new(balance.id.as_str()).about(balance.owner.id())
}

fn shown(balance: &Balance) -> Value {
    let limit = balance.kind.limit().map(|minor| Amount { minor, currency: balance.currency }.to_string());
    let mut owner = json!({ "kind": balance.owner.kind(), "id": balance.owner.id() });
    if let Some(app) = balance.owner.capped() {
        owner["app"] = json!(app.as_str());
    }
    json!({
        "id": balance.id.as_str(),
        "owner": owner,
        "kind": balance.kind.name(),
        "currency": balance.currency.code(),
        "limit": limit,
        "counts": if balance.counts_shares { FEES_AND_SHARES } else { FEES },
        "created_at": balance.created_at.to_string(),
        "ended_at": balance.ended_at.map(|ended| ended.to_string()),
    })
}

/// With its sums; of a budget, those of the month that runs.
pub(super) async fn with_sums(state: &AdminState, balance: &Balance) -> Result<Value, Problem> {
    let (zone, now) = (state.policies.load().platform.zone.clone(), state.clock.now());
    let funds = left::funds(&state.store, balance, now, &zone).await.map_err(of_books)?;
    let money = |minor| json!(Amount { minor, currency: balance.currency }.to_string());
    let mut told = shown(balance);
    if balance.kind.is_monthly() {
        told["period"] = json!(Period::of(now, &zone).to_string());
    } else {
        told["paid_in"] = money(funds.paid_in);
    }
    told["spent"] = money(funds.spent);
    told["reserved"] = money(funds.reserved);
    told["left"] = money(balance.left(funds));
    if balance.counts_shares {
        told["may_go_below_zero"] = json!(BEYOND);
        told["is_used_up"] = json!(balance.used_up_until.is_some_and(|until| now < until));
    }
    let leases = left::leases(&state.store, &balance.id).await?;
    told["leases"] = leases.iter().map(lease).collect();
    let disputed = left::disputed(&state.store, &balance.id).await?;
    told["disputed"] = disputed.iter().map(|of| units(&of.stretch, of.units)).collect();
    Ok(told)
}

/// Units that a node may let through, or has let through and that are not recorded yet.
fn lease(Lease { stretch, run, units: leased }: &Lease) -> Value {
    let mut told = units(stretch, *leased);
    told["node"] = json!(run.node.as_str());
    told
}

fn units(stretch: &Stretch, units: u64) -> Value {
    let mut told = json!({
        "app": stretch.app.as_str(),
        "product": stretch.product.as_str(),
        "plan": stretch.plan.to_string(),
        "period": stretch.service_period.to_string(),
        "units": units,
    });
    if let Some(Part { item, promotion }) = &stretch.part {
        told["item"] = json!(item.as_str());
        if let Some(place) = promotion {
            told["promotion"] = json!(place.saturating_add(1));
        }
    }
    told
}
