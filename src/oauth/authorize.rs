//! `GET /oauth/authorize`: login, then consent, then a code.
//!
//! Consent is asked each time: a merchant always sees what an app gets, even if it consented before.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::asked_access::AskedAccess;
use super::client_request::{ClientRequest, RequestError, normal};
use super::interaction::{Interaction, Purpose};
use super::login;
use super::pages::{self, Language, Question};
use super::router::OAuth;
use super::session;
use super::step_up::Next;

/// Shows the page that comes next.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = normal(query.as_deref().unwrap_or_default());
    let next = next_page(&oauth, &query, &headers).await;
    next.unwrap_or_else(|error| refuse(&oauth, &headers, error))
}

/// Tells the user, or the app at its redirect URI, what is wrong with a request.
pub fn refuse(oauth: &OAuth, headers: &HeaderMap, error: RequestError) -> Response {
    match error {
        RequestError::Page(error) => error.page(Language::preferred(headers)),
        RequestError::Redirect { redirect_uri, state, error } => {
            error.redirect(&redirect_uri, state.as_deref(), &oauth.issuer)
        }
    }
}

async fn next_page(oauth: &OAuth, query: &str, headers: &HeaderMap) -> Result<Response, RequestError> {
    let request = ClientRequest::read(oauth, query).await?;
    let language = Language::preferred(headers);
    let snapshot = oauth.live.load();
    let session = session::find(oauth, headers).await?;
    let authentication = session.as_ref().map(|session| session.authentication);
    let session = match (request.wanted.next(authentication, oauth.clock.now()), session) {
        (Next::Refuse(error), _) => return Err(request.refused(error)),
        (Next::Ask, Some(session)) => session,
        (Next::LogIn | Next::Ask, _) => {
            let next = (&Interaction::authorize(query), &Purpose::App(request.app.name));
            return Ok(login::page(oauth, headers, next, None)?);
        }
    };
    let of = (&session.merchant.id, &request.app.id);
    let asked = AskedAccess::of(oauth, of, (&request.scopes, language)).await?;
    let question = Question {
        platform: &snapshot.platform.name,
        app: &request.app.name,
        partner: &request.partner.name,
        merchant: &session.merchant.name,
        asked: &asked,
        request: query,
        csrf: &session.csrf,
    };
    Ok(pages::consent(language, &question))
}
