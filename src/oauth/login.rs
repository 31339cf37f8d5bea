//! `POST /oauth/login`: a merchant proves itself. The answer tells nobody which names exist, by words or by time.

use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::authorize::refuse;
use super::client_request::ClientRequest;
use super::error::{PageError, see_other};
use super::pages::{self, Language};
use super::parameters::Parameters;
use super::router::OAuth;
use super::session;
use crate::credential::password;
use crate::domain::identity::{Merchant, Standing};

/// How long a login waits for its turn to be hashed.
const TURN: Duration = Duration::from_secs(5);
/// A hash that no password fits, so that an unknown name takes as long as a known one.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| password::hash("the password of nobody", b"tollgate: nobody").unwrap_or_default());

/// Logs a merchant in and goes on with the authorization request.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, form: String) -> Response {
    let form = Parameters::parse(&form);
    let query = form.get("request").unwrap_or_default();
    match log_in(&oauth, &headers, &form).await {
        Err(error) => error.into_response(),
        Ok(Some(cookie)) => {
            let mut response = see_other(&format!("/oauth/authorize?{query}"));
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Ok(None) => match ClientRequest::read(&oauth, query).await {
            Ok(request) => {
                let platform = oauth.live.load().platform.name.clone();
                pages::login(Language::preferred(&headers), (&platform, &request.app.name), query, true)
            }
            Err(error) => refuse(&oauth, error),
        },
    }
}

/// The session's cookie; `None` if name or password is wrong.
async fn log_in(
    oauth: &OAuth,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Option<HeaderValue>, PageError> {
    if !session::is_same_origin(oauth, headers) || form.repeated().is_some() {
        return Err(PageError::StaleForm);
    }
    let username = form.get("username").unwrap_or_default();
    let address = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default();
    oauth.throttle.attempt(username, address, oauth.clock.monotonic()).map_err(PageError::TooManyAttempts)?;
    let found = oauth.store.merchant_login(username).await?;
    let password = form.get("password").unwrap_or_default().to_owned();
    match check(oauth, found, password).await? {
        Some(merchant) => session::begin(oauth, &merchant.id).await.map(Some),
        None => Ok(None),
    }
}

async fn check(
    oauth: &OAuth,
    found: Option<(Merchant, String)>,
    password: String,
) -> Result<Option<Merchant>, PageError> {
    let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| PageError::Unavailable(error);
    let turn = tokio::time::timeout(TURN, oauth.hashing.clone().acquire_owned()).await;
    let turn =
        turn.map_err(|late| unavailable(Box::new(late)))?.map_err(|closed| unavailable(Box::new(closed)))?;
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let (merchant, stored) = match found {
            Some((merchant, stored)) => (Some(merchant), stored),
            None => (None, NOBODY.clone()),
        };
        let is_right = password::verify(&password, &stored);
        merchant.filter(|merchant| is_right && merchant.standing == Standing::Active)
    });
    checked.await.map_err(|died| unavailable(Box::new(died)))
}
