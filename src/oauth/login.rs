//! `POST /oauth/login`: a merchant proves itself. The answer tells nobody which names exist, by words or by time.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::authorize::refuse;
use super::client_request::RequestError;
use super::device_cookie;
use super::error::{PageError, Refused, stale};
use super::interaction::{FIELD, Interaction, Purpose};
use super::login_form;
use super::observed;
use super::pages::{self, LoginNotice, LoginQuestion};
use super::parameters::Parameters;
use super::router::OAuth;
use super::second_factor::login_step;
use super::throttle::address_of;
use crate::credential::hasher::Asker;
use crate::credential::password;
use crate::domain::authentication::AuthenticationClass::OneFactor;
use crate::domain::identity::{Merchant, Standing};
use crate::store::first_factor::FirstFactor;

/// A hash that no password fits, so that an unknown name takes as long as a known one.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| password::hash("the password of nobody", b"tollgate: nobody").unwrap_or_default());

/// Longest hint that is shown, in characters; beyond, it is none.
const MAX_HINT: usize = 200;

/// The login page before an interaction, with the cookie that its form goes by, and a notice for who typed that user name.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn page(
    oauth: &OAuth,
    headers: &HeaderMap,
    next: (&Interaction, &Purpose),
    notice: Option<(LoginNotice, &str)>,
) -> Result<Response, PageError> {
    shown(oauth, headers, next, (notice.map(|(notice, _)| notice), notice.map_or("", |(_, typed)| typed)))
}

/// The same before an authorization request that hints at who is to log in (`login_hint`; OpenID Connect Core, section 3.1.2.1).
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn page_with_hint(
    oauth: &OAuth,
    headers: &HeaderMap,
    next: (&Interaction, &Purpose),
    hint: Option<&str>,
) -> Result<Response, PageError> {
    let hint = hint.filter(|hint| hint.chars().count() <= MAX_HINT).unwrap_or_default();
    shown(oauth, headers, next, (None, hint))
}

fn shown(
    oauth: &OAuth,
    headers: &HeaderMap,
    (interaction, purpose): (&Interaction, &Purpose),
    (notice, username): (Option<LoginNotice>, &str),
) -> Result<Response, PageError> {
    let form = login_form::prepare(oauth, headers)?;
    let snapshot = oauth.live.load();
    let language = interaction.language(headers);
    let login = &snapshot.platform.login;
    let label = login.provider.as_ref().map(|provider| {
        let (en, zh) = &provider.label;
        language.pick(en, zh)
    });
    let question = LoginQuestion {
        platform: &snapshot.platform.name,
        by_password: login.by_password,
        provider: label,
        purpose,
        request: &interaction.field(),
        token: &form.token,
        username,
    };
    let mut page = pages::login(language, &question, notice);
    page.headers_mut().insert(header::SET_COOKIE, form.cookie);
    Ok(page)
}

/// Logs a merchant in and goes on with what it came for.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Parameters::of_form(&body);
    let language = Interaction::language_of(form.as_ref(), &headers);
    let answered = match form {
        Some(form) => answer(&oauth, &headers, &form).await,
        None => Err(PageError::MalformedForm.into()),
    };
    answered.unwrap_or_else(|error| refuse(&oauth, (&headers, language), error))
}

async fn answer(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Response, RequestError> {
    let interaction = Interaction::named(form.get(FIELD));
    match log_in(oauth, headers, (form, &interaction)).await? {
        Outcome::Proven(response) => Ok(response),
        Outcome::Again(notice) => {
            let purpose = interaction.purpose(oauth).await?;
            // What another site may have filled in is not shown.
            let typed = form.get("username").filter(|_| notice == LoginNotice::Wrong).unwrap_or_default();
            let page = page(oauth, headers, (&interaction, &purpose), Some((notice, typed)))?;
            Ok(match notice {
                LoginNotice::Stale => stale(page),
                LoginNotice::Wrong => Refused::watched("wrong_password", notice.reason()).with(page),
            })
        }
    }
}

/// What became of a login.
enum Outcome {
    /// The password was right: the merchant is logged in, or asked for its second factor.
    Proven(Response),
    /// The merchant is asked again.
    Again(LoginNotice),
}

/// Checks the form, then name and password. A session that the browser had ends with a new one.
async fn log_in(
    oauth: &OAuth,
    headers: &HeaderMap,
    (form, interaction): (&Parameters, &Interaction),
) -> Result<Outcome, PageError> {
    if form.malformed().is_some() {
        return Err(PageError::MalformedForm);
    }
    if !oauth.live.load().platform.login.by_password {
        return Err(PageError::StaleForm);
    }
    // A form of another site's is answered by no page of ours that works, nor by a cookie that would push out a good one.
    if !login_form::is_same_origin(&oauth.issuer, headers) || form.repeated().is_some() {
        return Err(PageError::StaleForm);
    }
    if !login_form::is_own(oauth, headers, form.get("csrf")) {
        return Ok(Outcome::Again(LoginNotice::Stale));
    }
    let username = form.get("username").unwrap_or_default();
    let proven = prove(oauth, headers, (username, form.get("password").unwrap_or_default())).await?;
    let Some((merchant, password_hash)) = proven else { return Ok(Outcome::Again(LoginNotice::Wrong)) };
    let first = FirstFactor::Password(password_hash);
    let proven = login_step::go_on(oauth, headers, (&merchant.id, first, OneFactor), interaction).await?;
    Ok(proven.map_or(Outcome::Again(LoginNotice::Wrong), Outcome::Proven))
}

/// The merchant and the hash that its password was checked against, if name and password are right. What is wrong counts
/// against whom it was tried for.
///
/// # Errors
/// [`PageError::Suspended`], [`PageError::TooManyAttempts`], [`PageError::Busy`], [`PageError::Unavailable`].
pub async fn prove(
    oauth: &OAuth,
    headers: &HeaderMap,
    (username, password): (&str, &str),
) -> Result<Option<(Merchant, String)>, PageError> {
    let device = device_cookie::find(oauth, headers, username).await?;
    let attempt = oauth.throttle.login(username, device, address_of(headers), oauth.clock.monotonic());
    let attempt = attempt.map_err(PageError::TooManyAttempts)?;
    let asker = if device.is_some() { Asker::Known } else { Asker::Stranger };
    let checked = find_and_check(oauth, asker, (username, password)).await;
    if !matches!(checked, Ok(None)) {
        attempt.give_back();
    }
    checked
}

async fn find_and_check(
    oauth: &OAuth,
    asker: Asker,
    (username, password): (&str, &str),
) -> Result<Option<(Merchant, String)>, PageError> {
    let found = oauth.store.merchant_login(username).await?;
    check(oauth, asker, (found, password.to_owned())).await
}

async fn check(
    oauth: &OAuth,
    asker: Asker,
    (found, password): (Option<(Merchant, String)>, String),
) -> Result<Option<(Merchant, String)>, PageError> {
    let checked = oauth.hasher.in_turn(asker, move || {
        // It is made by the first of all logins, whomever that is for.
        let nobody = &*NOBODY;
        let (merchant, stored) = match found {
            Some((merchant, stored)) => (Some(merchant), stored),
            None => (None, nobody.clone()),
        };
        let is_right = password::verify(&password, &stored);
        (merchant, stored, is_right)
    });
    let (merchant, stored, is_right) = checked.await?;
    let Some(merchant) = merchant else { return Ok(None) };
    observed::is_of_merchant(&merchant.id);
    match (is_right, merchant.standing) {
        (true, Standing::Active) => Ok(Some((merchant, stored))),
        // Only who has the password gets to hear it.
        (true, Standing::Suspended) => Err(PageError::Suspended),
        (false, _) => Ok(None),
    }
}
