//! Whether a form came from our own page, as far as the browser tells (Fetch Metadata, RFC 6454), and the token by which
//! the login page knows its own form again: without it, a foreign page could log a browser in as somebody else.
//!
//! Programs that drive a login by themselves send none of what marks a browser, and nobody can make a browser leave it
//! out; so a form without any of it needs no token.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};
use axum::http::{HeaderMap, HeaderValue, header};

use super::error::PageError;
use super::parameters::Parameters;
use super::router::OAuth;
use super::session::{self, Session, cookie, cookie_name, hex, set_cookie};
use crate::credential::cookie::LOGIN;
use crate::domain::random::new_secret;

/// How long a login page may lie open, in seconds.
const LIFETIME: u64 = 3600;
/// Characters of the cookie; see [`new_secret`].
const COOKIE_LENGTH: usize = 52;
/// What browsers send with a form, each of them some of it. `Sec-Fetch-Mode` is none of it: programs send that too.
const MARKS: [&str; 3] = ["origin", "referer", "sec-fetch-site"];

/// What a login page needs.
pub struct LoginForm {
    /// For its hidden field.
    pub token: String,
    /// To be set, also where the browser has it already: it is to live as long as the page that is shown now.
    pub cookie: HeaderValue,
}

/// What the login page for this browser needs. Pages that are open side by side share their cookie.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn prepare(oauth: &OAuth, headers: &HeaderMap) -> Result<LoginForm, PageError> {
    let id = match known(oauth, headers) {
        Some(id) => id.to_owned(),
        None => new_secret("", &*oauth.random).map_err(|error| PageError::Unavailable(Box::new(error)))?,
    };
    let cookie = set_cookie(oauth, LOGIN, (&id, LIFETIME))?;
    Ok(LoginForm { token: token_of(&id), cookie })
}

/// The browser that sees the login page, by the value of its cookie.
#[must_use]
pub fn browser<'h>(oauth: &OAuth, headers: &'h HeaderMap) -> Option<&'h str> {
    known(oauth, headers)
}

/// The value of the cookie that the browser has.
fn known<'h>(oauth: &OAuth, headers: &'h HeaderMap) -> Option<&'h str> {
    let id = cookie(headers, &cookie_name(oauth, LOGIN))?;
    let is_ours = id.len() == COOKIE_LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_ours.then_some(id)
}

/// Whether a login form came from our own page, or from no browser at all.
#[must_use]
pub fn is_own(oauth: &OAuth, headers: &HeaderMap, sent: Option<&str>) -> bool {
    let is_from_browser = MARKS.iter().any(|mark| headers.contains_key(*mark));
    match (is_from_browser, known(oauth, headers).map(token_of), sent) {
        (false, _, None) | (false, None, _) => true,
        (_, Some(token), Some(sent)) => verify_slices_are_equal(token.as_bytes(), sent.as_bytes()).is_ok(),
        (true, _, None) | (true, None, _) => false,
    }
}

/// The session of a form that its own page sent.
///
/// # Errors
/// [`PageError::StaleForm`] without a session, of another origin, or without the session's token;
/// [`PageError::TooManyAttempts`]; [`PageError::Unavailable`].
pub async fn session_of(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Session, PageError> {
    let session = session::find(oauth, headers).await?.ok_or(PageError::StaleForm)?;
    sent_in(oauth, headers, form, session)
}

/// The same of a browser that has `session`.
///
/// # Errors
/// As there, and [`PageError::TooManyAttempts`].
pub fn sent_in(
    oauth: &OAuth,
    headers: &HeaderMap,
    form: &Parameters,
    session: Session,
) -> Result<Session, PageError> {
    let is_own = is_same_origin(&oauth.issuer, headers) && session::is_own_form(&session, form.get("csrf"));
    if !is_own || form.repeated().is_some() {
        return Err(PageError::StaleForm);
    }
    let counted = oauth.throttle.form(&session.id, oauth.clock.monotonic());
    counted.map(|()| session).map_err(PageError::TooManyAttempts)
}

/// Whether a form was sent from our own origin, as far as the browser tells.
#[must_use]
pub fn is_same_origin(issuer: &str, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match (text("sec-fetch-site"), text("origin"), text(header::REFERER.as_str())) {
        (Some(site), ..) => matches!(site, b"same-origin" | b"none"),
        // Our pages let their own origin be told; `null` is that of a frame or a redirect that hides where it is from.
        (None, Some(origin), _) => origin == issuer.as_bytes(),
        (None, None, Some(referer)) => {
            referer.strip_prefix(issuer.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        }
        (None, None, None) => true,
    }
}

/// The token of a form is made of the browser's cookie, and tells nothing of it.
#[must_use]
pub fn token_of(id: &str) -> String {
    let mut digest = Context::new(&SHA256);
    digest.update(b"login form ");
    digest.update(id.as_bytes());
    hex(digest.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_origin_or_of_none_that_is_told_is_not_ours() {
        let ours = "https://api.example.com";
        for (fields, is_ours) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", ours)], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", ours)], true),
            (&[("origin", "null")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "https://api.example.com.evil.example")], false),
            (&[("referer", "https://api.example.com/oauth/authorize?x")], true),
            (&[("referer", "https://api.example.com.evil.example/")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_same_origin(ours, &headers), is_ours, "{fields:?}");
        }
    }
}
