//! The cookie of a browser in which a merchant has logged in before: logins from there are counted by themselves, so that who
//! guesses at the account from elsewhere does not lock its owner out (OWASP, "device cookies").
//!
//! It opens nothing. It is signed for one user name, which it does not tell, and of no more use once the password is another:
//! whoever knew the old one may have logged in.

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

/// The id of the browser, if somebody has logged in there as `username` by the password that is in force. The store is asked only
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
    let login = oauth.store.merchant_login(username).await?;
    let is_in_force = login.is_some_and(|(_, password_hash)| known.password == mark(oauth, &password_hash));
    Ok(is_in_force.then_some(known.id))
}

/// The cookie for a browser in which `username`, whose password has that hash, has just logged in. One that is known keeps its id.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn renew(
    oauth: &OAuth,
    headers: &HeaderMap,
    (username, password_hash): (&str, &str),
) -> Result<HeaderValue, PageError> {
    let password = mark(oauth, password_hash);
    let id = match read(oauth, headers, username).filter(|known| known.password == password) {
        Some(known) => known.id.to_owned(),
        None => new_id("", &*oauth.random).map_err(|error| PageError::Unavailable(Box::new(error)))?,
    };
    let signed = format!("{}.{id}.{password}", oauth.clock.now().plus(LIFETIME).as_seconds());
    let value = format!("{signed}.{}", tag(oauth, &signed, username));
    set_cookie(oauth, DEVICE, (&value, LIFETIME.as_secs()))
}

/// What a cookie of ours says.
struct Known<'h> {
    id: &'h str,
    /// The [`mark`] of the password that was in force.
    password: &'h str,
}

/// What the browser's cookie says, if it is one of ours for that user name.
fn read<'h>(oauth: &OAuth, headers: &'h HeaderMap, username: &str) -> Option<Known<'h>> {
    let (signed, signature) = cookie(headers, &cookie_name(oauth, DEVICE))?.rsplit_once('.')?;
    verify_slices_are_equal(tag(oauth, signed, username).as_bytes(), signature.as_bytes()).ok()?;
    let (until_and_id, password) = signed.rsplit_once('.')?;
    let (until, id) = until_and_id.split_once('.')?;
    let until = Timestamp::from_seconds(until.parse().ok()?);
    (oauth.clock.now() < until).then_some(Known { id, password })
}

/// What stands for a password: without our key, it tells nothing of its hash.
fn mark(oauth: &OAuth, password_hash: &str) -> String {
    sign(oauth, "passwords of device cookies", password_hash)
}

fn tag(oauth: &OAuth, signed: &str, username: &str) -> String {
    // Neither has a line's end in it, so nobody can have one begin where the other ends.
    sign(oauth, "device cookies", &format!("{signed}\n{username}"))
}

fn sign(oauth: &OAuth, purpose: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &oauth.sealing.derive(purpose));
    hex(hmac::sign(&key, text.as_bytes()).as_ref())
}
