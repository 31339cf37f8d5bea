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
use super::parameters::Parameters;
use super::redirect::with_parameters;
use super::router::OAuth;
use super::session;
use super::step_up::{self, Login, Next};

/// Shows the page that comes next.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = normal(query.as_deref().unwrap_or_default());
    let next = next_page(&oauth, &query, &headers).await;
    next.unwrap_or_else(|error| {
        refuse(&oauth, (&headers, Interaction::authorize(&query).language(&headers)), error)
    })
}

/// Tells the user, or the app at its redirect URI, what is wrong with a request.
pub fn refuse(oauth: &OAuth, told: (&HeaderMap, Language), error: RequestError) -> Response {
    match error {
        RequestError::Page(error) => error.page(oauth, told),
        RequestError::Redirect { redirect_uri, state, error, app: _ } => {
            error.redirect(&redirect_uri, state.as_deref(), &oauth.issuer)
        }
    }
}

async fn next_page(oauth: &OAuth, query: &str, headers: &HeaderMap) -> Result<Response, RequestError> {
    let request = match ClientRequest::read(oauth, query).await {
        // A link alone sends nobody to an app's site: whoever follows it sees who asks, and logs in (RFC 9700, section 4.11.2).
        Err(RequestError::Redirect { app, .. })
            if !step_up::is_silent(query) && session::find(oauth, headers).await?.is_none() =>
        {
            let next = (&Interaction::authorize(query), &Purpose::App(app));
            return Ok(login::page(oauth, headers, next, None)?);
        }
        read => read?,
    };
    page_of(oauth, (&request, query), headers).await.map_err(|error| request.failed(error))
}

async fn page_of(
    oauth: &OAuth,
    (request, query): (&ClientRequest, &str),
    headers: &HeaderMap,
) -> Result<Response, RequestError> {
    let language = Language::wanted(headers, request.ui_locales.as_deref());
    let snapshot = oauth.live.load();
    let session = session::find(oauth, headers).await?;
    let login = session.as_ref().map(|session| Login::of(session, query));
    let session = match (request.wanted.next(login, oauth.clock.now()), session) {
        (Next::Refuse(error), _) => return Err(request.refused(error)),
        (Next::Ask, Some(session)) => session,
        (Next::LogIn | Next::Ask, _) => {
            let next = (&going_on(query, request), &Purpose::App(request.app.name.clone()));
            return Ok(login::page_with_hint(oauth, headers, next, request.login_hint.as_deref())?);
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
        device: None,
        request: query,
        csrf: &session.csrf,
    };
    Ok(pages::consent(language, &question))
}

/// What a login goes on with. The pages before it do not see into a request that was pushed, so its languages go along.
fn going_on(query: &str, request: &ClientRequest) -> Interaction {
    match &request.ui_locales {
        Some(locales) if Parameters::parse(query).get("ui_locales").is_none() => Interaction::authorize(
            &with_parameters(&format!("?{query}"), &[("ui_locales", locales.as_str())])[1..],
        ),
        Some(_) | None => Interaction::authorize(query),
    }
}
