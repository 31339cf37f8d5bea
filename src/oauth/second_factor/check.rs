//! Whether what a merchant typed is its one-time password, or one of its recovery codes.

use axum::http::HeaderMap;

use super::super::device_cookie;
use super::super::error::PageError;
use super::super::recorded::recording;
use super::super::router::OAuth;
use super::super::throttle::{Attempt, address_of};
use crate::credential::one_time_password::OneTimeSecret;
use crate::domain::action::Action;
use crate::domain::id::MerchantId;
use crate::domain::refusal::whole_seconds;
use crate::domain::secret_hash::RecoveryHash;

/// Longest text that is looked at.
const MAX_TYPED: usize = 64;

/// Letters of a recovery code; see [`crate::domain::random::new_id`].
const RECOVERY_LENGTH: usize = 16;

/// Whether `merchant` logs in by two factors.
///
/// # Errors
/// [`PageError::Unavailable`].
pub(super) async fn is_confirmed(oauth: &OAuth, merchant: &MerchantId) -> Result<bool, PageError> {
    let factor = oauth.store.second_factor(merchant).await?;
    Ok(factor.is_some_and(|factor| factor.confirmed_at.is_some()))
}

/// Whether `typed` is what `merchant` proves itself with as a second factor; if so, it is used up. Wrong passwords make wait,
/// each for longer than the one before, but in browsers in which the merchant has logged in before: those are counted by
/// themselves, so that who knows the password alone locks nobody out. A recovery code cannot be guessed, and always works.
///
/// # Errors
/// [`PageError::TooManyAttempts`], [`PageError::Unavailable`].
pub(super) async fn is_right(
    oauth: &OAuth,
    headers: &HeaderMap,
    (merchant, typed): (&MerchantId, &str),
) -> Result<bool, PageError> {
    let factor = oauth.store.second_factor(merchant).await?;
    let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_some()) else { return Ok(false) };
    if typed.len() > MAX_TYPED {
        return Ok(false);
    }
    if let Some(hash) = recovery_hash(typed) {
        let store = recording(
            oauth,
            (headers, merchant),
            (Action::SecondFactorRecover, merchant.as_str()),
            (None, None),
        );
        return Ok(store.use_recovery_code(merchant, &hash).await?);
    }
    let now = oauth.clock.now();
    let known = count_in_known_browser(oauth, headers, merchant).await?;
    if known.is_none()
        && let Some(next_at) = oauth.store.count_one_time_attempt(merchant, now).await?
    {
        return Err(PageError::TooManyAttempts(whole_seconds(next_at.since(now)).max(1)));
    }
    let is_right = match open(oauth, merchant, &factor.sealed)?.step_of(typed, now) {
        Some(step) => oauth.store.use_one_time_password(merchant, step, known.is_none()).await?,
        None => false,
    };
    if let Some(attempt) = known.filter(|_| is_right) {
        attempt.give_back();
    }
    Ok(is_right)
}

/// Counts an attempt in a browser of `merchant`'s own, if it is one.
///
/// # Errors
/// [`PageError::TooManyAttempts`], [`PageError::Unavailable`].
async fn count_in_known_browser<'o>(
    oauth: &'o OAuth,
    headers: &HeaderMap,
    merchant: &MerchantId,
) -> Result<Option<Attempt<'o>>, PageError> {
    let Some(merchant) = oauth.store.merchant(merchant).await? else { return Ok(None) };
    let Some(browser) = device_cookie::find(oauth, headers, &merchant.username).await? else {
        return Ok(None);
    };
    let (address, now) = (address_of(headers), oauth.clock.monotonic());
    let counted = oauth.throttle.login(&merchant.username, Some(browser), address, now);
    counted.map(Some).map_err(PageError::TooManyAttempts)
}

/// The hash of a recovery code as a person types it; `None` for what is too short to be one.
pub(super) fn recovery_hash(typed: &str) -> Option<RecoveryHash> {
    let letters: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    (letters.len() == RECOVERY_LENGTH).then(|| RecoveryHash::of(&letters.to_ascii_lowercase()))
}

/// The secret of one-time passwords that was sealed for a merchant.
pub(super) fn open(oauth: &OAuth, merchant: &MerchantId, sealed: &[u8]) -> Result<OneTimeSecret, PageError> {
    let opened = oauth
        .sealing
        .open(&belongs_to(merchant), sealed)
        .map_err(|error| PageError::Unavailable(Box::new(error)))?;
    OneTimeSecret::from_bytes(&opened)
        .ok_or_else(|| PageError::Unavailable("a second factor in the store is malformed".into()))
}

/// What a merchant's secret is sealed for.
pub(super) fn belongs_to(merchant: &MerchantId) -> String {
    format!("second factor of {merchant}")
}
