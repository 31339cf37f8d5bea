//! `POST /oauth/federated`: a merchant wants to log in by the provider, and is sent there.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::authorize::refuse;
use super::super::client_request::RequestError;
use super::super::error::{PageError, see_other};
use super::super::interaction::{FIELD, Interaction};
use super::super::login_form;
use super::super::pages::Language;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::session;
use super::super::throttle::address_of;
use super::derived;
use super::exchange::{Exchange, Proof};
use crate::domain::random::new_secret;
use crate::domain::secret_hash::{BrowserHash, StateHash};
use crate::store::federated_login::FederatedLogin;

/// How long a login at the provider may take.
const LIFETIME: Duration = Duration::from_secs(600);

/// Sends the browser to the provider.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let begun = match Parameters::of_form(&body) {
        Some(form) => begin(&oauth, &headers, &form).await,
        None => Err(PageError::MalformedForm.into()),
    };
    begun.unwrap_or_else(|error| refuse(&oauth, (&headers, Language::preferred(&headers)), error))
}

async fn begin(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Response, RequestError> {
    if form.malformed().is_some() {
        return Err(PageError::MalformedForm.into());
    }
    let is_own = login_form::is_same_origin(&oauth.issuer, headers)
        && form.repeated().is_none()
        && login_form::is_own(oauth, headers, form.get("csrf"));
    // The login is bound to the browser by the login page's cookie, so that nobody can have another finish what he began.
    let browser = login_form::browser(oauth, headers).filter(|_| is_own).ok_or(PageError::StaleForm)?;
    let provider = oauth.live.load().platform.login.provider.clone().ok_or(PageError::StaleForm)?;
    let interaction = Interaction::named(form.get(FIELD));
    let wanted = interaction.wanted(oauth).await?;
    let proof = match session::find(oauth, headers).await? {
        None if !wanted.is_some_and(|wanted| wanted.is_particular()) => Proof::AnyItHas,
        Some(_) | None => Proof::New,
    };
    // Asking the provider what it is may take long, and fail in the log: before it, too, the call counts.
    let address = address_of(headers);
    oauth.throttle.federated(address, oauth.clock.monotonic()).map_err(PageError::TooManyAttempts)?;
    let away = |error| PageError::ProviderAway(Box::new(error));
    let metadata = oauth.federation.metadata(&provider.issuer).await.map_err(away)?;
    let state = new_secret("", &*oauth.random).map_err(|error| PageError::Unavailable(Box::new(error)))?;
    let now = oauth.clock.now();
    let login = FederatedLogin {
        browser: BrowserHash::of(browser),
        issuer: provider.issuer.to_string(),
        interaction: interaction.field().into_owned(),
        proven_since: (proof == Proof::New).then_some(now),
        expires_at: now.plus(LIFETIME),
    };
    let begun = oauth.store.begin_federated_login(&StateHash::of(&state), &login, now).await;
    begun.map_err(PageError::from)?;
    let exchange = Exchange { provider: &provider, metadata: &metadata, issuer: &oauth.issuer };
    let (nonce, verifier) = (derived::nonce(browser, &state), derived::verifier(browser, &state));
    let url = exchange.authorization_url((&state, &nonce, &verifier), proof).map_err(away)?;
    Ok(see_other(&url))
}
