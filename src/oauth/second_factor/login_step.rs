//! `/oauth/login/code`: the second step of a login. There is no session before it: the password alone opens nothing.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::super::error::{PageError, Refused, see_other};
use super::super::interaction::{FIELD, Interaction};
use super::super::logged_in::log_in;
use super::super::login_form::{is_same_origin, token_of};
use super::super::observed;
use super::super::pages::{self, Language, SecondStep};
use super::super::parameters::Parameters;
use super::super::redirect::with_parameters;
use super::super::router::OAuth;
use super::super::session::{cookie, cookie_name, set_cookie};
use super::check::{is_confirmed, is_right};
use crate::credential::cookie::PENDING;
use crate::domain::authentication::AuthenticationClass;
use crate::domain::id::MerchantId;
use crate::domain::identity::Standing;
use crate::domain::random::new_secret;
use crate::domain::secret_hash::PendingHash;
use crate::store::first_factor::FirstFactor;
use crate::store::pending_login::PendingLogin;

/// How long a merchant has for the second step.
const LIFETIME: Duration = Duration::from_secs(300);
const PATH: &str = "/oauth/login/code";

/// Goes on with a login of a merchant that proved itself by `first`, and by `class` in all: it is done, or waits for the second
/// factor. `None` if the merchant may no longer log in so.
///
/// # Errors
/// [`PageError::Suspended`], [`PageError::Unavailable`].
pub async fn go_on(
    oauth: &OAuth,
    headers: &HeaderMap,
    (merchant, first, class): (&MerchantId, FirstFactor, AuthenticationClass),
    interaction: &Interaction,
) -> Result<Option<Response>, PageError> {
    refuse_suspended(oauth, merchant).await?;
    if class == AuthenticationClass::OneFactor && is_confirmed(oauth, merchant).await? {
        return begin(oauth, (merchant, first), interaction).await.map(Some);
    }
    log_in(oauth, headers, (merchant, &first), class, interaction).await
}

/// A merchant that has proved itself hears that it is suspended before anything more is asked of it, or used up.
async fn refuse_suspended(oauth: &OAuth, merchant: &MerchantId) -> Result<(), PageError> {
    let merchant = oauth.store.merchant(merchant).await?;
    match merchant.map(|merchant| merchant.standing) {
        Some(Standing::Suspended) => Err(PageError::Suspended),
        Some(Standing::Active) | None => Ok(()),
    }
}

async fn begin(
    oauth: &OAuth,
    (merchant, first): (&MerchantId, FirstFactor),
    interaction: &Interaction,
) -> Result<Response, PageError> {
    let id = new_secret("", &*oauth.random).map_err(|error| PageError::Unavailable(Box::new(error)))?;
    let pending =
        PendingLogin { merchant: merchant.clone(), first, expires_at: oauth.clock.now().plus(LIFETIME) };
    oauth.store.begin_pending_login(&PendingHash::of(&id), &pending).await?;
    let mut response = see_other(&with_parameters(PATH, &[(FIELD, &interaction.field())]));
    let cookie = set_cookie(oauth, PENDING, (&id, LIFETIME.as_secs()))?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `GET /oauth/login/code`.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = Parameters::parse(query.as_deref().unwrap_or_default());
    let interaction = Interaction::named(query.get(FIELD));
    let shown = match pending(&oauth, &headers).await {
        Ok(Some((id, _))) => Ok(ask(&oauth, &headers, (&interaction, &id), None)),
        // It has expired, or never was: the login begins anew.
        Ok(None) => Ok(see_other(&interaction.path())),
        Err(error) => Err(error),
    };
    shown.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

/// `POST /oauth/login/code`.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let answered = match Parameters::of_form(&body) {
        Some(form) => answer(&oauth, &headers, &form).await,
        None => Err(PageError::MalformedForm),
    };
    answered.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

async fn answer(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Response, PageError> {
    let interaction = Interaction::named(form.get(FIELD));
    let Some((id, pending)) = pending(oauth, headers).await? else {
        return Ok(see_other(&interaction.path()));
    };
    let token = form.get("csrf").unwrap_or_default();
    let is_own = verify_slices_are_equal(token.as_bytes(), token_of(&id).as_bytes()).is_ok();
    if !is_own || !is_same_origin(&oauth.issuer, headers) || form.repeated().is_some() {
        return Err(PageError::StaleForm);
    }
    observed::is_of_merchant(&pending.merchant);
    refuse_suspended(oauth, &pending.merchant).await?;
    let typed = form.get("code").unwrap_or_default();
    if !is_right(oauth, headers, (&pending.merchant, typed)).await? {
        let page = ask(oauth, headers, (&interaction, &id), Some(SecondStep::Wrong));
        return Ok(Refused::watched("wrong_second_factor", "the code is wrong").with(page));
    }
    oauth.store.end_pending_login(&PendingHash::of(&id)).await?;
    let of = (&pending.merchant, &pending.first);
    let done = log_in(oauth, headers, of, AuthenticationClass::TwoFactors, &interaction).await?;
    // Otherwise the password was changed or the account unlinked meanwhile: the login begins anew.
    let mut response = done.unwrap_or_else(|| see_other(&interaction.path()));
    response.headers_mut().append(header::SET_COOKIE, no_cookie(oauth)?);
    Ok(response)
}

/// The login that waits in this browser, and its id.
async fn pending(oauth: &OAuth, headers: &HeaderMap) -> Result<Option<(String, PendingLogin)>, PageError> {
    let Some(id) = cookie(headers, &cookie_name(oauth, PENDING)) else { return Ok(None) };
    let found = oauth.store.pending_login(&PendingHash::of(id), oauth.clock.now()).await?;
    Ok(found.map(|pending| (id.to_owned(), pending)))
}

fn ask(
    oauth: &OAuth,
    headers: &HeaderMap,
    (interaction, id): (&Interaction, &str),
    notice: Option<SecondStep>,
) -> Response {
    let language = interaction.language(headers);
    let (snapshot, field, token) = (oauth.live.load(), interaction.field(), token_of(id));
    pages::second_step(language, &snapshot.platform.name, (&field, &token), notice)
}

fn no_cookie(oauth: &OAuth) -> Result<HeaderValue, PageError> {
    set_cookie(oauth, PENDING, ("", 0))
}
