//! The browser session of a merchant that has logged in: a random id in a cookie, its hash in the store.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderValue, header};

use super::error::PageError;
use super::router::OAuth;
use super::throttle::address_of;
use crate::credential::cookie::{HOST_PREFIX, SESSION};
use crate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use crate::domain::id::{InvalidId, MerchantId, SessionId};
use crate::domain::identity::{Merchant, Standing};
use crate::domain::last_use::Used;
use crate::domain::random::{new_id, new_secret};
use crate::domain::secret_hash::SessionHash;
use crate::store::first_factor::FirstFactor;
use crate::store::login_session::LoginSession;

/// How long a session lives.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// A merchant that has logged in.
pub struct Session {
    /// By which it is named.
    pub id: SessionId,
    /// Who.
    pub merchant: Merchant,
    /// What its forms carry against cross-site requests.
    pub csrf: String,
    /// How it proved itself.
    pub authentication: Authentication,
}

/// The session of a request, if it has a good one.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn find(oauth: &OAuth, headers: &HeaderMap) -> Result<Option<Session>, PageError> {
    let Some(id) = cookie(headers, &cookie_name(oauth, SESSION)) else { return Ok(None) };
    let now = oauth.clock.now();
    let Some(session) = oauth.store.login_session(&SessionHash::of(id), now).await? else { return Ok(None) };
    oauth.last_uses.note(Used::Session(session.id.clone()), session.seen_at, now);
    let merchant = oauth.store.merchant(&session.merchant).await?;
    let merchant = merchant.filter(|merchant| merchant.standing == Standing::Active);
    let (csrf, id, authentication) = (hex(&session.csrf_secret), session.id, session.authentication);
    Ok(merchant.map(|merchant| Session { id, merchant, csrf, authentication }))
}

/// A session that has just begun.
pub struct Begun {
    /// For the browser.
    pub cookie: HeaderValue,
    /// As [`Session::csrf`].
    pub csrf: String,
}

/// Begins a session of a merchant that proved itself in the browser with these headers by `first`, and by `class` in all; `None` if it may no longer log in so.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn begin(
    oauth: &OAuth,
    headers: &HeaderMap,
    (merchant, first): (&MerchantId, &FirstFactor),
    class: AuthenticationClass,
) -> Result<Option<Begun>, PageError> {
    let at = match first {
        FirstFactor::Password(_) => oauth.clock.now(),
        FirstFactor::Account(_, at) => *at,
    };
    let authentication = Authentication { at, class };
    let (id, session) = new_session(oauth, headers, (merchant, first.method(), authentication))?;
    if !oauth.store.begin_login_session(&SessionHash::of(&id), &session, first).await? {
        return Ok(None);
    }
    oauth.counters.logged_in("succeeded");
    let cookie = set_cookie(oauth, SESSION, (&id, LIFETIME.as_secs()))?;
    Ok(Some(Begun { cookie, csrf: hex(&session.csrf_secret) }))
}

/// A new session, and the id that its cookie holds.
fn new_session(
    oauth: &OAuth,
    headers: &HeaderMap,
    (merchant, method, authentication): (&MerchantId, LoginMethod, Authentication),
) -> Result<(String, LoginSession), PageError> {
    let unavailable = |error| PageError::Unavailable(Box::new(error));
    let id = new_secret("", &*oauth.random).map_err(unavailable)?;
    let mut csrf_secret = [0; 32];
    oauth.random.fill(&mut csrf_secret).map_err(unavailable)?;
    let now = oauth.clock.now();
    let named = new_id("ses_", &*oauth.random).map_err(unavailable)?;
    let malformed = |error: InvalidId| PageError::Unavailable(Box::new(error));
    let session = LoginSession {
        id: SessionId::new(&named).map_err(malformed)?,
        authentication,
        merchant: merchant.clone(),
        csrf_secret,
        method: Some(method),
        address: Some(address_of(headers)).filter(|address| !address.is_unspecified()),
        created_at: now,
        seen_at: Some(now),
        expires_at: now.plus(LIFETIME),
    };
    Ok((id, session))
}

/// Ends the session of a request, if it has one.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn end(oauth: &OAuth, headers: &HeaderMap) -> Result<(), PageError> {
    match cookie(headers, &cookie_name(oauth, SESSION)) {
        Some(id) => Ok(oauth.store.delete_login_session(&SessionHash::of(id)).await?),
        None => Ok(()),
    }
}

/// Has the browser forget the session's cookie.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn no_cookie(oauth: &OAuth) -> Result<HeaderValue, PageError> {
    set_cookie(oauth, SESSION, ("", 0))
}

/// Whether a form's token is the session's.
#[must_use]
pub fn is_own_form(session: &Session, token: Option<&str>) -> bool {
    token.is_some_and(|token| verify_slices_are_equal(token.as_bytes(), session.csrf.as_bytes()).is_ok())
}

/// A `Set-Cookie` value for one of our own cookies, with its value and its life in seconds.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn set_cookie(
    oauth: &OAuth,
    name: &str,
    (value, seconds): (&str, u64),
) -> Result<HeaderValue, PageError> {
    let secure = if is_secure(oauth) { "; Secure" } else { "" };
    let name = cookie_name(oauth, name);
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&cookie).map_err(|error| PageError::Unavailable(Box::new(error)))
}

/// The full name of one of our own cookies.
#[must_use]
pub fn cookie_name(oauth: &OAuth, name: &str) -> String {
    if is_secure(oauth) { format!("{HOST_PREFIX}{name}") } else { name.to_owned() }
}

fn is_secure(oauth: &OAuth) -> bool {
    oauth.issuer.starts_with("https://")
}

/// The value of a cookie.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
