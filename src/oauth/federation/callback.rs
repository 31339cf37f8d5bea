//! `GET /oauth/federated/callback`: the provider sends a browser back, and who it is there becomes who it is here.
//!
//! In this order: the login is one that began in this browser and has not been finished; the answer is of the provider that
//! was asked (RFC 9700, section 4.4); its code is exchanged; its ID token is checked; its account is a merchant's.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::authorize::refuse;
use super::super::client_request::RequestError;
use super::super::error::PageError;
use super::super::interaction::Interaction;
use super::super::login_form;
use super::super::pages::Language;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::second_factor::login_step;
use super::super::throttle::{Guessed, address_of};
use super::exchange::Exchange;
use super::id_token::{Expected, IdToken};
use super::{derived, linking};
use crate::domain::provider_account::ProviderAccount;
use crate::domain::secret_hash::{BrowserHash, StateHash};
use crate::domain::time::Timestamp;
use crate::outbound::token_request::TokenError;
use crate::policy::login::IdentityProvider;
use crate::store::first_factor::FirstFactor;

/// Logs the merchant in and goes on with what it came for.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let answer = Parameters::parse(query.as_deref().unwrap_or_default());
    let finished = try_finish(&oauth, &headers, &answer).await;
    finished.unwrap_or_else(|error| refuse(&oauth, (&headers, Language::preferred(&headers)), error))
}

/// What is no answer to a login that began here, or not the provider's, counts against the network that it comes from: each
/// has the provider asked.
async fn try_finish(
    oauth: &OAuth,
    headers: &HeaderMap,
    answer: &Parameters,
) -> Result<Response, RequestError> {
    let now = oauth.clock.monotonic();
    let attempt = oauth.throttle.guess(Guessed::FederatedLogin, address_of(headers), now);
    let attempt = attempt.map_err(PageError::TooManyAttempts)?;
    let finished = finish(oauth, headers, answer).await;
    let is_guess =
        matches!(finished, Err(RequestError::Page(PageError::StaleLogin | PageError::ProviderWrong(_))));
    if !is_guess {
        attempt.give_back();
    }
    finished
}

async fn finish(oauth: &OAuth, headers: &HeaderMap, answer: &Parameters) -> Result<Response, RequestError> {
    if answer.repeated().is_some() || answer.malformed().is_some() {
        return Err(PageError::StaleLogin.into());
    }
    let state = answer.get("state").ok_or(PageError::StaleLogin)?;
    let browser = login_form::browser(oauth, headers).ok_or(PageError::StaleLogin)?;
    let (of_state, of_browser) = (StateHash::of(state), BrowserHash::of(browser));
    let taken = oauth.store.take_federated_login(&of_state, &of_browser, oauth.clock.now()).await;
    let login = taken.map_err(PageError::from)?.ok_or(PageError::StaleLogin)?;
    let provider = oauth.live.load().platform.login.provider.clone();
    let provider = provider.filter(|provider| provider.issuer.as_str() == login.issuer);
    let provider = provider.ok_or(PageError::StaleLogin)?;
    let guards = Guards { browser, state, proven_since: login.proven_since };
    let token = id_token(oauth, &provider, answer, &guards).await?;
    let account = ProviderAccount::new(provider.issuer.as_str(), &token.subject).map_err(|_| wrong("sub"))?;
    let merchant = linking::merchant(oauth, headers, (&provider, &account), &token).await?;
    let first = FirstFactor::Account(account.clone(), token.authenticated_at);
    let proven = (&merchant, first, provider.class(token.class.as_deref()));
    let interaction = Interaction::named(Some(&login.interaction));
    let gone_on = login_step::go_on(oauth, headers, proven, &interaction).await?;
    let response =
        gone_on.ok_or_else(|| PageError::NotLinked(account.clone(), "its merchant may not log in by it"))?;
    tracing::info!(%merchant, %account, "a merchant proved itself by the identity provider");
    Ok(response)
}

/// What an ID token is held to beside the provider's own.
struct Guards<'g> {
    browser: &'g str,
    state: &'g str,
    proven_since: Option<Timestamp>,
}

/// The ID token that the answer brings, checked.
async fn id_token(
    oauth: &OAuth,
    provider: &IdentityProvider,
    answer: &Parameters,
    guards: &Guards<'_>,
) -> Result<IdToken, PageError> {
    let away = |error| PageError::ProviderAway(Box::new(error));
    let metadata = oauth.federation.metadata(&provider.issuer).await.map_err(away)?;
    match answer.get("iss") {
        Some(issuer) if issuer != provider.issuer.as_str() => return Err(wrong("iss of its answer")),
        None if metadata.names_itself => return Err(wrong("answer, which does not say that it is its own")),
        Some(_) | None => {}
    }
    if let Some(error) = answer.get("error") {
        return Err(PageError::ProviderRefused(shown(error).to_owned()));
    }
    let code = answer.get("code").ok_or_else(|| wrong("answer, which has no code"))?;
    let exchange = Exchange { provider, metadata: &metadata, issuer: &oauth.issuer };
    let verifier = derived::verifier(guards.browser, guards.state);
    let token = exchange.id_token(&oauth.federation, (code, &verifier)).await;
    let token = token.map_err(|error| match error {
        // It was not made for this login, or came too late: of whoever brought it, not of the provider.
        TokenError::Refused(code) if code == "invalid_grant" => wrong("code, says its token endpoint"),
        error => PageError::ProviderAway(Box::new(error)),
    })?;
    let nonce = derived::nonce(guards.browser, guards.state);
    let expected = Expected {
        issuer: provider.issuer.as_str(),
        client_id: &provider.client_id,
        nonce: &nonce,
        proven_since: guards.proven_since,
        now: oauth.clock.now(),
    };
    let checked = oauth.federation.check(&provider.issuer, &token, &expected).await.map_err(away)?;
    checked.map_err(|error| PageError::ProviderWrong(format!("ID token: {error}")))
}

fn wrong(what: &str) -> PageError {
    PageError::ProviderWrong(what.to_owned())
}

/// An error code, if a log may have it: it came through a browser.
fn shown(code: &str) -> &str {
    let is_plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_plain { code } else { "a malformed one" }
}
