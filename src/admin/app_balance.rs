//! The balances of an app: what its fees are paid from, or were, and a merchant's caps on it. Asked about units of a plan's item, each says
//! whether it bears them; nothing is leased by asking.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::app::find;
use super::balance::{of_books, with_sums};
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::balance::borne::{Borne, borne};
use crate::billing::error::BillingError;
use crate::domain::balance::{Balance, Owner, Part, Stretch};
use crate::domain::id::{AppId, ItemName, MerchantId, PlanName, ProductName};
use crate::domain::identity::App;
use crate::domain::money::Amount;
use crate::domain::plan::PlanRef;
use crate::domain::time::Period;

/// Units that are asked about.
struct Asked {
    product: ProductName,
    plan: PlanRef,
    part: Part,
    units: u64,
}

/// `GET /admin/apps/{id}/balances?merchant=&product=&plan=&version=&item=&promotion=&units=`: the app's own, then its partner's, then the
/// caps of a merchant on it, those that have ended among them.
pub(super) async fn list(
    State(state): State<Arc<AdminState>>,
    Id(id): Id,
    mut parameters: Parameters,
) -> Answer {
    let asked = asked(&mut parameters);
    let merchant = parameters.optional::<MerchantId>("merchant");
    parameters.finish()?;
    let app = find(&state, &id).await?;
    let mut shown = Vec::new();
    for balance in counting(&state, &app, merchant.as_ref()).await? {
        let mut told = with_sums(&state, &balance).await?;
        if let Some(asked) = &asked {
            told["bears"] = bears(&state, (&app.id, &balance), asked).await?;
        }
        shown.push(told);
    }
    ok(json!({ "items": shown, "next": null }))
}

/// What is asked about, if anything is: a product, a plan with its version, and an item, all or none of these.
fn asked(parameters: &mut Parameters) -> Option<Asked> {
    let product = parameters.optional::<ProductName>("product");
    let plan = parameters.optional::<PlanName>("plan");
    let version = parameters.optional::<u32>("version");
    let item = parameters.optional::<ItemName>("item");
    let promotion = parameters.optional::<u32>("promotion");
    let units = parameters.optional::<u64>("units");
    match (product, plan, version, item) {
        (Some(product), Some(name), Some(version), Some(item)) => {
            // They are counted from 1.
            let promotion = promotion.and_then(|place| usize::try_from(place).ok()?.checked_sub(1));
            let (plan, part) = (PlanRef { name, version }, Part { item, promotion });
            Some(Asked { product, plan, part, units: units.unwrap_or(1) })
        }
        (None, None, None, None) if promotion.is_none() && units.is_none() => None,
        _ => {
            let detail = "is to be given with product, plan, version and item, or without any of them";
            parameters.wrong("item", detail.to_owned());
            None
        }
    }
}

/// The app's own balances, then its partner's, then the caps of a merchant on it.
async fn counting(
    state: &AdminState,
    app: &App,
    merchant: Option<&MerchantId>,
) -> Result<Vec<Balance>, Problem> {
    let owners = [app.id.as_str(), app.partner.as_str()];
    let owners: Vec<&str> = owners.into_iter().chain(merchant.map(MerchantId::as_str)).collect();
    let mut transaction = state.store.begin_reading().await?;
    let found = transaction.balances_of(&owners).await?;
    transaction.roll_back().await?;
    let place = |balance: &Balance| match &balance.owner {
        Owner::App(owner) => (*owner == app.id).then_some(0),
        Owner::Partner(owner) => (*owner == app.partner).then_some(1),
        Owner::Merchant { merchant: owner, app: capped } => {
            (merchant == Some(owner) && *capped == app.id).then_some(2)
        }
    };
    let mut counting: Vec<(u8, Balance)> =
        found.into_iter().filter_map(|balance| Some((place(&balance)?, balance))).collect();
    counting.sort_by(|(place, one), (other_place, other)| {
        (place, one.created_at, &one.id).cmp(&(other_place, other.created_at, &other.id))
    });
    Ok(counting.into_iter().map(|(_, balance)| balance).collect())
}

/// Whether a balance bears the units; null if it does not pay for such, or the books do not know the plan version.
async fn bears(
    state: &AdminState,
    (app, balance): (&AppId, &Balance),
    Asked { product, plan, part, units }: &Asked,
) -> Result<Value, Problem> {
    let service_period = Period::of(state.clock.now(), &state.policies.load().platform.zone);
    let stretch = Stretch {
        balance: balance.id.clone(),
        app: app.clone(),
        product: product.clone(),
        plan: plan.clone(),
        part: Some(part.clone()),
        service_period,
    };
    match borne(&state.store, balance, &stretch, *units).await {
        Ok(Some(Borne { cost, is_enough, leased, leased_for_others })) => Ok(json!({
            "units": units,
            "cost": Amount { minor: cost, currency: balance.currency }.to_string(),
            "is_enough": is_enough,
            "leased": leased,
            "leased_for_others": leased_for_others,
        })),
        Ok(None) | Err(BillingError::PlanUnknown(_)) => Ok(Value::Null),
        Err(error) => Err(of_books(error)),
    }
}
