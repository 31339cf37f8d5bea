//! `/oauth/second_factor`: a merchant turns its second factor on or off. Either takes more than a session that somebody may
//! have left open: the password to turn it on, the factor itself to turn it off.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use super::super::device_cookie::{self, Factors};
use super::super::error::{PageError, Refused, see_other};
use super::super::interaction::{Interaction, Purpose};
use super::super::login;
use super::super::login_form::session_of;
use super::super::observed;
use super::super::pages::{self, FactorNotice, FactorQuestion, FactorStage, Language};
use super::super::parameters::Parameters;
use super::super::recorded::recording;
use super::super::router::OAuth;
use super::super::session::{self, Session};
use super::check::{belongs_to, is_right, open, recovery_hash};
use crate::credential::one_time_password::OneTimeSecret;
use crate::domain::action::Action;
use crate::domain::random::{RandomUnavailable, new_id};
use crate::store::second_factor::{Removal, SecondFactor};

/// How long a merchant has to show the first password.
const OFFER_LIFETIME: Duration = Duration::from_secs(600);
/// How many recovery codes a merchant gets.
const RECOVERY_CODES: usize = 10;

/// `GET /oauth/second_factor`.
pub async fn show(State(oauth): State<OAuth>, headers: HeaderMap) -> Response {
    let shown = match session::find(&oauth, &headers).await {
        Ok(Some(session)) => page(&oauth, &headers, (&session, None)).await,
        Ok(None) => {
            let next = (&Interaction::SecondFactor, &Purpose::SecondFactor);
            login::page(&oauth, &headers, next, None)
        }
        Err(error) => Err(error),
    };
    shown.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

/// `POST /oauth/second_factor/offer`: makes a secret, which is no second factor until a password of it was shown.
pub async fn offer(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    answered(&oauth, &headers, try_offer(&oauth, &headers, &body).await)
}

/// `POST /oauth/second_factor/confirm`: the first password of an authenticator app.
pub async fn confirm(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    answered(&oauth, &headers, try_confirm(&oauth, &headers, &body).await)
}

/// `POST /oauth/second_factor/remove`.
pub async fn remove(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    answered(&oauth, &headers, try_remove(&oauth, &headers, &body).await)
}

fn answered(oauth: &OAuth, headers: &HeaderMap, answer: Result<Response, PageError>) -> Response {
    answer.unwrap_or_else(|error| error.page(oauth, (headers, Language::preferred(headers))))
}

async fn page(
    oauth: &OAuth,
    headers: &HeaderMap,
    (session, notice): (&Session, Option<FactorNotice>),
) -> Result<Response, PageError> {
    let snapshot = oauth.live.load();
    let (platform, merchant) = (&snapshot.platform.name, &session.merchant);
    let stage = match oauth.store.second_factor(&merchant.id).await? {
        Some(factor) if factor.confirmed_at.is_some() => {
            FactorStage::On { recovery_codes: oauth.store.recovery_codes_left(&merchant.id).await? }
        }
        Some(factor) if is_offered(oauth, session, &factor) => {
            let secret = open(oauth, &merchant.id, &factor.sealed)?;
            FactorStage::Offered { secret: secret.text(), uri: secret.uri(platform, &merchant.username) }
        }
        Some(_) | None => FactorStage::Off,
    };
    let question = FactorQuestion { platform, merchant: &merchant.name, stage, csrf: &session.csrf };
    Ok(pages::second_factor(Language::preferred(headers), &question, notice))
}

/// The page for who has a session and does not know what goes with it.
async fn refused(
    oauth: &OAuth,
    headers: &HeaderMap,
    (session, notice): (&Session, FactorNotice),
) -> Result<Response, PageError> {
    observed::is_of_merchant(&session.merchant.id);
    let refused = match notice {
        FactorNotice::WrongPassword => Refused::watched("wrong_password", "the password is wrong"),
        FactorNotice::WrongCode => Refused::watched("wrong_second_factor", "the code is wrong"),
    };
    Ok(refused.with(page(oauth, headers, (session, Some(notice))).await?))
}

/// Whether `factor` was offered to this session, and lately: whoever made another one may know its secret.
fn is_offered(oauth: &OAuth, session: &Session, factor: &SecondFactor) -> bool {
    factor.confirmed_at.is_none()
        && factor.offered_by == session.id
        && oauth.clock.now() < factor.offered_at.plus(OFFER_LIFETIME)
}

async fn try_offer(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, PageError> {
    let (session, form) = read(oauth, headers, body).await?;
    let merchant = &session.merchant;
    let password = form.get("password").unwrap_or_default();
    if login::prove(oauth, headers, (&merchant.username, password)).await?.is_none() {
        return refused(oauth, headers, (&session, FactorNotice::WrongPassword)).await;
    }
    let unavailable = |error: RandomUnavailable| PageError::Unavailable(Box::new(error));
    let secret = OneTimeSecret::make(&*oauth.random).map_err(unavailable)?;
    let sealed = oauth
        .sealing
        .seal(&belongs_to(&merchant.id), secret.bytes(), &*oauth.random)
        .map_err(|error| PageError::Unavailable(Box::new(error)))?;
    let change = (Action::SecondFactorOffer, merchant.id.as_str());
    let store = recording(oauth, (headers, &merchant.id), change, (None, None));
    store.offer_second_factor(&merchant.id, &sealed, (&session.id, oauth.clock.now())).await?;
    Ok(see_other(&Interaction::SecondFactor.path()))
}

async fn try_confirm(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, PageError> {
    let (session, form) = read(oauth, headers, body).await?;
    let merchant = &session.merchant.id;
    let factor = oauth.store.second_factor(merchant).await?;
    let Some(factor) = factor.filter(|factor| is_offered(oauth, &session, factor)) else {
        return Ok(see_other(&Interaction::SecondFactor.path()));
    };
    let secret = open(oauth, merchant, &factor.sealed)?;
    let Some(step) = secret.step_of(form.get("code").unwrap_or_default(), oauth.clock.now()) else {
        return refused(oauth, headers, (&session, FactorNotice::WrongCode)).await;
    };
    let codes: Result<Vec<String>, RandomUnavailable> =
        (0..RECOVERY_CODES).map(|_| new_id("", &*oauth.random)).collect();
    let codes = codes.map_err(|error| PageError::Unavailable(Box::new(error)))?;
    let hashes: Vec<_> = codes.iter().filter_map(|code| recovery_hash(code)).collect();
    let store =
        recording(oauth, (headers, merchant), (Action::SecondFactorConfirm, merchant.as_str()), (None, None));
    let of = (merchant, &*factor.sealed);
    let now = oauth.clock.now();
    if !store.confirm_second_factor(of, (step, &hashes), now).await? {
        return Ok(see_other(&Interaction::SecondFactor.path()));
    }
    tracing::info!(%merchant, "a merchant turned its second factor on");
    let platform = &oauth.live.load().platform.name;
    let mut response = pages::recovery_codes(Language::preferred(headers), platform, &codes);
    // The codes are shown this once, so that nothing may fail any more.
    let username = &session.merchant.username;
    if let Ok(Some((_, password_hash))) = oauth.store.merchant_login(username).await {
        let factors = Factors { password_hash, second_since: Some(now) };
        let cookie = device_cookie::renew(oauth, headers, (username, &factors));
        response.headers_mut().extend(cookie.ok().map(|cookie| (SET_COOKIE, cookie)));
    }
    Ok(response)
}

async fn try_remove(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, PageError> {
    let (session, form) = read(oauth, headers, body).await?;
    let merchant = &session.merchant.id;
    let typed = form.get("code").unwrap_or_default();
    let factor = oauth.store.second_factor(merchant).await?;
    let removal = match factor.as_ref().filter(|factor| factor.confirmed_at.is_some()) {
        None => Removal::Offered,
        Some(factor) if is_right(oauth, headers, (merchant, typed)).await? => Removal::Proven(&factor.sealed),
        Some(_) => return refused(oauth, headers, (&session, FactorNotice::WrongCode)).await,
    };
    let store =
        recording(oauth, (headers, merchant), (Action::SecondFactorRemove, merchant.as_str()), (None, None));
    if store.remove_second_factor(merchant, removal).await? {
        tracing::info!(%merchant, "a merchant turned its second factor off");
    }
    Ok(see_other(&Interaction::SecondFactor.path()))
}

async fn read(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<(Session, Parameters), PageError> {
    let form = Parameters::of_form(body).ok_or(PageError::MalformedForm)?;
    Ok((session_of(oauth, headers, &form).await?, form))
}
