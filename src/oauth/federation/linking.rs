//! Whose account it is. By default only accounts that an administrator has linked are anybody's; a claim may link by itself if
//! the policies say so, each account once and each merchant to one account.

use axum::http::HeaderMap;

use super::super::error::PageError;
use super::super::recorded::recording;
use super::super::router::OAuth;
use super::id_token::IdToken;
use crate::credential::hasher::Asker;
use crate::credential::password;
use crate::domain::action::Action;
use crate::domain::id::MerchantId;
use crate::domain::identity::{Merchant, Standing};
use crate::domain::provider_account::{LinkedAccount, ProviderAccount};
use crate::domain::random::{new_id, new_secret};
use crate::policy::login::{IdentityProvider, Linking};
use crate::store::{StoreError, recorded};

/// Longest user name, in bytes, as the admin API has it.
const MAX_USERNAME: usize = 100;

/// The merchant whose account it is, linked or registered now if the policies say so.
///
/// # Errors
/// [`PageError::NotLinked`]; [`PageError::Busy`]; [`PageError::Unavailable`].
pub(super) async fn merchant(
    oauth: &OAuth,
    headers: &HeaderMap,
    (provider, account): (&IdentityProvider, &ProviderAccount),
    token: &IdToken,
) -> Result<MerchantId, PageError> {
    if let Some(linked) = oauth.store.linked_account(account).await? {
        return Ok(linked.merchant);
    }
    let not_linked = |why| PageError::NotLinked(account.clone(), why);
    let Linking::ByClaim { claim, creates } = &provider.linking else {
        return Err(not_linked("nobody linked it"));
    };
    let username = token.name(claim).ok_or_else(|| not_linked("its claim is missing or not verified"))?;
    let is_username =
        (1..=MAX_USERNAME).contains(&username.len()) && username.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_username {
        return Err(not_linked("its claim is no user name"));
    }
    let linked = match oauth.store.merchant_login(username).await? {
        Some((merchant, _)) => link(oauth, headers, (&merchant.id, account)).await,
        None if *creates => create(oauth, headers, (username, account), token).await,
        None => return Err(not_linked("there is no merchant of that user name")),
    };
    match linked {
        // Somebody else's account has that merchant, or had it just now.
        Err(PageError::Unavailable(error)) if is_taken(&*error) => {
            Err(not_linked("its merchant has another account"))
        }
        linked => linked,
    }
}

fn is_taken(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Conflict { .. }))
}

async fn link(
    oauth: &OAuth,
    headers: &HeaderMap,
    (merchant, account): (&MerchantId, &ProviderAccount),
) -> Result<MerchantId, PageError> {
    let link = new_link(oauth, merchant, account);
    let after = recorded::linked_account(&link);
    let change = (Action::MerchantLink, merchant.as_str());
    recording(oauth, (headers, merchant), change, (None, Some(&after))).link_account(&link).await?;
    Ok(merchant.clone())
}

/// Registers a merchant. The hash is that of a password which nobody knows, so that a login by password takes as long.
async fn create(
    oauth: &OAuth,
    headers: &HeaderMap,
    (username, account): (&str, &ProviderAccount),
    token: &IdToken,
) -> Result<MerchantId, PageError> {
    let unavailable = |error| PageError::Unavailable(Box::new(error));
    let id = new_id("mer_", &*oauth.random).map_err(unavailable)?;
    let unknown = new_secret("", &*oauth.random).map_err(unavailable)?;
    let mut salt = [0; 16];
    oauth.random.fill(&mut salt).map_err(unavailable)?;
    let hashed = oauth.hasher.in_turn(Asker::Stranger, move || password::hash(&unknown, &salt)).await;
    let password_hash = hashed?.map_err(|error| PageError::Unavailable(Box::new(error)))?;
    let name: String =
        token.name("name").unwrap_or(username).chars().filter(|char| !char.is_control()).take(100).collect();
    let merchant = Merchant {
        id: MerchantId::new(&id).map_err(|error| PageError::Unavailable(Box::new(error)))?,
        username: username.to_owned(),
        name: if name.trim().is_empty() { username.to_owned() } else { name },
        standing: Standing::Active,
        created_at: oauth.clock.now(),
    };
    let link = new_link(oauth, &merchant.id, account);
    let mut after = recorded::merchant(&merchant);
    after["linked_account"] = recorded::linked_account(&link);
    let change = (Action::MerchantCreate, merchant.id.as_str());
    let store = recording(oauth, (headers, &merchant.id), change, (None, Some(&after)));
    store.create_linked_merchant((&merchant, &password_hash), &link).await?;
    tracing::info!(merchant = %merchant.id, %account, "a merchant was registered by the identity provider");
    Ok(merchant.id)
}

fn new_link(oauth: &OAuth, merchant: &MerchantId, account: &ProviderAccount) -> LinkedAccount {
    LinkedAccount { account: account.clone(), merchant: merchant.clone(), linked_at: oauth.clock.now() }
}
