//! Which balance pays for a call, under which cap of its merchant it is, and whether these bear what it takes of them before its upstream
//! sees it.

use serde_json::{Value, json};

use super::decisions::{Answer, Decisions};
use super::facts::{field, optional};
use super::funds::Funds;
use super::stopped::Stopped;
use super::when::When;
use crate::cli::failure::Failure;
use crate::cli::rated;
use crate::domain::balance::{BalanceKind, PaidFrom, Part};
use crate::domain::id::MerchantId;
use crate::domain::location::Location;
use crate::domain::money::{Amount, Currency};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::gateway::authorize::Permit;
use crate::policy::snapshot::Route;

/// Asks whether the cap that the call is under, if it is for a merchant who has one, and the balance that pays for it, if one does, bear
/// the units that it takes. A call that costs nothing is not asked.
///
/// # Errors
/// [`Refusal::BalanceExhausted`], if no node can have units left for it; what keeps the node from telling.
pub(super) fn ask(
    decisions: &mut Decisions,
    funds: Option<&Funds<'_>>,
    (route, permit): (&Route, &Permit<'_>),
    (units, at): (u64, Timestamp),
    merchant: Option<&MerchantId>,
) -> Result<(), Stopped> {
    let subscribed = permit.subscribed.as_ref().filter(|_| route.meter.is_some());
    let Some((product, version)) = subscribed else { return Ok(()) };
    let Some(fee) = version.tariff.fee_of(Some(&route.name)) else { return Ok(()) };
    let (place, currency) = (&fee.terms().source, version.tariff.currency);
    let Some(funds) = funds else {
        let cap = merchant.map(|merchant| {
            (
                "cap",
                format!(
                    "whether merchant {merchant} has a cap on the app in {currency}, and what is left of it"
                ),
            )
        });
        let paying = ("balance", format!("which balance pays fees in {currency}, and what is left of it"));
        for (name, what) in cap.into_iter().chain([paying]) {
            decisions.add(name, Some(place), format!("{what}, a node knows"));
            decisions.leave(Answer::BeyondPolicies);
        }
        return Ok(());
    };
    let part = Part { item: fee.terms().name.clone(), promotion: fee.promotion_at(at) };
    let all = funds.asked_about((product, &version.reference), &part, (units, merchant))?;
    let (caps, paying): (Vec<Value>, Vec<Value>) = all.into_iter().partition(is_cap);
    let none = |what: &str| format!("{what} fees in {currency}");
    if !caps.is_empty() {
        let none = none("no cap of the merchant is on the app's");
        ask_counting(decisions, funds, ("cap", &caps, none), (place, currency, units))?;
    }
    let none = format!("{}: they are owed", none("no balance pays the app's"));
    ask_counting(decisions, funds, ("balance", &paying, none), (place, currency, units))
}

/// Asks the one of some balances on which the call's fee is counted; where it is on none, that is told.
fn ask_counting(
    decisions: &mut Decisions,
    funds: &Funds<'_>,
    (name, all, none): (&'static str, &[Value], String),
    (place, currency, units): (&Location, Currency, u64),
) -> Result<(), Stopped> {
    let counting = counting(all, currency, funds.when)?;
    let others = all.iter().filter(|balance| counting.is_none_or(|counting| counting["id"] != balance["id"]));
    let others: String = others.map(|balance| other(balance, currency)).collect();
    let Some(balance) = counting else {
        decisions.add(name, Some(place), format!("{none}{others}"));
        return Ok(());
    };
    let paid_from = paid_from(balance, currency)?;
    let whose = whose(balance, &paid_from, funds.when);
    let refusal = Refusal::BalanceExhausted(Box::new(paid_from));
    let code = refusal.code();
    let (told, answer) = match funds.when {
        When::Then(_) => then(funds, code),
        When::Now(_) => now(&balance["bears"], units, code),
    };
    decisions.add(name, Some(place), format!("{whose}{told}{others}"));
    decisions.leave(answer);
    decisions.detail(json!({ "balance": balance, "code_when_exhausted": code }));
    match answer {
        Answer::Refused => Err(refusal.into()),
        Answer::Allowed | Answer::NotAsked | Answer::NotKnown | Answer::BeyondPolicies => Ok(()),
    }
}

/// The first of some balances in a currency on which fees of a call that is made then are counted.
pub(super) fn counting(all: &[Value], currency: Currency, when: When) -> Result<Option<&Value>, Failure> {
    for balance in all.iter().filter(|balance| balance["currency"] == currency.code()) {
        if counts(balance, when)? {
            return Ok(Some(balance));
        }
    }
    Ok(None)
}

/// Whether fees of a call that is made then are counted on it.
fn counts(balance: &Value, when: When) -> Result<bool, Failure> {
    let (from, until) = (field(balance, "created_at")?, optional::<Timestamp>(balance, "ended_at")?);
    Ok(when.has_seen(from) && until.is_none_or(|end| !when.has_seen(end)))
}

fn is_cap(balance: &Value) -> bool {
    balance["owner"]["kind"] == "merchant"
}

pub(super) fn paid_from(balance: &Value, currency: Currency) -> Result<PaidFrom, Failure> {
    let limit = optional::<String>(balance, "limit")?;
    let limit = limit.map(|limit| Amount::parse(&limit, currency)).transpose()?;
    let kind: String = field(balance, "kind")?;
    let kind = BalanceKind::named(&kind, limit.map_or(0, |limit| limit.minor));
    let kind = kind
        .ok_or_else(|| anyhow::anyhow!("the node's answer has a kind of balance that means nothing here"))?;
    let merchant = is_cap(balance).then(|| field(&balance["owner"], "id")).transpose()?;
    Ok(PaidFrom { balance: field(balance, "id")?, kind, currency, merchant, used_up_until: None })
}

/// Which balance it is, and whose.
pub(super) fn named(balance: &Value, paid_from: &PaidFrom) -> String {
    let owner = |name: &str| balance["owner"][name].as_str().unwrap_or("–");
    let PaidFrom { balance: id, kind, merchant, .. } = paid_from;
    match merchant {
        Some(merchant) => format!("{id}, a cap of merchant {merchant} on app {}", owner("app")),
        None => format!("{id}, a {} balance of {} {}", kind.name(), owner("kind"), owner("id")),
    }
}

/// Whose it is, and what is left of it now.
fn whose(balance: &Value, paid_from: &PaidFrom, when: When) -> String {
    let text = |name: &str| balance[name].as_str().unwrap_or("–");
    let does = if paid_from.merchant.is_some() { "counts" } else { "pays" };
    let (named, currency) = (named(balance, paid_from), paid_from.currency);
    let mut told = format!("{named}, {does} fees in {currency} since {}", text("created_at"));
    if let When::Now(_) = when {
        let limit = balance["limit"].as_str().map(|limit| format!(", within a limit of {limit}"));
        let (spent, reserved, left) = (text("spent"), text("reserved"), text("left"));
        told.push_str(&limit.unwrap_or_default());
        told.push_str(&format!(": {spent} is spent, {reserved} reserved for calls, {left} left"));
    }
    told
}

/// One on which the call is not counted, and why.
fn other(balance: &Value, currency: Currency) -> String {
    let text = |name: &str| balance[name].as_str().unwrap_or("–");
    let why = match balance["ended_at"].as_str() {
        _ if balance["currency"] != currency.code() => "is in another currency".to_owned(),
        Some(ended) => format!("ended at {ended}"),
        None => "came later, or does not come first".to_owned(),
    };
    format!("; {} ({}, {}) {why}", text("id"), text("kind"), text("currency"))
}

/// What was left for a call on record.
pub(super) fn then(funds: &Funds<'_>, code: &str) -> (String, Answer) {
    let unknown = "; what was left of it at the time of the call is not known";
    match funds.recorded.filter(|recorded| recorded.has_met(code)) {
        Some(recorded) => (format!("{unknown}, but it {}", recorded.told()), Answer::NotKnown),
        None => (unknown.to_owned(), Answer::BeyondPolicies),
    }
}

/// Whether it bears what a call takes now.
fn now(bears: &Value, units: u64, code: &str) -> (String, Answer) {
    let Some(is_enough) = bears["is_enough"].as_bool() else {
        let unknown = "; the node does not know this version of the plan, so not what a unit comes to";
        return (unknown.to_owned(), Answer::BeyondPolicies);
    };
    let count = |name: &str| bears[name].as_u64().unwrap_or_default();
    let cost = bears["cost"].as_str().unwrap_or("–");
    let units = rated::units(units);
    let takes = format!("; the call takes {units} of it before it is answered, which may come to {cost}");
    match (is_enough, count("leased"), count("leased_for_others")) {
        (true, _, _) => (takes, Answer::Allowed),
        (false, 0, 0) => (format!("{takes}: more than is left"), Answer::Refused),
        (false, leased, others) => {
            let told = format!(
                "{takes}: more than is left, but nodes have leased {leased} units for such calls, and {others} for others. One that \
                 has some left lets the call through; any other refuses it with 402 {code}"
            );
            (told, Answer::NotKnown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_refused_only_if_no_node_can_have_units_left_for_it() {
        let bears = |is_enough: bool, leased: u64, others: u64| json!({"units": 1, "cost": "0.01", "is_enough": is_enough, "leased": leased, "leased_for_others": others});
        for (bears, answer) in [
            (bears(true, 0, 0), Answer::Allowed),
            (bears(true, 5, 5), Answer::Allowed),
            (bears(false, 0, 0), Answer::Refused),
            (bears(false, 5, 0), Answer::NotKnown),
            (bears(false, 0, 5), Answer::NotKnown),
            (Value::Null, Answer::BeyondPolicies),
        ] {
            assert_eq!(now(&bears, 1, "balance_exhausted").1, answer, "{bears}");
        }
    }
}
