//! Client certificates by which apps prove themselves.

use std::sync::Arc;

use axum::extract::State;
use serde_json::Value;

use super::administrator::Administrator;
use super::answer::Answer;
use super::credential::{Administered, find, made, new_id_of};
use super::credential_fields::{NewCredential, app_for, new_credential};
use super::fields::{self, Fields};
use super::parameters::Id;
use super::problem::Problem;
use super::rotation::rotation;
use super::show;
use super::state::{AdminState, Invalidation};
use crate::domain::action::Action;
use crate::domain::app_certificate::{AppCertificate, CERTIFICATE_PREFIX, KnownBy, RegisteredAs};
use crate::domain::id::CertificateId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

impl Administered for CertificateId {
    const PATH: &'static str = "/admin/client-certificates";
    const PREFIX: &'static str = CERTIFICATE_PREFIX;
    const REVOKE: Action = Action::ClientCertificateRevoke;

    fn show(certificate: &AppCertificate) -> Value {
        show::client_certificate(certificate)
    }

    fn forget(certificate: &AppCertificate, invalidation: &dyn Invalidation) {
        invalidation.forget_certificate(&certificate.own.known_by);
    }
}

/// `POST /admin/client-certificates`.
pub(super) async fn create(State(state): State<Arc<AdminState>>, who: Administrator, body: Fields) -> Answer {
    let now = state.clock.now();
    let (new, own) = asked(body, now)?;
    let reach = app_for(&state, &new, now).await?;
    let certificate: AppCertificate = new.made(new_id_of(&state)?, own, now);
    let shown = show::client_certificate(&certificate);
    let what = (Action::ClientCertificateCreate, show::credential_itself(&certificate));
    let store = who.recording(&state, what, (None, Some(&shown)));
    store.create_client_certificate(&certificate).await.map_err(taken)?;
    state.invalidation.forget_certificate(&certificate.own.known_by);
    made::<CertificateId>((&state, &reach), &certificate, None)
}

/// `POST /admin/client-certificates/{id}/rotate`: by what the new one is known is said anew. It is called as the old one unless another
/// label is given.
pub(super) async fn rotate(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Id(id): Id,
    mut body: Fields,
) -> Answer {
    let rotation = rotation(&mut body, state.clock.now());
    let known_by = known_by(&mut body);
    let label = body.optional("label", fields::name);
    let found = find::<CertificateId>(&state, &id).await?;
    let own = known_by.zip(label).map(|(known_by, label)| {
        let label = label.or_else(|| found.own.label.clone());
        RegisteredAs { known_by, label }
    });
    let (rotation, own) = body.finish(rotation.zip(own))?;
    let reach = rotation.reach::<CertificateId>(&state, &found).await?;
    let known_by = own.known_by.clone();
    let mut transaction = state.store.begin().await?;
    let rotated = rotation.begin(&mut transaction, &found.id, (new_id_of(&state)?, own)).await?;
    transaction.create_client_certificate(&rotated.successor).await.map_err(taken)?;
    let told = (Action::ClientCertificateRotate, None);
    let answer = rotated.finish((&state, &reach, &who), transaction, told).await?;
    state.invalidation.forget_certificate(&known_by);
    Ok(answer)
}

fn asked(mut body: Fields, now: Timestamp) -> Result<(NewCredential, RegisteredAs), Problem> {
    let known_by = known_by(&mut body);
    let label = body.optional("label", fields::name);
    let new = new_credential(&mut body, now);
    let own = known_by.zip(label).map(|(known_by, label)| RegisteredAs { known_by, label });
    body.finish(new.zip(own))
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
