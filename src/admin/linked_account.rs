//! Accounts at the identity provider, and the merchants that they are.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::parameters::Id;
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::id::MerchantId;
use crate::domain::provider_account::{LinkedAccount, ProviderAccount};

/// `GET /admin/merchants/{id}/accounts`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let merchant = find(&state, &id).await?;
    let accounts = state.store.linked_accounts(&merchant).await?;
    ok(json!({"items": accounts.iter().map(shown).collect::<Vec<_>>(), "next": null}))
}

/// `POST /admin/merchants/{id}/accounts`.
pub(super) async fn link(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    let account = account(body)?;
    let merchant = find(&state, &id).await?;
    let link = LinkedAccount { account, merchant, linked_at: state.clock.now() };
    let after = shown(&link);
    let store = who.recording(&state, ("merchant.link", link.merchant.as_str()), (None, Some(&after)));
    store.link_account(&link).await?;
    tracing::info!(merchant = %link.merchant, account = %link.account, "an account was linked");
    created(&format!("/admin/merchants/{}/accounts", link.merchant), after)
}

/// `POST /admin/merchants/{id}/accounts/unlink`. The merchant is logged out of all browsers.
pub(super) async fn unlink(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    let account = account(body)?;
    let merchant = find(&state, &id).await?;
    let mut transaction = state.store.begin().await?;
    // As a login does: the merchant first, then its account.
    transaction.lock_merchant(&merchant).await?;
    let link = transaction.lock_link(&merchant, &account).await?;
    let before = shown(&link.ok_or(Problem::NotFound("linked account"))?);
    transaction.unlink_account(&merchant, &account).await?;
    let what = ("merchant.unlink", merchant.as_str());
    who.record((&state, &mut transaction), what, (Some(&before), None)).await?;
    transaction.commit().await?;
    tracing::info!(%merchant, %account, "an account is no longer linked");
    ok(before)
}

fn account(mut body: Fields) -> Result<ProviderAccount, Problem> {
    let (issuer, subject) =
        (body.required("issuer", fields::text::<String>), body.required("subject", fields::text::<String>));
    let account = issuer.zip(subject).map(|(issuer, subject)| ProviderAccount::new(&issuer, &subject));
    let account =
        account.and_then(|account| account.map_err(|error| body.wrong("subject", error.to_string())).ok());
    body.finish(account)
}

async fn find(state: &AdminState, id: &str) -> Result<MerchantId, Problem> {
    let missing = || Problem::NotFound("merchant");
    let id = MerchantId::new(id).map_err(|_| missing())?;
    Ok(state.store.merchant(&id).await?.ok_or_else(missing)?.id)
}

fn shown(link: &LinkedAccount) -> Value {
    json!({
        "merchant": link.merchant.as_str(),
        "issuer": link.account.issuer(),
        "subject": link.account.subject(),
        "linked_at": link.linked_at.to_string(),
    })
}
