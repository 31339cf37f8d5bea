//! Whether a partner, an app or a merchant may act: each is suspended and resumed in the same way.

use std::sync::Arc;

use axum::extract::State;

use super::administrator::Administrator;
use super::answer::Answer;
use super::fields::Fields;
use super::parameters::Id;
use super::state::AdminState;
use crate::domain::identity::Standing;

/// What may be suspended.
pub(super) trait Standable {
    /// Says how the one of that id stands from now on, records it, and tells the data plane.
    fn set_standing(
        by: (&AdminState, &Administrator),
        id: &str,
        standing: Standing,
    ) -> impl Future<Output = Answer> + Send;
}

/// `POST /admin/…/{id}/suspend`.
pub(super) async fn suspend<S: Standable>(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    S::set_standing((&state, &who), &id, Standing::Suspended).await
}

/// `POST /admin/…/{id}/resume`.
pub(super) async fn resume<S: Standable>(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    S::set_standing((&state, &who), &id, Standing::Active).await
}
