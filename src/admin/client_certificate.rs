//! Client certificates by which apps prove themselves.

use std::sync::Arc;

use axum::extract::State;

use super::administrator::Administrator;
use super::answer::{Answer, created, ok};
use super::fields::{self, Fields};
use super::key_fields::{NewKey, app_of, check_within, new_key};
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::show;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::app_certificate::{AppCertificate, CERTIFICATE_PREFIX, KnownBy};
use crate::domain::audit::Subject;
use crate::domain::id::{AppId, CertificateId};
use crate::domain::random::new_id;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// A certificate as it is asked for.
struct Asked {
    known_by: KnownBy,
    label: Option<String>,
    /// What it proves, and how far, as of a key.
    new: NewKey,
}

/// `POST /admin/client-certificates`.
pub(super) async fn create(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    let now = state.clock.now();
    let Asked { known_by, label, new } = asked(body, now)?;
    let app = app_of(&state, &new.app).await?;
    check_within(&new, (&app, &state.store.subscriptions_of(&app.id).await?), now)?;
    let id = new_id(CERTIFICATE_PREFIX, &*state.random)?;
    let certificate = AppCertificate {
        id: CertificateId::new(&id).map_err(|_| Problem::Internal)?,
        app: app.id,
        known_by,
        label,
        scopes: new.scopes,
        narrowing: new.narrowing,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let shown = show::client_certificate(&certificate);
    let what = (Action::ClientCertificateCreate, subject(&certificate));
    let store = who.recording(&state, what, (None, Some(&shown)));
    store.create_client_certificate(&certificate).await.map_err(taken)?;
    state.invalidation.forget_certificate(&certificate.known_by);
    tracing::info!(certificate = %certificate.id, app = %certificate.app, "a client certificate was registered");
    created(&format!("/admin/client-certificates/{}", certificate.id), shown)
}

fn asked(mut body: Fields, now: Timestamp) -> Result<Asked, Problem> {
    let known_by = known_by(&mut body);
    let label = body.optional("label", fields::name);
    let new = new_key(&mut body, now);
    let built = (|| Some(Asked { known_by: known_by?, label: label?, new: new? }))();
    body.finish(built)
}

/// By what it is to be known: exactly one of the kinds; `None` if that is wrong, which is noted.
fn known_by(body: &mut Fields) -> Option<KnownBy> {
    let read = KnownBy::KINDS.map(|kind| {
        body.optional(kind, |value| KnownBy::of(kind, value.as_str().ok_or("must be a string")?))
    });
    let given: Option<Vec<_>> = read.into_iter().collect();
    let [known_by] = <[_; 1]>::try_from(given?.into_iter().flatten().collect::<Vec<_>>())
        .inspect_err(|_| {
            let kinds = KnownBy::KINDS.join(", ");
            body.wrong(KnownBy::KINDS[0], format!("there must be exactly one of {kinds}"));
        })
        .ok()?;
    Some(known_by)
}

fn taken(error: StoreError) -> Problem {
    match error {
        StoreError::Conflict { what } if what == "client_certificate.known_by" => Problem::Conflict(
            "An app has registered a certificate that is known by that already: revoke it first.".to_owned(),
        ),
        other => other.into(),
    }
}

/// `GET /admin/client-certificates?app=`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let app = parameters.required::<AppId>("app");
    parameters.finish()?;
    let certificates = match app {
        Some(app) => state.store.client_certificates_of(&app).await?,
        None => Vec::new(),
    };
    ok(whole(&certificates, show::client_certificate))
}

/// `GET /admin/client-certificates/{id}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let missing = Problem::NotFound("client certificate");
    let Ok(id) = CertificateId::new(&id) else { return Err(missing) };
    let certificate = state.store.client_certificate(&id).await?.ok_or(missing)?;
    ok(show::client_certificate(&certificate))
}

/// `POST /admin/client-certificates/{id}/revoke`.
pub(super) async fn revoke(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer {
    body.finish(Some(()))?;
    let missing = Problem::NotFound("client certificate");
    let Ok(id) = CertificateId::new(&id) else { return Err(missing) };
    let mut transaction = state.store.begin().await?;
    let certificate = transaction.lock_client_certificate(&id).await?.ok_or(missing)?;
    let now = state.clock.now();
    let after = AppCertificate { revoked_at: certificate.revoked_at.or(Some(now)), ..certificate.clone() };
    let (before, after) = (show::client_certificate(&certificate), show::client_certificate(&after));
    transaction.revoke_client_certificate(&certificate.id, now).await?;
    let what = (Action::ClientCertificateRevoke, subject(&certificate));
    who.record((&state, &mut transaction), what, (Some(&before), Some(&after))).await?;
    transaction.commit().await?;
    state.invalidation.forget_certificate(&certificate.known_by);
    tracing::info!(certificate = %certificate.id, app = %certificate.app, "a client certificate was revoked");
    ok(after)
}

fn subject(certificate: &AppCertificate) -> Subject {
    Subject::new(certificate.id.as_str()).about(certificate.app.as_str())
}
