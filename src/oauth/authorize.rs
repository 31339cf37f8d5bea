//! `GET /oauth/authorize`: login, then consent, then a code.
//!
//! Consent is asked each time: a merchant always sees what an app gets, even if it consented before.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::client_request::{ClientRequest, RequestError, normal};
use super::error::PageError;
use super::login_form;
use super::pages::{self, Language, LoginNotice, LoginQuestion, Question};
use super::router::OAuth;
use super::session;

/// Shows the page that comes next.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let query = normal(&query);
    match next_page(&oauth, &query, &headers).await {
        Ok(page) => page,
        Err(error) => refuse(&oauth, error),
    }
}

/// Tells the user, or the app at its redirect URI, what is wrong with a request.
pub fn refuse(oauth: &OAuth, error: RequestError) -> Response {
    match error {
        RequestError::Page(error) => error.into_response(),
        RequestError::Redirect { redirect_uri, state, error } => {
            error.redirect(&redirect_uri, state.as_deref(), &oauth.issuer)
        }
    }
}

/// The login page of a request, with the cookie that its form goes by.
///
/// # Errors
/// [`PageError::Unavailable`].
pub fn login_page(
    oauth: &OAuth,
    headers: &HeaderMap,
    (request, query): (&ClientRequest, &str),
    notice: Option<LoginNotice>,
) -> Result<Response, PageError> {
    let form = login_form::prepare(oauth, headers)?;
    let snapshot = oauth.live.load();
    let question = LoginQuestion {
        platform: &snapshot.platform.name,
        app: &request.app.name,
        request: query,
        token: &form.token,
    };
    let mut page = pages::login(Language::preferred(headers), &question, notice);
    page.headers_mut().insert(header::SET_COOKIE, form.cookie);
    Ok(page)
}

async fn next_page(oauth: &OAuth, query: &str, headers: &HeaderMap) -> Result<Response, RequestError> {
    let request = ClientRequest::read(oauth, query).await?;
    let language = Language::preferred(headers);
    let snapshot = oauth.live.load();
    let Some(session) = session::find(oauth, headers).await? else {
        return Ok(login_page(oauth, headers, (&request, query), None)?);
    };
    let scopes: Vec<String> = request
        .scopes
        .iter()
        .map(|scope| match (snapshot.scopes.get(scope), language) {
            (Some(text), Language::English) => text.en.clone(),
            (Some(text), Language::Chinese) => text.zh.clone(),
            (None, _) => scope.to_string(),
        })
        .collect();
    let question = Question {
        platform: &snapshot.platform.name,
        app: &request.app.name,
        partner: &request.partner.name,
        merchant: &session.merchant.name,
        scopes: &scopes,
        request: query,
        csrf: &session.csrf,
    };
    Ok(pages::consent(language, &question))
}
