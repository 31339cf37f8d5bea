//! The browser session of a merchant that has logged in: a random id in a cookie, its hash in the store.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderValue, header};

use super::error::PageError;
use super::router::OAuth;
use crate::domain::id::MerchantId;
use crate::domain::identity::{Merchant, Standing};
use crate::domain::random::new_secret;
use crate::domain::secret_hash::SessionHash;
use crate::store::login_session::LoginSession;

/// How long a session lives.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// A merchant that has logged in.
pub struct Session {
    /// Who.
    pub merchant: Merchant,
    /// What its forms carry against cross-site requests.
    pub csrf: String,
}

/// The session of a request, if it has a good one.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn find(oauth: &OAuth, headers: &HeaderMap) -> Result<Option<Session>, PageError> {
    let Some(id) = cookie(headers, cookie_name(oauth)) else { return Ok(None) };
    let found = oauth.store.login_session(&SessionHash::of(id), oauth.clock.now()).await?;
    let Some(session) = found else { return Ok(None) };
    let merchant = oauth.store.merchant(&session.merchant).await?;
    let merchant = merchant.filter(|merchant| merchant.standing == Standing::Active);
    Ok(merchant.map(|merchant| Session { merchant, csrf: hex(&session.csrf_secret) }))
}

/// Begins a session; gives its cookie.
///
/// # Errors
/// [`PageError::Unavailable`].
pub async fn begin(oauth: &OAuth, merchant: &MerchantId) -> Result<HeaderValue, PageError> {
    let unavailable = |error| PageError::Unavailable(Box::new(error));
    let id = new_secret("", &*oauth.random).map_err(unavailable)?;
    let mut csrf_secret = [0; 32];
    oauth.random.fill(&mut csrf_secret).map_err(unavailable)?;
    let now = oauth.clock.now();
    let session = LoginSession {
        merchant: merchant.clone(),
        csrf_secret,
        created_at: now,
        expires_at: now.plus(LIFETIME),
    };
    oauth.store.create_login_session(&SessionHash::of(&id), &session).await?;
    let secure = if is_secure(oauth) { "; Secure" } else { "" };
    let cookie = format!(
        "{}={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        cookie_name(oauth),
        LIFETIME.as_secs()
    );
    HeaderValue::from_str(&cookie).map_err(|error| PageError::Unavailable(Box::new(error)))
}

/// Whether a form's token is the session's.
#[must_use]
pub fn is_own_form(session: &Session, token: Option<&str>) -> bool {
    token.is_some_and(|token| verify_slices_are_equal(token.as_bytes(), session.csrf.as_bytes()).is_ok())
}

/// Whether a form was sent from our own pages, as far as the browser tells (Fetch Metadata, RFC 6454).
#[must_use]
pub fn is_same_origin(oauth: &OAuth, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // A page served with `Referrer-Policy: no-referrer` sends `null` for its own origin too.
        (None, Some("null")) | (None, None) => true,
        (None, Some(origin)) => origin == oauth.issuer,
    }
}

fn cookie_name(oauth: &OAuth) -> &'static str {
    if is_secure(oauth) { "__Host-tollgate" } else { "tollgate" }
}

fn is_secure(oauth: &OAuth) -> bool {
    oauth.issuer.starts_with("https://")
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
