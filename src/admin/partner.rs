//! Partners: outside organisations. To suspend one stops all its apps.

use std::sync::Arc;

use axum::extract::State;

use super::administrator::{Administrator, of_standing};
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::show;
use super::standing::Standable;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::id::PartnerId;
use crate::domain::identity::{Partner, Standing};
use crate::domain::random::new_id;
use crate::store::page::MAX_PAGE_SIZE;
use crate::store::{Page, Transaction};

/// `POST /admin/partners`.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let name = body.required("name", fields::name);
    let name = body.finish(name)?;
    let partner = Partner {
        id: PartnerId::new(&new_id("partner_", &*state.random)?).map_err(|_| Problem::Internal)?,
        name,
        standing: Standing::Active,
        created_at: state.clock.now(),
    };
    let shown = show::partner(&partner);
    let store = who.recording(&state, (Action::PartnerCreate, partner.id.as_str()), (None, Some(&shown)));
    store.create_partner(&partner).await?;
    tracing::info!(partner = %partner.id, "a partner was registered");
    created(&format!("/admin/partners/{}", partner.id), shown)
}

/// `GET /admin/partners`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let partners = state.store.partners(&paging.page).await?;
    ok(page(&partners, paging.size, |partner| partner.id.as_str(), show::partner))
}

/// `GET /admin/partners/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    ok(show::partner(&find(&state, &id).await?))
}

impl Standable for Partner {
    async fn set_standing(
        (state, who): (&AdminState, &Administrator),
        id: &str,
        standing: Standing,
    ) -> Answer {
        let mut transaction = state.store.begin().await?;
        let partner = lock(&mut transaction, id).await?;
        let (before, after) =
            (show::partner(&partner), show::partner(&Partner { standing, ..partner.clone() }));
        transaction.set_partner_standing(&partner.id, standing).await?;
        let (action, subject) =
            (of_standing(standing, (Action::PartnerSuspend, Action::PartnerResume)), partner.id.as_str());
        who.record((state, &mut transaction), (action, subject), (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
        forget_apps(state, &partner.id).await?;
        tracing::info!(partner = %partner.id, standing = standing.name(), "a partner's standing changed");
        ok(after)
    }
}

/// The partner that is changed by `transaction`, and by nobody else meanwhile.
async fn lock(transaction: &mut Transaction, id: &str) -> Result<Partner, Problem> {
    let missing = Problem::NotFound("partner");
    let Ok(id) = PartnerId::new(id) else { return Err(missing) };
    transaction.lock_partner(&id).await?.ok_or(missing)
}

/// Tells the data plane of each of the partner's apps.
pub(super) async fn forget_apps(state: &AdminState, partner: &PartnerId) -> Result<(), Problem> {
    let mut page = Page::first().with_size(MAX_PAGE_SIZE);
    loop {
        let apps = state.store.apps_of(partner, &page).await?;
        for app in &apps {
            state.invalidation.forget_app(&app.id);
        }
        match apps.last() {
            Some(last) if apps.len() == MAX_PAGE_SIZE as usize => {
                page = Page::after(last.id.as_str()).with_size(MAX_PAGE_SIZE);
            }
            Some(_) | None => return Ok(()),
        }
    }
}

async fn find(state: &AdminState, id: &str) -> Result<Partner, Problem> {
    let missing = Problem::NotFound("partner");
    let Ok(id) = PartnerId::new(id) else { return Err(missing) };
    state.store.partner(&id).await?.ok_or(missing)
}
