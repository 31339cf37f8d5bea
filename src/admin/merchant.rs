//! Merchants: shops, on whose behalf apps act.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::{Administrator, of_standing};
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::page::page;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::show;
use super::standing::Standable;
use super::state::AdminState;
use crate::credential::hasher::{Asker, TurnError};
use crate::credential::password::{self, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, PasswordError};
use crate::domain::action::Action;
use crate::domain::id::MerchantId;
use crate::domain::identity::{Merchant, Standing};
use crate::domain::random::new_id;
use crate::store::Transaction;
use crate::store::second_factor::Removal;

/// `POST /admin/merchants`. Without a password, one is made, and is in this answer alone.
pub(super) async fn create(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    mut body: Fields,
) -> Answer {
    let username = body.required("username", username);
    let name = body.required("name", fields::name);
    let sent = body.optional("password", new_password);
    let built = (|| Some((username?, name?, sent?)))();
    let (username, name, sent) = body.finish(built)?;
    let made = made_unless(&state, sent.is_some())?;
    let merchant = Merchant {
        id: MerchantId::new(&new_id("mer_", &*state.random)?).map_err(|_| Problem::Internal)?,
        username,
        name,
        standing: Standing::Active,
        created_at: state.clock.now(),
    };
    let password = sent.or_else(|| made.clone()).unwrap_or_default();
    let password_hash = hash(&state, password).await?;
    let mut shown = show::merchant(&merchant);
    let store = who.recording(&state, (Action::MerchantCreate, merchant.id.as_str()), (None, Some(&shown)));
    store.create_merchant(&merchant, &password_hash).await?;
    tracing::info!(merchant = %merchant.id, "a merchant was registered");
    if let Some(made) = made {
        shown["password"] = json!(made);
    }
    created(&format!("/admin/merchants/{}", merchant.id), shown)
}

/// `POST /admin/merchants/{id}/password`. Without a password, one is made, and is in this answer alone.
pub(super) async fn set_password(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let sent = body.optional("password", new_password);
    let sent = body.finish(sent)?;
    let merchant = find(&state, &id).await?;
    let made = made_unless(&state, sent.is_some())?;
    let password_hash = hash(&state, sent.or_else(|| made.clone()).unwrap_or_default()).await?;
    let store = who.recording(&state, (Action::MerchantSetPassword, merchant.id.as_str()), (None, None));
    store.set_merchant_password(&merchant.id, &password_hash).await?;
    tracing::info!(merchant = %merchant.id, "a merchant got another password");
    let mut shown = show::merchant(&merchant);
    if let Some(made) = made {
        shown["password"] = json!(made);
    }
    ok(shown)
}

/// A new password, unless one was sent.
fn made_unless(state: &AdminState, is_sent: bool) -> Result<Option<String>, Problem> {
    if is_sent { Ok(None) } else { Ok(Some(new_id("", &*state.random)?)) }
}

/// `POST /admin/merchants/{id}/second-factor/remove`: for a merchant that lost it. It logs in by its password alone from
/// then on.
pub(super) async fn remove_second_factor(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let mut transaction = state.store.begin().await?;
    let merchant = lock(&mut transaction, &id).await?;
    let factor = transaction.confirmed_factor(&merchant.id).await?;
    if transaction.remove_second_factor(&merchant.id, Removal::Any).await? {
        let shown = |factor| json!({ "second_factor": show::second_factor(factor) });
        let (before, after) = (shown(factor), shown(None));
        let what = (Action::MerchantRemoveSecondFactor, merchant.id.as_str());
        who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
        tracing::info!(merchant = %merchant.id, "a merchant's second factor was removed");
    }
    ok(show::merchant_with(&merchant, None))
}

/// `GET /admin/merchants`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let merchants = state.store.merchants(&paging.page).await?;
    ok(page(&merchants, paging.size, |merchant| merchant.id.as_str(), show::merchant))
}

/// `GET /admin/merchants/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let merchant = find(&state, &id).await?;
    let factor = state.store.confirmed_factor(&merchant.id).await?;
    ok(show::merchant_with(&merchant, factor))
}

impl Standable for Merchant {
    async fn set_standing(
        (state, who): (&AdminState, &Administrator),
        id: &str,
        standing: Standing,
    ) -> Answer {
        let mut transaction = state.store.begin().await?;
        let merchant = lock(&mut transaction, id).await?;
        let (before, after) =
            (show::merchant(&merchant), show::merchant(&Merchant { standing, ..merchant.clone() }));
        transaction.set_merchant_standing(&merchant.id, standing).await?;
        let (action, subject) =
            (of_standing(standing, (Action::MerchantSuspend, Action::MerchantResume)), merchant.id.as_str());
        who.record((state, &mut transaction), (action, subject), (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
        state.invalidation.forget_merchant(&merchant.id);
        tracing::info!(merchant = %merchant.id, standing = standing.name(), "a merchant's standing changed");
        ok(after)
    }
}

/// The merchant that is changed by `transaction`, and by nobody else meanwhile.
pub(super) async fn lock(transaction: &mut Transaction, id: &str) -> Result<Merchant, Problem> {
    let missing = Problem::NotFound("merchant");
    let Ok(id) = MerchantId::new(id) else { return Err(missing) };
    transaction.lock_merchant(&id).await?.ok_or(missing)
}

pub(super) async fn find(state: &AdminState, id: &str) -> Result<Merchant, Problem> {
    let missing = Problem::NotFound("merchant");
    let Ok(id) = MerchantId::new(id) else { return Err(missing) };
    state.store.merchant(&id).await?.ok_or(missing)
}

async fn hash(state: &AdminState, password: String) -> Result<String, Problem> {
    let mut salt = [0; 16];
    state.random.fill(&mut salt)?;
    let hashed = state.hasher.in_turn(Asker::Known, move || password::hash(&password, &salt)).await;
    let hashed = hashed.map_err(|error| match error {
        TurnError::Busy => Problem::Unavailable("The hash of passwords"),
        TurnError::Died(_) => Problem::Internal,
    })?;
    hashed.map_err(|error| match error {
        // The length was checked with the other fields.
        PasswordError::Length => Problem::Internal,
        PasswordError::Unavailable => Problem::Unavailable("The hash of passwords"),
    })
}

fn username(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be a string")?;
    let is_right = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_right { Ok(text.to_owned()) } else { Err("must have 1 to 100 visible ASCII characters".to_owned()) }
}

fn new_password(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be a string")?;
    // A control character cannot come back: the login form takes none.
    if (MIN_PASSWORD_LENGTH..=MAX_PASSWORD_LENGTH).contains(&text.len())
        && !text.chars().any(char::is_control)
    {
        return Ok(text.to_owned());
    }
    Err(format!("must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} bytes and no control characters"))
}
