//! The cookie of a browser in which a merchant has logged in before: logins from there are counted by themselves, so that who
//! guesses at the account from elsewhere does not lock its owner out (OWASP, "device cookies").
//!
//! It opens nothing. It is signed for one user name, which it does not tell, and of no more use once the password is another, or
//! the second factor: whoever knew the old one, or had to know no other, may have logged in.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderValue};

use super::error::PageError;
use super::router::OAuth;
use super::session::{cookie, cookie_name, hex, set_cookie};
use crate::credential::cookie::DEVICE;
use crate::domain::random::new_id;
use crate::domain::time::Timestamp;

/// How long a browser is known after a login.
const LIFETIME: Duration = Duration::from_secs(180 * 24 * 3600);

/// What a merchant proves itself by: the hash of its password, and since when it has its second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    /// The hash of its password, in the PHC format.
    pub password_hash: String,
    /// Since when it logs in by a second factor too, if it does.
    pub second_since: Option<Timestamp>,
}

/// The id of the browser, if somebody has logged in there as `username` by the factors that are in force. The store is asked only
/// of a cookie of ours.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn find<'h>(
    oauth: &OAuth,
    headers: &'h HeaderMap,
    username: &str,
) -> Result<Option<&'h str>, PageError> {
    let Some(known) = read(oauth, headers, username) else { return Ok(None) };
    let Some((merchant, password_hash)) = oauth.store.merchant_login(username).await? else {
        return Ok(None);
    };
    let factor = oauth.store.second_factor(&merchant.id).await?;
    let second_since = factor.and_then(|factor| factor.confirmed_at);
    let is_in_force = known.factors == mark(oauth, &Factors { password_hash, second_since });
    Ok(is_in_force.then_some(known.id))
}

/// The cookie for a browser in which `username` has just logged in by those factors. One that is known keeps its id.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn renew(
    oauth: &OAuth,
    headers: &HeaderMap,
    (username, factors): (&str, &Factors),
) -> Result<HeaderValue, PageError> {
    let factors = mark(oauth, factors);
    let id = match read(oauth, headers, username).filter(|known| known.factors == factors) {
        Some(known) => known.id.to_owned(),
        None => new_id("", &*oauth.random).map_err(|error| PageError::Unavailable(Box::new(error)))?,
    };
    let signed = format!("{}.{id}.{factors}", oauth.clock.now().plus(LIFETIME).as_seconds());
    let value = format!("{signed}.{}", tag(oauth, &signed, username));
    set_cookie(oauth, DEVICE, (&value, LIFETIME.as_secs()))
}

/// What a cookie of ours says.
struct Known<'h> {
    id: &'h str,
    /// The [`mark`] of the factors that were in force.
    factors: &'h str,
}

/// What the browser's cookie says, if it is one of ours for that user name.
fn read<'h>(oauth: &OAuth, headers: &'h HeaderMap, username: &str) -> Option<Known<'h>> {
    let (signed, signature) = cookie(headers, &cookie_name(oauth, DEVICE))?.rsplit_once('.')?;
    verify_slices_are_equal(tag(oauth, signed, username).as_bytes(), signature.as_bytes()).ok()?;
    let (until_and_id, factors) = signed.rsplit_once('.')?;
    let (until, id) = until_and_id.split_once('.')?;
    let until = Timestamp::from_seconds(until.parse().ok()?);
    (oauth.clock.now() < until).then_some(Known { id, factors })
}

/// What stands for the factors: without our key, it tells nothing of the password's hash.
fn mark(oauth: &OAuth, Factors { password_hash, second_since }: &Factors) -> String {
    let second = second_since.map_or(0, Timestamp::as_micros);
    sign(oauth, "factors of device cookies", &format!("{password_hash}\n{second}"))
}

fn tag(oauth: &OAuth, signed: &str, username: &str) -> String {
    // Neither has a line's end in it, so nobody can have one begin where the other ends.
    sign(oauth, "device cookies", &format!("{signed}\n{username}"))
}

fn sign(oauth: &OAuth, purpose: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &oauth.sealing.derive(purpose));
    hex(hmac::sign(&key, text.as_bytes()).as_ref())
}
