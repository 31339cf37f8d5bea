//! Who calls, and the record of what he changes.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request};
use http::request::Parts;
use serde_json::Value;

use super::answer::RequestId;
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::audit::{Actor, Change, Subject};
use crate::domain::identity::Standing;
use crate::store::{Store, Transaction};

/// Where a connection comes from; whoever serves the router says so, as an extension of each request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Administrator {
    name: String,
    credential: Option<String>,
    address: Option<IpAddr>,
    request_id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::Unauthenticated)
    }
}

impl Administrator {
    /// Who sent `request`, by the name and the id of his token.
    pub(super) fn of(request: &Request, name: &str, credential: Option<String>) -> Self {
        let extensions = request.extensions();
        Self {
            name: name.to_owned(),
            credential,
            address: extensions.get::<PeerAddress>().map(|peer| peer.0),
            request_id: extensions.get::<RequestId>().map(|id| id.0.clone()),
        }
    }

    /// His name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The store, that records with what it changes next that he did `action` to `subject`, which was and became what is
    /// given of it.
    pub(super) fn recording(
        &self,
        state: &AdminState,
        (action, subject): (Action, impl Into<Subject>),
        (before, after): (Option<&Value>, Option<&Value>),
    ) -> Store {
        state.store.recording(self.change(state, (action, subject.into()), (before, after)))
    }

    /// Records by `transaction`, which changes it, that he did `action` to `subject`, which was and became what is given of it.
    pub(super) async fn record(
        &self,
        (state, transaction): (&AdminState, &mut Transaction),
        (action, subject): (Action, impl Into<Subject>),
        (before, after): (Option<&Value>, Option<&Value>),
    ) -> Result<(), Problem> {
        let change = self.change(state, (action, subject.into()), (before, after));
        Ok(transaction.record(&change).await?)
    }

    /// That he did `action` to `subject`, which was and became what is given of it.
    pub(super) fn change(
        &self,
        state: &AdminState,
        (action, subject): (Action, Subject),
        (before, after): (Option<&Value>, Option<&Value>),
    ) -> Change {
        Change {
            at: state.clock.now(),
            actor: Actor::Administrator(self.name.clone()),
            credential: self.credential.clone(),
            address: self.address,
            request_id: self.request_id.clone(),
            action,
            subject,
            before: before.map(Value::to_string),
            after: after.map(Value::to_string),
        }
    }
}

/// What an administrator does who gives something that standing, of what he does to suspend it and to resume it.
pub(super) fn of_standing(standing: Standing, (suspend, resume): (Action, Action)) -> Action {
    match standing {
        Standing::Active => resume,
        Standing::Suspended => suspend,
    }
}
