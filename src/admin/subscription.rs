//! Subscriptions: which app uses which API product under which plan of the policies in force.

use std::sync::Arc;

use axum::extract::State;
use serde_json::Value;

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::{FieldError, Problem};
use super::show;
use super::state::AdminState;
use crate::billing::plans::moves::holding;
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::id::{AppId, PlanName, ProductName, SubscriptionId};
use crate::domain::identity::Subscription;
use crate::domain::random::new_id;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::StoreError;
use crate::store::subscription::SubscriptionFilter;

/// `POST /admin/subscriptions`.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let policies = state.policies.load();
    let app = body.required("app", fields::text::<AppId>);
    let product = body.required("product", fields::text::<ProductName>);
    let plan = body.required("plan", fields::text::<PlanName>);
    let misfit =
        product.as_ref().zip(plan.as_ref()).and_then(|(product, plan)| misfit(&policies, product, plan));
    if let Some(FieldError { pointer, detail }) = misfit {
        body.wrong(&pointer, detail);
    }
    let built = (|| Some((app?, product?, plan?)))();
    let (app, product, plan) = body.finish(built)?;
    let id = SubscriptionId::new(&new_id("sub_", &*state.random)?).map_err(|_| Problem::Internal)?;
    let from = state.clock.now();
    // Without one in force it follows the plan.
    let version = policies.plans.get(&plan).and_then(|plan| plan.version_at(from));
    let version = version.map(|version| version.reference.version);
    let subscription = Subscription { id, app, product, plan, version, from, until: None };
    let shown = show::subscription(&subscription);
    let what = (Action::SubscriptionCreate, subject(&subscription));
    let store = who.recording(&state, what, (None, Some(&shown)));
    match store.subscribe(&subscription).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => return Err(taken(&state, &subscription).await?),
        Err(StoreError::Missing { .. }) => {
            let detail = format!("there is no app {}", subscription.app);
            return Err(Problem::Invalid(vec![FieldError { pointer: "/app".to_owned(), detail }]));
        }
        Err(other) => return Err(other.into()),
    }
    state.invalidation.forget_app(&subscription.app);
    tracing::info!(app = %subscription.app, product = %subscription.product, plan = %subscription.plan, "subscribed");
    created(&format!("/admin/subscriptions/{}", subscription.id), shown)
}

/// That the app has a subscription to the product, and which that is.
async fn taken(state: &AdminState, wanted: &Subscription) -> Result<Problem, StoreError> {
    let product = &wanted.product;
    let is_in_the_way =
        |one: &&Subscription| one.product == *product && one.until.is_none_or(|end| end > wanted.from);
    let subscriptions = state.store.subscriptions_of(&wanted.app).await?;
    let which = subscriptions.iter().find(is_in_the_way);
    let which = which.map(|one| format!(": {}, under plan {}", one.id, one.plan)).unwrap_or_default();
    Ok(Problem::Conflict(format!(
        "The app has a subscription to {product} already{which}; end that one first."
    )))
}

/// A subscription as it is at `now`: with the version of its plan that holds for it then.
fn shown(policies: &Snapshot, subscription: &Subscription, now: Timestamp) -> Value {
    let version = holding(policies, subscription, now);
    show::subscription(&Subscription { version, ..subscription.clone() })
}

fn subject(subscription: &Subscription) -> Subject {
    Subject::new(subscription.id.as_str()).about(subscription.app.as_str())
}

/// What keeps a product from being used under a plan.
fn misfit(policies: &Snapshot, product: &ProductName, plan: &PlanName) -> Option<FieldError> {
    let wrong = |field: &str, detail: String| Some(FieldError { pointer: field.to_owned(), detail });
    if !policies.products.contains_key(product) {
        let known = listed(policies.products.keys().map(ProductName::as_str));
        return wrong("product", format!("the policies have no API product {product}; there are: {known}"));
    }
    let Some(found) = policies.plans.get(plan) else {
        let known = listed(policies.plans.keys().map(PlanName::as_str));
        return wrong("plan", format!("the policies have no plan {plan}; there are: {known}"));
    };
    if !found.products.contains(product) {
        let known = listed(found.products.iter().map(ProductName::as_str));
        return wrong("plan", format!("the plan {plan} is not for {product}; it is for: {known}"));
    }
    None
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.join(", ")
}

/// `GET /admin/subscriptions?app=&plan=&product=`, past ones too.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    let filter = SubscriptionFilter {
        app: parameters.optional("app"),
        plan: parameters.optional("plan"),
        version: None,
        product: parameters.optional("product"),
        lasting_after: None,
    };
    parameters.finish()?;
    let subscriptions = state.store.subscriptions(&filter, &paging.page).await?;
    let (policies, now) = (state.policies.load(), state.clock.now());
    let shown = |subscription: &Subscription| shown(&policies, subscription, now);
    ok(page(&subscriptions, paging.size, |subscription| subscription.id.as_str(), shown))
}

/// `GET /admin/subscriptions/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let missing = Problem::NotFound("subscription");
    let Ok(id) = SubscriptionId::new(&id) else { return Err(missing) };
    let found = state.store.subscription(&id).await?.ok_or(missing)?;
    ok(shown(&state.policies.load(), &found, state.clock.now()))
}

/// `POST /admin/subscriptions/{id}/end`; if the body has an app, it must be the subscription's.
pub(super) async fn end(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let app = body.optional("app", fields::text::<AppId>);
    let app = body.finish(app)?;
    let missing = Problem::NotFound(if app.is_some() { "subscription of that app" } else { "subscription" });
    let Ok(id) = SubscriptionId::new(&id) else { return Err(missing) };
    let mut transaction = state.store.begin().await?;
    let is_meant = |found: &Subscription| app.as_ref().is_none_or(|app| *app == found.app);
    let found = transaction.lock_subscription(&id).await?.filter(is_meant);
    let (found, now) = (found.ok_or(missing)?, state.clock.now());
    let after = Subscription { until: Some(found.until.map_or(now, |end| end.min(now))), ..found.clone() };
    let policies = state.policies.load();
    let (before, after) = (shown(&policies, &found, now), shown(&policies, &after, now));
    transaction.end_subscription(&found.id, now).await?;
    let what = (Action::SubscriptionEnd, subject(&found));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_app(&found.app);
    tracing::info!(subscription = %found.id, app = %found.app, "a subscription was ended");
    ok(after)
}

/// `POST /admin/subscriptions/{id}/move`: to the version of its plan that the body names, or that is in force; if the body has an
/// app, it must be the subscription's.
pub(super) async fn move_to(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let app = body.optional("app", fields::text::<AppId>);
    let version = body.optional("version", number_of_version);
    let built = (|| Some((app?, version?)))();
    let (app, version) = body.finish(built)?;
    let missing = Problem::NotFound(if app.is_some() { "subscription of that app" } else { "subscription" });
    let Ok(id) = SubscriptionId::new(&id) else { return Err(missing) };
    let (policies, now) = (state.policies.load(), state.clock.now());
    let mut transaction = state.store.begin().await?;
    let is_meant = |found: &Subscription| app.as_ref().is_none_or(|app| *app == found.app);
    let found = transaction.lock_subscription(&id).await?.filter(is_meant).ok_or(missing)?;
    let to = in_force(&policies, &found.plan, version, now)
        .map_err(|detail| Problem::Invalid(vec![FieldError { pointer: "/version".to_owned(), detail }]))?;
    if let Some(ended) = found.until.filter(|end| *end <= now) {
        return Err(Problem::Conflict(format!(
            "The subscription ended at {ended}: nothing is called under it."
        )));
    }
    let after = Subscription { version: Some(to), ..found.clone() };
    let (before, after) = (shown(&policies, &found, now), shown(&policies, &after, now));
    transaction.move_subscription(&found.id, to, now).await?;
    let what = (Action::SubscriptionMove, subject(&found));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_app(&found.app);
    tracing::info!(subscription = %found.id, app = %found.app, version = to, "a subscription was moved");
    ok(after)
}

fn number_of_version(value: &Value) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| "must be the number of a version, such as 2".to_owned())
}

/// The version of a plan that is named, or was last to come into force; why it cannot be had, if it cannot.
fn in_force(
    policies: &Snapshot,
    plan: &PlanName,
    version: Option<u32>,
    now: Timestamp,
) -> Result<u32, String> {
    let found = policies.plans.get(plan).ok_or_else(|| format!("the policies have no plan {plan}"))?;
    let in_force = found.versions.iter().filter(|version| version.effective_from <= now);
    let numbers: Vec<u32> = in_force.map(|version| version.reference.version).collect();
    match version {
        Some(wanted) if numbers.contains(&wanted) => match found.version_for(version, now) {
            Some(holds) if holds.reference.version != wanted => Err(format!(
                "all subscriptions to earlier versions of plan {plan} moved to version {} when it came into force, at {} (`existing: \
                 move`): that would hold all the same",
                holds.reference.version, holds.effective_from
            )),
            Some(_) | None => Ok(wanted),
        },
        Some(wanted) => {
            let known: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            Err(format!("plan {plan} has no version {wanted} in force; there are: {}", known.join(", ")))
        }
        None => numbers.last().copied().ok_or_else(|| format!("no version of plan {plan} is in force yet")),
    }
}
