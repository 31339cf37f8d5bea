//! Audit records: who changed what, when, from where, and what it was before.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::action::{Action, SubjectKind};
use crate::domain::audit::{Actor, AuditRecord};
use crate::store::audit::AuditFilter;

/// `GET /admin/audit?subject=&actor=&action=`, the last first by its number, whatever the clocks of the nodes tell. What can be
/// nobody's name is no empty list: it is told which there are.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.numbered_page();
    let subject = parameters.optional::<SubjectName>("subject");
    let is_of_no_kind = subject.as_ref().is_some_and(|subject| !subject.is_of_its_kind());
    // What the id tells needs no looking for, and older programs named a consent by its app.
    let kind = subject.as_ref().and_then(|subject| subject.kind).filter(|kind| kind.prefix().is_none());
    let filter = AuditFilter {
        kind,
        subject: subject.map(|subject| subject.id),
        actor: parameters.optional::<ActorName>("actor").map(|actor| actor.0),
        action: parameters.optional("action"),
    };
    parameters.finish()?;
    if is_of_no_kind {
        return ok(json!({ "items": [], "next": null }));
    }
    let records = state.store.audit_records(&filter, &paging.page).await?;
    let next = records.last().filter(|_| records.len() >= paging.size).map(|last| last.number.to_string());
    ok(json!({ "items": records.iter().map(show).collect::<Vec<_>>(), "next": next }))
}

/// `GET /admin/audit/{number}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(number): Id) -> Answer {
    let missing = || Problem::NotFound("audit record");
    let number = number.parse().map_err(|_| missing())?;
    ok(show(&state.store.audit_record(number).await?.ok_or_else(missing)?))
}

/// The id of a subject, by itself or, as `KIND:ID`, with what it is an id of. Ids may hold a colon themselves.
struct SubjectName {
    kind: Option<SubjectKind>,
    id: String,
}

impl SubjectName {
    fn is_of_its_kind(&self) -> bool {
        self.kind.is_none_or(|kind| kind.may_have(&self.id))
    }
}

impl FromStr for SubjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, id) = text.split_once(':').unwrap_or_default();
        match SubjectKind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => Ok(Self { kind: Some(kind), id: id.to_owned() }),
            None if SubjectKind::any_may_have(text) => Ok(Self { kind: None, id: text.to_owned() }),
            None => {
                let known = SubjectKind::ALL.map(SubjectKind::name).join(", ");
                Err(format!("is an id, such as app_…, or KIND:ID; kinds are: {known}"))
            }
        }
    }
}

/// Who it was, as [`Actor`] is written.
struct ActorName(String);

impl FromStr for ActorName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = text.split_once(':').filter(|(_, name)| !name.is_empty()).map(|(kind, _)| kind);
        match kind.is_some_and(|kind| Actor::KINDS.contains(&kind)) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("is KIND:NAME; kinds are: {}", Actor::KINDS.join(", "))),
        }
    }
}

fn show(record: &AuditRecord) -> Value {
    let json =
        |text: &Option<String>| text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    // Older programs named a consent by its app: what the id tells goes before what the action does.
    let of_action = || Action::named(&record.action).map(Action::subject);
    let kind = SubjectKind::of(&record.subject).or_else(of_action).map(SubjectKind::name);
    json!({
        "number": record.number,
        "at": record.at.to_string(),
        "actor": record.actor,
        "credential": record.credential,
        "address": record.address,
        "request_id": record.request_id,
        "action": record.action,
        "subject": record.subject,
        "subject_kind": kind,
        "about": record.about,
        "before": json(&record.before),
        "after": json(&record.after),
    })
}
