//! `GET /oauth/federated/callback`: the provider sends a browser back, and who it is there becomes who it is here.
//!
//! In this order: the login is one that began in this browser and has not been finished; the answer is of the provider that
//! was asked (RFC 9700, section 4.4); its code is exchanged; its ID token is checked; its account is a merchant's.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::super::authorize::refuse;
use super::super::client_request::RequestError;
use super::super::error::{PageError, see_other};
use super::super::interaction::Interaction;
use super::super::login_form;
use super::super::pages::Language;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::session;
use super::exchange::Exchange;
use super::id_token::{Expected, IdToken};
use super::{derived, linking};
use crate::domain::authentication::{Authentication, AuthenticationClass};
use crate::domain::provider_account::ProviderAccount;
use crate::domain::secret_hash::{BrowserHash, StateHash};
use crate::outbound::token_request::TokenError;
use crate::policy::login::IdentityProvider;

/// Logs the merchant in and goes on with what it came for.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let answer = Parameters::parse(query.as_deref().unwrap_or_default());
    let finished = finish(&oauth, &headers, &answer).await;
    finished.unwrap_or_else(|error| refuse(&oauth, (&headers, Language::preferred(&headers)), error))
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
    let token = id_token(oauth, &provider, answer, (browser, state)).await?;
    let account = ProviderAccount::new(provider.issuer.as_str(), &token.subject).map_err(|_| wrong("sub"))?;
    let merchant = linking::merchant(oauth, headers, (&provider, &account), &token).await?;
    let is_strong = token.class.as_ref().is_some_and(|class| provider.two_factors.contains(class));
    let class = if is_strong { AuthenticationClass::TwoFactors } else { AuthenticationClass::OneFactor };
    let authentication = Authentication { at: token.authenticated_at, class };
    session::end(oauth, headers).await?;
    let cookie = session::begin_linked(oauth, (&merchant, &account), authentication).await?;
    let cookie = cookie.ok_or_else(|| PageError::NotLinked(account.subject().to_owned()))?;
    tracing::info!(%merchant, %account, "a merchant logged in by the identity provider");
    let mut response = see_other(&Interaction::named(Some(&login.interaction)).path_after_login());
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The ID token that the answer brings, checked.
async fn id_token(
    oauth: &OAuth,
    provider: &IdentityProvider,
    answer: &Parameters,
    (browser, state): (&str, &str),
) -> Result<IdToken, PageError> {
    let away = |error| PageError::ProviderAway(Box::new(error));
    let metadata = oauth.federation.metadata(&provider.issuer).await.map_err(away)?;
    match answer.get("iss") {
        Some(issuer) if issuer != provider.issuer.as_str() => return Err(wrong("iss of its answer")),
        None if metadata.names_itself => return Err(wrong("answer, which does not say that it is its own")),
        Some(_) | None => {}
    }
    if let Some(error) = answer.get("error") {
        tracing::info!(error = shown(error), "the identity provider did not let somebody in");
        return Err(PageError::ProviderRefused);
    }
    let code = answer.get("code").ok_or_else(|| wrong("answer, which has no code"))?;
    let exchange = Exchange { provider, metadata: &metadata, issuer: &oauth.issuer };
    let verifier = derived::verifier(browser, state);
    let token = exchange.id_token(&oauth.federation, (code, &verifier)).await;
    let token = token.map_err(|error| match error {
        // It was not made for this login, or came too late: of whoever brought it, not of the provider.
        TokenError::Refused(code) if code == "invalid_grant" => wrong("code, says its token endpoint"),
        error => PageError::ProviderAway(Box::new(error)),
    })?;
    let nonce = derived::nonce(browser, state);
    let expected = Expected {
        issuer: provider.issuer.as_str(),
        client_id: &provider.client_id,
        nonce: &nonce,
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
