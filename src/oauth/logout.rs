//! `POST /oauth/logout`: a merchant leaves this browser, or goes on as somebody else.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::error::{PageError, see_other};
use super::interaction::{FIELD, Interaction};
use super::login_form::is_same_origin;
use super::pages::{self, Language};
use super::parameters::Parameters;
use super::router::OAuth;
use super::session;

/// Ends the session; what the form names goes on with the login page.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let ended = match Parameters::of_form(&body) {
        Some(form) => log_out(&oauth, &headers, &form).await,
        None => Err(PageError::MalformedForm),
    };
    ended.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

async fn log_out(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Response, PageError> {
    // Without a session there is nothing that a foreign page could end.
    if let Some(session) = session::find(oauth, headers).await? {
        if !is_same_origin(&oauth.issuer, headers) || !session::is_own_form(&session, form.get("csrf")) {
            return Err(PageError::StaleForm);
        }
        session::end(oauth, headers).await?;
        tracing::info!(merchant = %session.merchant.id, "a merchant logged out");
    }
    let mut response = match form.get(FIELD) {
        Some(named) => see_other(&Interaction::named(Some(named)).path()),
        None => pages::logged_out(Language::preferred(headers), &oauth.live.load().platform.name),
    };
    response.headers_mut().append(header::SET_COOKIE, session::no_cookie(oauth)?);
    Ok(response)
}
