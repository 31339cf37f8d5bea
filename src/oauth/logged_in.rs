//! How a login ends well: a session takes the place of the one that the browser had, the browser is known as one of its
//! merchant's from then on, and goes on with what it came for.

use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::device_cookie::{self, Factors};
use super::error::{PageError, see_other};
use super::interaction::Interaction;
use super::router::OAuth;
use super::session;
use crate::domain::authentication::AuthenticationClass;
use crate::domain::id::MerchantId;
use crate::store::StoreError;
use crate::store::first_factor::FirstFactor;

/// Logs a merchant in that proved itself by `first`, and by `class` in all; `None` if it may no longer log in so.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn log_in(
    oauth: &OAuth,
    headers: &HeaderMap,
    (merchant, first): (&MerchantId, &FirstFactor),
    class: AuthenticationClass,
    interaction: &Interaction,
) -> Result<Option<Response>, PageError> {
    session::end(oauth, headers).await?;
    // As they were before it: what changes meanwhile, whoever logs in now need not know.
    let known_by = known_by(oauth, (merchant, first), class).await;
    let Some(begun) = session::begin(oauth, headers, (merchant, first), class).await? else {
        return Ok(None);
    };
    let mut response = see_other(&interaction.path_after_login(&begun.csrf));
    response.headers_mut().append(header::SET_COOKIE, begun.cookie);
    // It has logged in by now: a browser that is not known again is no reason to fail.
    if let Ok(Some((username, factors))) = known_by
        && let Ok(cookie) = device_cookie::renew(oauth, headers, (&username, &factors))
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(Some(response))
}

/// The user name, and the factors that a browser is known by from now on: the password that was proven, if one was, and the second
/// one, if that was too.
async fn known_by(
    oauth: &OAuth,
    (merchant, first): (&MerchantId, &FirstFactor),
    class: AuthenticationClass,
) -> Result<Option<(String, Factors)>, StoreError> {
    let second = match class {
        AuthenticationClass::OneFactor => None,
        AuthenticationClass::TwoFactors => oauth.store.second_factor(merchant).await?,
    };
    let second_since = second.and_then(|factor| factor.confirmed_at);
    let Some(merchant) = oauth.store.merchant(merchant).await? else { return Ok(None) };
    let password_hash = match first {
        FirstFactor::Password(proven) => Some(proven.clone()),
        FirstFactor::Account(..) => {
            oauth.store.merchant_login(&merchant.username).await?.map(|(_, hash)| hash)
        }
    };
    Ok(password_hash.map(|password_hash| (merchant.username, Factors { password_hash, second_since })))
}
