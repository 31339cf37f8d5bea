//! The cookie of a browser in which a merchant has logged in before: logins from there are counted by themselves, so that who
//! guesses at the account from elsewhere does not lock its owner out (OWASP, "device cookies").
//!
//! It opens nothing. It is signed for one user name, whether anybody has that name or not, and tells nobody which.

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

/// The id of the browser, if somebody has logged in there as `username`.
#[must_use]
pub fn find<'h>(oauth: &OAuth, headers: &'h HeaderMap, username: &str) -> Option<&'h str> {
    let (until_and_id, tag) = cookie(headers, &cookie_name(oauth, DEVICE))?.rsplit_once('.')?;
    let (until, id) = until_and_id.split_once('.')?;
    let expected = sign(oauth, username, until_and_id);
    verify_slices_are_equal(expected.as_bytes(), tag.as_bytes()).ok()?;
    let until = Timestamp::from_seconds(until.parse().ok()?);
    (oauth.clock.now() < until).then_some(id)
}

/// The cookie for a browser in which `username` has just logged in. One that is known keeps its id.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn renew(oauth: &OAuth, headers: &HeaderMap, username: &str) -> Result<HeaderValue, PageError> {
    let id = match find(oauth, headers, username) {
        Some(id) => id.to_owned(),
        None => new_id("", &*oauth.random).map_err(|error| PageError::Unavailable(Box::new(error)))?,
    };
    let until_and_id = format!("{}.{id}", oauth.clock.now().plus(LIFETIME).as_seconds());
    let value = format!("{until_and_id}.{}", sign(oauth, username, &until_and_id));
    set_cookie(oauth, DEVICE, (&value, LIFETIME.as_secs()))
}

fn sign(oauth: &OAuth, username: &str, until_and_id: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &oauth.sealing.derive("device cookies"));
    // Neither has a line's end in it, so nobody can have one begin where the other ends.
    hex(hmac::sign(&key, format!("{until_and_id}\n{username}").as_bytes()).as_ref())
}
