//! `/oauth/device`: a merchant types the code that its device shows, sees what the app on it asks for, and answers (RFC 8628,
//! section 3.3). Who knows a code learns no more by it than that; and nobody gets to try many.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::asked_access::AskedAccess;
use super::error::{PageError, Refused, see_other};
use super::interaction::{DEVICE_ALLOWED, DEVICE_DENIED, Interaction, Purpose};
use super::login;
use super::login_form::session_of;
use super::pages::{self, CodeNotice, DeviceOutcome, Language, Question};
use super::parameters::Parameters;
use super::recorded::record_consent;
use super::router::OAuth;
use super::session::{self, Session};
use super::throttle::address_of;
use crate::domain::id::{FamilyId, GrantId, InvalidId};
use crate::domain::identity::{App, Partner};
use crate::domain::random::{RandomUnavailable, new_id};
use crate::domain::secret_hash::UserCodeHash;
use crate::domain::user_code::UserCode;
use crate::store::client::Client;
use crate::store::device_code::{DeviceConsent, DeviceRequest};

/// A device that waits for an answer.
struct Asking {
    code: UserCode,
    request: DeviceRequest,
    app: App,
    partner: Partner,
}

/// `GET /oauth/device`: asks for the code, or shows what the device of `user_code` asks for.
pub async fn show(State(oauth): State<OAuth>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = Parameters::parse(query.as_deref().unwrap_or_default());
    let shown = page(&oauth, &headers, &query).await;
    shown.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

/// `POST /oauth/device`: the merchant's answer.
pub async fn answer(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let answered = match Parameters::of_form(&body) {
        Some(form) => decide(&oauth, &headers, &form).await,
        None => Err(PageError::MalformedForm),
    };
    answered.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

/// `GET /oauth/device/allowed`.
pub async fn allowed(State(oauth): State<OAuth>, headers: HeaderMap) -> Response {
    outcome(&oauth, &headers, DeviceOutcome::Allowed)
}

/// `GET /oauth/device/denied`.
pub async fn denied(State(oauth): State<OAuth>, headers: HeaderMap) -> Response {
    outcome(&oauth, &headers, DeviceOutcome::Denied)
}

fn outcome(oauth: &OAuth, headers: &HeaderMap, outcome: DeviceOutcome) -> Response {
    pages::device_outcome(Language::preferred(headers), &oauth.live.load().platform.name, outcome)
}

async fn page(oauth: &OAuth, headers: &HeaderMap, query: &Parameters) -> Result<Response, PageError> {
    let sent = query.get("user_code").filter(|_| !query.is_faulty("user_code"));
    let code = sent.and_then(UserCode::read);
    let Some(session) = session::find(oauth, headers).await? else {
        return login::page(oauth, headers, (&Interaction::Device(code), &Purpose::Device), None);
    };
    match (sent, code) {
        (None, _) => Ok(ask_for_code(oauth, headers, None)),
        (Some(_), None) => Ok(ask_for_code(oauth, headers, Some(CodeNotice::Unknown))),
        (Some(_), Some(code)) => match find(oauth, headers, (&session, code)).await? {
            Some(asking) => question(oauth, headers, (&session, &asking)).await,
            None => Ok(ask_for_code(oauth, headers, Some(CodeNotice::Unknown))),
        },
    }
}

fn ask_for_code(oauth: &OAuth, headers: &HeaderMap, notice: Option<CodeNotice>) -> Response {
    let page = pages::device_code(Language::preferred(headers), &oauth.live.load().platform.name, notice);
    match notice {
        Some(CodeNotice::Unknown) => {
            Refused::watched("unknown_user_code", "no device waits with it").with(page)
        }
        None => page,
    }
}

async fn question(
    oauth: &OAuth,
    headers: &HeaderMap,
    (session, asking): (&Session, &Asking),
) -> Result<Response, PageError> {
    let (language, snapshot) = (Language::preferred(headers), oauth.live.load());
    let of = (&session.merchant.id, &asking.app.id);
    let asked = AskedAccess::of(oauth, of, (&asking.request.scopes, language)).await?;
    let (here, code) = (Interaction::Device(Some(asking.code.clone())), asking.code.to_string());
    let question = Question {
        platform: &snapshot.platform.name,
        app: &asking.app.name,
        partner: &asking.partner.name,
        merchant: &session.merchant.name,
        asked: &asked,
        device: Some(&code),
        request: &here.field(),
        csrf: &session.csrf,
    };
    Ok(pages::consent(language, &question))
}

/// The device of that code, if it waits and its app may act. Codes that are not there count against who tries them.
async fn find(
    oauth: &OAuth,
    headers: &HeaderMap,
    (session, code): (&Session, UserCode),
) -> Result<Option<Asking>, PageError> {
    let merchant = session.merchant.id.as_str();
    let attempt = oauth
        .throttle
        .user_code(merchant, address_of(headers), oauth.clock.monotonic())
        .map_err(PageError::TooManyAttempts)?;
    let hash = UserCodeHash::of(code.letters());
    let Some(request) = oauth.store.device_request(&hash, oauth.clock.now()).await? else { return Ok(None) };
    attempt.give_back();
    let client = oauth.store.client(&request.app).await?.filter(Client::is_active);
    Ok(client.map(|client| Asking { code, request, app: client.app, partner: client.partner }))
}

async fn decide(oauth: &OAuth, headers: &HeaderMap, form: &Parameters) -> Result<Response, PageError> {
    let session = session_of(oauth, headers, form).await?;
    let code = form.get("user_code").and_then(UserCode::read);
    let asking = match code {
        Some(code) => find(oauth, headers, (&session, code)).await?,
        None => None,
    };
    let Some(asking) = asking else {
        return Ok(ask_for_code(oauth, headers, Some(CodeNotice::Unknown)));
    };
    let hash = UserCodeHash::of(asking.code.letters());
    let (was_waiting, path) = match form.get("decision") {
        Some("allow") => (allow(oauth, headers, (&session, &asking)).await?, DEVICE_ALLOWED),
        _ => (oauth.store.deny_device(&hash, oauth.clock.now()).await?, DEVICE_DENIED),
    };
    match was_waiting {
        true => Ok(see_other(path)),
        false => Ok(ask_for_code(oauth, headers, Some(CodeNotice::Unknown))),
    }
}

/// Records the consent and lets the device through; whether it still waited.
async fn allow(
    oauth: &OAuth,
    headers: &HeaderMap,
    (session, asking): (&Session, &Asking),
) -> Result<bool, PageError> {
    let no_chance = |error: RandomUnavailable| PageError::Unavailable(Box::new(error));
    let malformed = |error: InvalidId| PageError::Unavailable(Box::new(error));
    let consent = DeviceConsent {
        merchant: session.merchant.id.clone(),
        new_grant: GrantId::new(&new_id("gr_", &*oauth.random).map_err(no_chance)?).map_err(malformed)?,
        family: FamilyId::new(&new_id("fam_", &*oauth.random).map_err(no_chance)?).map_err(malformed)?,
        authentication: session.authentication,
    };
    let hash = UserCodeHash::of(asking.code.letters());
    let mut transaction = oauth.store.begin().await?;
    let before = transaction.lock_active_grant((&session.merchant.id, &asking.app.id)).await?;
    let given = transaction.allow_device(&hash, consent, oauth.clock.now()).await?;
    let Some(grant) = given else { return Ok(false) };
    let of = (headers, &session.merchant.id);
    record_consent((oauth, &mut transaction), of, (before.as_ref(), &grant)).await?;
    transaction.commit().await?;
    // A wider grant is to be seen by tokens that are remembered with the narrower one.
    oauth.directory.forget_grant(&grant);
    Ok(true)
}
