//! Pages that only a form leads to, opened by themselves: from a bookmark, or by reloading what came after a form.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::error::{PageError, see_other};
use super::interaction::Interaction;
use super::pages::Language;
use super::router::OAuth;

/// Leads to the page of apps: by the login page, if there was no login.
pub async fn apps() -> Response {
    see_other(&Interaction::Apps.path())
}

/// Leads to the page of the second factor.
pub async fn second_factor() -> Response {
    see_other(&Interaction::SecondFactor.path())
}

/// Nobody knows what the form would have been about.
pub async fn by_itself(State(oauth): State<OAuth>, headers: HeaderMap) -> Response {
    PageError::WrongMethod.page(&oauth, (&headers, Language::preferred(&headers)))
}
