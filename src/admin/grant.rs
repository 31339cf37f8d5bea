//! Grants: merchants' consents to apps. They are given on the consent page; here they are seen and taken back.

use std::sync::Arc;

use axum::extract::State;

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::Fields;
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::id::{AppId, GrantId, MerchantId};
use crate::domain::identity::Grant;
use crate::store::recorded::grant_itself;

/// `GET /admin/grants?app=` or `?merchant=`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    let app = parameters.optional::<AppId>("app");
    let merchant = parameters.optional::<MerchantId>("merchant");
    if app.is_some() == merchant.is_some() {
        parameters.wrong("app", "give either app or merchant".to_owned());
    }
    parameters.finish()?;
    let grants = match (app, merchant) {
        (Some(app), None) => state.store.grants_of_app(&app, &paging.page).await?,
        (None, Some(merchant)) => state.store.grants_of_merchant(&merchant, &paging.page).await?,
        (Some(_), Some(_)) | (None, None) => Vec::new(),
    };
    ok(page(&grants, paging.size, |grant| grant.id.as_str(), show::grant))
}

/// `GET /admin/grants/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    ok(show::grant(&find(&state, &id).await?))
}

/// `POST /admin/grants/{id}/revoke`.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let missing = Problem::NotFound("grant");
    let Ok(id) = GrantId::new(&id) else { return Err(missing) };
    let mut transaction = state.store.begin().await?;
    let grant = transaction.lock_grant(&id).await?.ok_or(missing)?;
    let now = state.clock.now();
    let after = Grant { revoked_at: grant.revoked_at.or(Some(now)), ..grant.clone() };
    let (before, after) = (show::grant(&grant), show::grant(&after));
    transaction.revoke_grant(&grant.id, now).await?;
    let what = (Action::GrantRevoke, grant_itself(&grant));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_grant(&grant.id);
    tracing::info!(grant = %grant.id, app = %grant.app, merchant = %grant.merchant, "a grant was revoked");
    ok(after)
}

async fn find(state: &AdminState, id: &str) -> Result<Grant, Problem> {
    let missing = Problem::NotFound("grant");
    let Ok(id) = GrantId::new(id) else { return Err(missing) };
    state.store.grant(&id).await?.ok_or(missing)
}
