//! `/oauth/apps`: what a merchant sees of the apps with access to its shop and of the browsers in which it is logged in, and
//! how it ends either. Whatever it ends no longer works anywhere, as when an administrator does so.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::error::{PageError, see_other};
use super::interaction::{Interaction, Purpose};
use super::login;
use super::login_form::session_of;
use super::pages::{self, Access, AppsQuestion, Browser, Language};
use super::parameters::Parameters;
use super::recorded::record;
use super::router::OAuth;
use super::scopes;
use super::session::{self, Session};
use crate::domain::action::Action;
use crate::domain::authentication::AuthenticationClass;
use crate::domain::id::{GrantId, SessionId};
use crate::domain::identity::Grant;
use crate::store::recorded;

/// `GET /oauth/apps`.
pub async fn show(State(oauth): State<OAuth>, headers: HeaderMap) -> Response {
    let shown = page(&oauth, &headers).await;
    shown.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

/// `POST /oauth/apps/revoke`: takes the grant of the form back.
pub async fn revoke(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let revoked = try_revoke(&oauth, &headers, &body).await;
    revoked.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

/// `POST /oauth/apps/sessions/end`: logs the browser of the form out.
pub async fn end_session(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let ended = try_end_session(&oauth, &headers, &body).await;
    ended.unwrap_or_else(|error| error.page(&oauth, (&headers, Language::preferred(&headers))))
}

async fn page(oauth: &OAuth, headers: &HeaderMap) -> Result<Response, PageError> {
    let Some(session) = session::find(oauth, headers).await? else {
        return login::page(oauth, headers, (&Interaction::Apps, &Purpose::Apps), None);
    };
    let (language, snapshot) = (Language::preferred(headers), oauth.live.load());
    let zone = &snapshot.platform.zone;
    let apps = oauth.store.apps_with_access_to(&session.merchant.id).await?;
    let apps = apps.into_iter().map(|access| Access {
        scopes: scopes::in_words(&snapshot, &access.scopes, language),
        since: zone.minute(access.since),
        refreshed: access.refreshed_at.map(|at| zone.minute(at)),
        grant: access.grant.as_str().to_owned(),
        app: access.app,
        partner: access.partner,
    });
    let browsers = oauth.store.login_sessions_of(&session.merchant.id, oauth.clock.now()).await?;
    let browsers = browsers.iter().map(|browser| Browser {
        session: browser.id.as_str(),
        since: zone.minute(browser.created_at),
        seen: browser.seen_at.map(|at| zone.minute(at)),
        until: zone.minute(browser.expires_at),
        method: browser.method,
        is_by_two_factors: browser.authentication.class == AuthenticationClass::TwoFactors,
        address: browser.address,
        is_this: browser.id == session.id,
    });
    let question = AppsQuestion {
        platform: &snapshot.platform.name,
        merchant: &session.merchant.name,
        apps: &apps.collect::<Vec<_>>(),
        browsers: &browsers.collect::<Vec<_>>(),
        request: &Interaction::Apps.field(),
        csrf: &session.csrf,
    };
    Ok(pages::apps(language, &question))
}

async fn try_revoke(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, PageError> {
    let (session, form) = read(oauth, headers, body).await?;
    let id = form.get("grant").and_then(|id| GrantId::new(id).ok());
    let mut transaction = oauth.store.begin().await?;
    let grant = match id {
        Some(id) => transaction.lock_grant(&id).await?,
        None => None,
    };
    // What is not the merchant's, or no longer there, is no mistake of the merchant's: the page says what there is.
    let is_its_own = |grant: &Grant| grant.merchant == session.merchant.id && grant.revoked_at.is_none();
    if let Some(grant) = grant.filter(is_its_own) {
        let now = oauth.clock.now();
        let after = Grant { revoked_at: Some(now), ..grant.clone() };
        let (before, after) = (recorded::grant(&grant), recorded::grant(&after));
        let (of, change) =
            ((headers, &grant.merchant), (Action::GrantRevoke, recorded::grant_itself(&grant)));
        transaction.revoke_grant(&grant.id, now).await?;
        record((oauth, &mut transaction), of, change, (Some(&before), Some(&after))).await?;
        transaction.commit().await?;
        oauth.directory.forget_grant(&grant.id);
        tracing::info!(grant = %grant.id, app = %grant.app, merchant = %grant.merchant, "a merchant revoked its grant");
    }
    Ok(see_other(&Interaction::Apps.path()))
}

async fn try_end_session(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, PageError> {
    let (session, form) = read(oauth, headers, body).await?;
    let mut response = see_other(&Interaction::Apps.path());
    let Some(id) = form.get("session").and_then(|id| SessionId::new(id).ok()) else { return Ok(response) };
    let mut transaction = oauth.store.begin().await?;
    if let Some(ended) = transaction.end_login_session(&session.merchant.id, &id).await? {
        let (of, before) = ((headers, &session.merchant.id), recorded::session(&ended));
        let change = (Action::SessionEnd, recorded::session_itself(&ended));
        record((oauth, &mut transaction), of, change, (Some(&before), None)).await?;
        transaction.commit().await?;
        tracing::info!(session = %id, merchant = %session.merchant.id, "a merchant ended a session of its own");
    }
    if id == session.id {
        response.headers_mut().append(header::SET_COOKIE, session::no_cookie(oauth)?);
    }
    Ok(response)
}

async fn read(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<(Session, Parameters), PageError> {
    let form = Parameters::of_form(body).ok_or(PageError::MalformedForm)?;
    Ok((session_of(oauth, headers, &form).await?, form))
}
