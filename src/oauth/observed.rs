//! Where each call of the OAuth2 server is seen once: counted by endpoint and outcome, and logged if it was refused, with the
//! id that the answer carries.
//!
//! What is found out on the way, such as which app asks, is noted on the call's span, so that any other line of the log has
//! it too. Invariant: nothing that a caller made up gets there in full, and no secret at all; and what anybody can have refused
//! gets there so often and no more.

use std::net::IpAddr;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Level, Span, error_span};

use super::error::Refused;
use super::router::OAuth;
use super::throttle::{LeftOut, address_of};
use crate::domain::id::{AppId, GrantId, MerchantId};

/// Characters of a made-up name that a log may have.
const SHOWN: usize = 40;
/// Characters of a reason that a log may have: some name what was sent.
const REASON: usize = 400;
/// What secrets of ours begin with: who sends one as a name has mistaken it.
const SECRET: &str = "tg";
/// Where a merchant logs in.
const LOGINS: [&str; 3] = ["/oauth/login", "/oauth/login/code", "/oauth/federated/callback"];

/// Serves a call, and sees to it that what became of it is known.
pub async fn observe(State(oauth): State<OAuth>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let endpoint = path.as_ref().map_or("-", MatchedPath::as_str);
    let address = address_of(request.headers());
    // At the highest level, so that whatever is logged of the call has it.
    let span = error_span!(
        "oauth",
        request_id = request_id(request.headers()),
        endpoint,
        %address,
        app = Empty,
        unknown_client = Empty,
        redirect_uri = Empty,
        merchant = Empty,
        grant = Empty,
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let refused = response.extensions_mut().remove::<Refused>();
    oauth.counters.called(endpoint, refused.as_ref().map_or("ok", |refused| refused.code));
    if let Some(refused) = refused {
        span.in_scope(|| log(&oauth, address, &refused));
        if LOGINS.contains(&endpoint) {
            oauth.counters.logged_in(login_outcome(refused.code));
        }
    }
    response
}

/// The id of a call, as the data plane gave it.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> &str {
    headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default()
}

fn log(oauth: &OAuth, address: IpAddr, Refused { code, reason, level }: &Refused) {
    let reason = cut(reason, REASON);
    match *level {
        Level::ERROR | Level::WARN | Level::INFO => log_if_it_may(oauth, address, (code, reason, *level)),
        _ => tracing::debug!(code, reason, "a call was refused"),
    }
}

/// Logs what anybody can have refused, or fail.
fn log_if_it_may(oauth: &OAuth, address: IpAddr, (code, reason, level): (&str, &str, Level)) {
    let now = oauth.clock.monotonic();
    if let Some(LeftOut { lines, networks }) = oauth.throttle.left_out(now) {
        // It is of all calls, and not of this one.
        tracing::info!(parent: None, lines, networks, "calls were refused so often that their lines were left out");
    }
    let line = oauth.throttle.line(address, now);
    let left_out = line.filter(|left_out| *left_out > 0);
    match (line, level) {
        (None, _) => tracing::debug!(code, reason, "a call was refused"),
        (Some(_), Level::ERROR) => tracing::error!(code, reason, left_out, "a call could not be served"),
        (Some(_), Level::WARN) => tracing::warn!(code, reason, left_out, "a call was refused"),
        (Some(_), _) => tracing::info!(code, reason, left_out, "a call was refused"),
    }
}

/// What became of a login that was refused by that code.
fn login_outcome(code: &'static str) -> &'static str {
    match code {
        "wrong_password" | "wrong_second_factor" | "suspended" => code,
        "too_many_attempts" => "throttled",
        _ => "failed",
    }
}

/// Notes which app asks.
pub fn is_app(app: &AppId) {
    Span::current().record("app", app.as_str());
}

/// Notes which app somebody says to be that there is not.
pub fn is_no_app(name: &str) {
    let name = if name.starts_with(SECRET) { "(looks like a secret)" } else { cut(name, SHOWN) };
    Span::current().record("unknown_client", name);
}

/// Notes the redirect URI that an app has not registered, but for what it carries.
pub fn is_unregistered(uri: &str) {
    let place = uri.split(['?', '#']).next().unwrap_or_default();
    Span::current().record("redirect_uri", cut(place, 5 * SHOWN));
}

/// Notes which merchant it is about.
pub fn is_of_merchant(merchant: &MerchantId) {
    Span::current().record("merchant", merchant.as_str());
}

/// Notes which grant it is about.
pub fn is_of_grant(grant: &GrantId) {
    Span::current().record("grant", grant.as_str());
}

fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}
