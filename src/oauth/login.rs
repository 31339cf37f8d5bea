//! `POST /oauth/login`: a merchant proves itself. The answer tells nobody which names exist, by words or by time.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::authorize::{login_page, refuse};
use super::client_request::{ClientRequest, RequestError, normal};
use super::error::{PageError, mark_stale, see_other};
use super::login_form;
use super::pages::LoginNotice;
use super::parameters::Parameters;
use super::router::OAuth;
use super::session;
use super::throttle::address_of;
use crate::credential::password::{self, TurnError};
use crate::domain::identity::{Merchant, Standing};

/// A hash that no password fits, so that an unknown name takes as long as a known one.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| password::hash("the password of nobody", b"tollgate: nobody").unwrap_or_default());

/// Logs a merchant in and goes on with the authorization request.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(form) = Parameters::of_form(&body) else { return PageError::MalformedForm.into_response() };
    let query = normal(form.get("request").unwrap_or_default());
    let notice = match log_in(&oauth, &headers, &form).await {
        Err(error) => return error.into_response(),
        Ok(Outcome::LoggedIn(cookie)) => {
            let mut response = see_other(&format!("/oauth/authorize?{query}"));
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            return response;
        }
        Ok(Outcome::Again(notice)) => notice,
    };
    again(&oauth, &headers, (&query, notice)).await.unwrap_or_else(|error| refuse(&oauth, error))
}

/// The login page once more.
async fn again(
    oauth: &OAuth,
    headers: &HeaderMap,
    (query, notice): (&str, LoginNotice),
) -> Result<Response, RequestError> {
    let request = ClientRequest::read(oauth, query).await?;
    let mut page = login_page(oauth, headers, (&request, query), Some(notice))?;
    if notice == LoginNotice::Stale {
        mark_stale(&mut page);
    }
    Ok(page)
}

/// What became of a login.
enum Outcome {
    /// The session's cookie.
    LoggedIn(HeaderValue),
    /// The merchant is asked again.
    Again(LoginNotice),
}

/// Checks the form, then name and password. A session that the browser had ends with a new one.
async fn log_in(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Outcome, PageError> {
    if form.malformed().is_some() {
        return Err(PageError::MalformedForm);
    }
    // A form of another site's is answered by no page of ours that works, nor by a cookie that would push out a good one.
    if !login_form::is_same_origin(&oauth.issuer, headers) || form.repeated().is_some() {
        return Err(PageError::StaleForm);
    }
    if !login_form::is_own(oauth, headers, form.get("csrf")) {
        return Ok(Outcome::Again(LoginNotice::Stale));
    }
    let username = form.get("username").unwrap_or_default();
    let attempt = oauth
        .throttle
        .login(username, address_of(headers), oauth.clock.monotonic())
        .map_err(PageError::TooManyAttempts)?;
    let checked = find_and_check(oauth, username, form.get("password").unwrap_or_default()).await;
    match checked {
        Ok(Some((merchant, password_hash))) => {
            attempt.give_back();
            session::end(oauth, headers).await?;
            let begun = session::begin(oauth, &merchant.id, &password_hash).await?;
            Ok(begun.map_or(Outcome::Again(LoginNotice::Wrong), Outcome::LoggedIn))
        }
        Ok(None) => Ok(Outcome::Again(LoginNotice::Wrong)),
        Err(error) => {
            attempt.give_back();
            Err(error)
        }
    }
}

/// The merchant and the hash that its password was checked against, if name and password are right.
async fn find_and_check(
    oauth: &OAuth,
    username: &str,
    password: &str,
) -> Result<Option<(Merchant, String)>, PageError> {
    let found = oauth.store.merchant_login(username).await?;
    check(oauth, found, password.to_owned()).await
}

async fn check(
    oauth: &OAuth,
    found: Option<(Merchant, String)>,
    password: String,
) -> Result<Option<(Merchant, String)>, PageError> {
    let checked = password::in_turn(&oauth.hashing, move || {
        let (merchant, stored) = match found {
            Some((merchant, stored)) => (Some(merchant), stored),
            None => (None, NOBODY.clone()),
        };
        let is_right = password::verify(&password, &stored);
        let merchant = merchant.filter(|merchant| is_right && merchant.standing == Standing::Active);
        merchant.map(|merchant| (merchant, stored))
    });
    checked.await.map_err(|error| match error {
        TurnError::Busy => PageError::Busy,
        TurnError::Died(died) => PageError::Unavailable(Box::new(died)),
    })
}
