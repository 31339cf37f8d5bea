//! Accounts at the identity provider, and the merchants that they are.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::parameters::Id;
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::id::MerchantId;
use crate::domain::provider_account::{LinkedAccount, ProviderAccount};
use crate::store::StoreError;

/// `GET /admin/merchants/{id}/accounts`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let merchant = find(&state, &id).await?;
    let accounts = state.store.linked_accounts(&merchant).await?;
    ok(json!({"items": accounts.iter().map(show::linked_account).collect::<Vec<_>>(), "next": null}))
}

/// `POST /admin/merchants/{id}/accounts`.
pub(super) async fn link(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let account = account(&mut body);
    if let Some(account) = &account {
        check_issuer(&state, account.issuer(), &mut body);
    }
    let account = body.finish(account)?;
    let merchant = find(&state, &id).await?;
    let link = LinkedAccount { account, merchant, linked_at: state.clock.now() };
    let after = show::linked_account(&link);
    let store = who.recording(&state, (Action::MerchantLink, link.merchant.as_str()), (None, Some(&after)));
    match store.link_account(&link).await {
        Err(StoreError::Conflict { .. }) => return Err(taken(&state, &link).await?),
        linked => linked?,
    }
    tracing::info!(merchant = %link.merchant, account = %link.account, "an account was linked");
    created(&format!("/admin/merchants/{}/accounts", link.merchant), after)
}

/// `POST /admin/merchants/{id}/accounts/unlink`. The merchant is logged out of all browsers.
pub(super) async fn unlink(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let account = account(&mut body);
    let account = body.finish(account)?;
    let merchant = find(&state, &id).await?;
    let mut transaction = state.store.begin().await?;
    // As a login does: the merchant first, then its account.
    transaction.lock_merchant(&merchant).await?;
    let link = transaction.lock_link(&merchant, &account).await?;
    let before = show::linked_account(&link.ok_or(Problem::NotFound("linked account"))?);
    transaction.unlink_account(&merchant, &account).await?;
    let what = (Action::MerchantUnlink, merchant.as_str());
    who.record((&state, &mut transaction), what, (Some(&before), None)).await?;
    transaction.commit().await?;
    tracing::info!(%merchant, %account, "an account is no longer linked");
    ok(before)
}

fn account(body: &mut Fields) -> Option<ProviderAccount> {
    let (issuer, subject) =
        (body.required("issuer", fields::text::<String>), body.required("subject", fields::text::<String>));
    let account = issuer.zip(subject).map(|(issuer, subject)| ProviderAccount::new(&issuer, &subject));
    account.and_then(|account| account.map_err(|error| body.wrong("subject", error.to_string())).ok())
}

/// An account at an issuer that is no identity provider of the policies could never log in. It may be unlinked, though: it was
/// linked when there was another.
fn check_issuer(state: &AdminState, issuer: &str, body: &mut Fields) {
    let policies = state.policies.load();
    match policies.platform.login.provider.as_ref().map(|provider| provider.issuer.as_str()) {
        Some(known) if known == issuer => {}
        Some(known) => {
            body.wrong("issuer", format!("is no identity provider of the policies; there is: {known}"));
        }
        None => {
            let told = "the policies have no identity provider: name one in platform.yaml, under oauth.login.provider";
            body.wrong("issuer", told.to_owned());
        }
    }
}

/// Why that link cannot be made: by which other one, and how that is ended.
async fn taken(state: &AdminState, link: &LinkedAccount) -> Result<Problem, Problem> {
    let of_account = state.store.linked_account(&link.account).await?;
    let at_provider = |other: &LinkedAccount| other.account.issuer() == link.account.issuer();
    let (told, other) = match of_account {
        Some(other) if other.merchant == link.merchant => {
            return Ok(Problem::Conflict("That account is linked to this merchant already.".to_owned()));
        }
        Some(other) => (format!("That account is linked to merchant {} already", other.merchant), other),
        None => match state.store.linked_accounts(&link.merchant).await?.into_iter().find(at_provider) {
            Some(other) => (
                format!("This merchant has account {} at that provider already", other.account.subject()),
                other,
            ),
            // It was unlinked just now.
            None => {
                return Ok(Problem::Conflict(
                    "That account was linked until just now; try again.".to_owned(),
                ));
            }
        },
    };
    let (merchant, account) = (&other.merchant, &other.account);
    let (issuer, subject) = (in_shell(account.issuer()), in_shell(account.subject()));
    Ok(Problem::Conflict(format!(
        "{told}; end that first: tollgate merchant unlink {merchant} --issuer={issuer} --subject={subject}"
    )))
}

/// A text as a shell takes it for one word, and for nothing else: somebody will copy the line.
fn in_shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/@".contains(&byte);
    // What a word begins with may mean something to the shell, or to the program.
    match text.bytes().all(is_plain) && text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

async fn find(state: &AdminState, id: &str) -> Result<MerchantId, Problem> {
    let missing = || Problem::NotFound("merchant");
    let id = MerchantId::new(id).map_err(|_| missing())?;
    Ok(state.store.merchant(&id).await?.ok_or_else(missing)?.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_names_its_users_runs_nothing_in_a_shell() {
        for (text, expected) in [
            ("248289761001", "248289761001"),
            ("https://login.example.com/a?b=c", "'https://login.example.com/a?b=c'"),
            ("auth0|user 1", "'auth0|user 1'"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(in_shell(text), expected);
        }
    }
}
