//! Whether a sale passes of which the app's partner may owe a share: none does while a balance is used up on which shares are counted.

use serde_json::json;

use super::balance::{counting, named, paid_from, then};
use super::decisions::{Answer, Decisions};
use super::facts::field;
use super::funds::Funds;
use super::stopped::Stopped;
use super::when::When;
use crate::domain::money::Currency;
use crate::domain::refusal::Refusal;
use crate::domain::share::Payer;
use crate::domain::transaction::TransactionKind;
use crate::gateway::authorize::Permit;
use crate::policy::snapshot::Route;

/// Asks each of the app's balances on which shares are counted, if the call may bring one, as a node does before it counts the call.
///
/// # Errors
/// [`Refusal::BalanceExhausted`], if one is used up; what keeps the node from telling.
pub(super) fn ask(
    decisions: &mut Decisions,
    funds: Option<&Funds<'_>>,
    (route, permit): (&Route, &Permit<'_>),
) -> Result<(), Stopped> {
    let Some((_, version)) = &permit.subscribed else { return Ok(()) };
    let transaction = route.meter.as_ref().and_then(|meter| meter.transaction.as_ref());
    let is_sale = transaction.is_some_and(|transaction| transaction.kind == TransactionKind::Sale);
    let share = version.tariff.share.as_ref().filter(|_| is_sale);
    let mut items = share.into_iter().flat_map(|share| share.items_of(&route.name));
    let Some(item) = items.find(|item| item.paid_by == Payer::Partner) else { return Ok(()) };
    let Some(funds) = funds else {
        let what = "whether a balance is used up on which a share of it would be counted, a node knows";
        decisions.add("sale", Some(&item.source), what.to_owned());
        decisions.leave(Answer::BeyondPolicies);
        return Ok(());
    };
    let all = funds.paying()?;
    for balance in &all {
        let currency: Currency = field(balance, "currency")?;
        let is_counted_on =
            counting(&all, currency, funds.when)?.is_some_and(|one| one["id"] == balance["id"]);
        if !is_counted_on || balance["counts"] != "fees_and_shares" {
            continue;
        }
        let paid_from = paid_from(balance, currency)?;
        let named = named(balance, &paid_from);
        let refusal = Refusal::BalanceExhausted(Box::new(paid_from));
        let code = refusal.code();
        let (told, answer) = match (funds.when, balance["is_used_up"].as_bool()) {
            (When::Then(_), _) => then(funds, code),
            (When::Now(_), Some(true)) => (": it is used up".to_owned(), Answer::Refused),
            (When::Now(_), Some(false)) => (": it is not used up".to_owned(), Answer::Allowed),
            (When::Now(_), None) => {
                ("; the node does not tell whether it is used up".to_owned(), Answer::BeyondPolicies)
            }
        };
        let what = format!("a share of it that the partner owes is counted on {named}{told}");
        decisions.add("sale", Some(&item.source), what);
        decisions.leave(answer);
        decisions.detail(json!({ "balance": balance, "code_when_exhausted": code }));
        if answer == Answer::Refused {
            return Err(refusal.into());
        }
    }
    Ok(())
}
