//! `POST /oauth/consent`: the merchant's answer, and the code that the app gets.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::authorize::refuse;
use super::client_request::{ClientRequest, RequestError, normal};
use super::error::{AuthorizeError, PageError, see_other};
use super::interaction::{FIELD, Interaction};
use super::login_form;
use super::parameters::Parameters;
use super::recorded::record_consent;
use super::redirect::with_parameters;
use super::router::OAuth;
use super::session::{self, Session};
use super::step_up::{Login, Next};
use crate::domain::confirmation::Confirmation;
use crate::domain::id::{FamilyId, GrantId, InvalidId};
use crate::domain::random::{new_id, new_secret};
use crate::domain::secret_hash::CodeHash;
use crate::store::authorization_code::{CodeRecord, GivenCode};

/// Takes the merchant's answer.
pub async fn submit(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Parameters::of_form(&body);
    let language = Interaction::language_of(form.as_ref(), &headers);
    let decided = match form {
        Some(form) => decide(&oauth, &headers, &form).await,
        None => Err(PageError::MalformedForm.into()),
    };
    decided.unwrap_or_else(|error| refuse(&oauth, (&headers, language), error))
}

async fn decide(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Response, RequestError> {
    let query = normal(form.get(FIELD).unwrap_or_default());
    let Some(session) = session::find(oauth, headers).await? else {
        // It ended while the page lay open.
        return Ok(see_other(&Interaction::authorize(&query).path()));
    };
    let session = login_form::sent_in(oauth, headers, form, session)?;
    let request = ClientRequest::read(oauth, &query).await?;
    let settled = match form.get("decision") {
        Some("allow") => allow(oauth, (headers, &session), (&request, &query)).await,
        Some(_) | None => Err(deny(oauth, &request).await),
    };
    settled.map_err(|error| request.failed(error))
}

async fn allow(
    oauth: &OAuth,
    (headers, session): (&HeaderMap, &Session),
    (request, query): (&ClientRequest, &str),
) -> Result<Response, RequestError> {
    match request.wanted.next(Some(Login::of(session, query)), oauth.clock.now()) {
        Next::Ask => {}
        // The page lay open for longer than the login may be old.
        Next::LogIn => return Ok(see_other(&Interaction::authorize(query).path())),
        Next::Refuse(error) => return Err(request.refused(error)),
    }
    let code = issue(oauth, (headers, session), request).await?;
    let mut parameters = vec![("code", code.as_str())];
    parameters.extend(request.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", &oauth.issuer));
    Ok(see_other(&with_parameters(&request.redirect_uri, &parameters)))
}

/// What the app is told that was not let: a pushed request is used up by that too.
async fn deny(oauth: &OAuth, request: &ClientRequest) -> RequestError {
    let Some(pushed) = &request.pushed else { return request.refused(AuthorizeError::AccessDenied) };
    match oauth.store.drop_pushed_request(&request.app.id, pushed, oauth.clock.now()).await {
        Ok(true) => request.refused(AuthorizeError::AccessDenied),
        Ok(false) => PageError::RequestGone.into(),
        Err(error) => PageError::from(error).into(),
    }
}

/// Records the consent and makes a code of 256 random bits, of which only the hash is kept; a pushed request is used up. All
/// of it happens or nothing does.
async fn issue(
    oauth: &OAuth,
    (headers, session): (&HeaderMap, &Session),
    request: &ClientRequest,
) -> Result<String, PageError> {
    let no_chance = |error| PageError::Unavailable(Box::new(error));
    let malformed = |error: InvalidId| PageError::Unavailable(Box::new(error));
    let now = oauth.clock.now();
    let code = new_secret("tgc_", &*oauth.random).map_err(no_chance)?;
    let code_record = CodeRecord {
        app: request.app.id.clone(),
        merchant: session.merchant.id.clone(),
        grant: GrantId::new(&new_id("gr_", &*oauth.random).map_err(no_chance)?).map_err(malformed)?,
        family: FamilyId::new(&new_id("fam_", &*oauth.random).map_err(no_chance)?).map_err(malformed)?,
        redirect_uri: request.sent_redirect_uri.clone(),
        scopes: request.scopes.clone(),
        challenge: request.challenge.clone(),
        confirmation: request.key.map(Confirmation::Key),
        authentication: session.authentication,
        issued_at: now,
        expires_at: now.plus(oauth.live.load().platform.code_lifetime),
        redeemed_at: None,
    };
    oauth
        .throttle
        .consent(&session.merchant.id, oauth.clock.monotonic())
        .map_err(PageError::TooManyAttempts)?;
    let mut transaction = oauth.store.begin().await?;
    let before = transaction.lock_active_grant((&session.merchant.id, &request.app.id)).await?;
    match transaction.give_code(&CodeHash::of(&code), code_record, request.pushed.as_ref()).await? {
        GivenCode::Given(grant) => {
            let of = (headers, &session.merchant.id);
            record_consent((oauth, &mut transaction), of, (before.as_ref(), &grant)).await?;
            transaction.commit().await?;
            // A wider grant is to be seen by tokens that are remembered with the narrower one.
            oauth.directory.forget_grant(&grant);
            Ok(code)
        }
        GivenCode::RequestGone => Err(PageError::RequestGone),
    }
}
