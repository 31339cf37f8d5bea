//! What audit records tell of things, and as what those are found: the same for each kind of thing, whoever changed it. It holds
//! no secret. Written by hand: a new field is told because someone meant it.

use std::fmt::Display;

use serde_json::{Value, json};

use super::login_session::LoginSession;
use super::second_factor::ConfirmedFactor;
use crate::domain::app_credential::AppCredential;
use crate::domain::audit::Subject;
use crate::domain::authentication::{AuthenticationClass, LoginMethod};
use crate::domain::identity::{Grant, Merchant};
use crate::domain::narrowing::Narrowing;
use crate::domain::provider_account::LinkedAccount;
use crate::domain::scope::Scope;

/// A merchant.
#[must_use]
pub fn merchant(merchant: &Merchant) -> Value {
    json!({
        "id": merchant.id.as_str(),
        "username": merchant.username,
        "name": merchant.name,
        "standing": merchant.standing.name(),
        "created_at": merchant.created_at.to_string(),
    })
}

/// The second factor of a merchant, if it has one.
#[must_use]
pub fn second_factor(factor: Option<ConfirmedFactor>) -> Value {
    factor.map_or(Value::Null, |factor| {
        json!({ "since": factor.since.to_string(), "recovery_codes_left": factor.recovery_codes_left })
    })
}

/// An account at an identity provider, and the merchant that it is.
#[must_use]
pub fn linked_account(link: &LinkedAccount) -> Value {
    json!({
        "merchant": link.merchant.as_str(),
        "issuer": link.account.issuer(),
        "subject": link.account.subject(),
        "linked_at": link.linked_at.to_string(),
    })
}

/// A session of a merchant.
#[must_use]
pub fn session(session: &LoginSession) -> Value {
    json!({
        "id": session.id.as_str(),
        "merchant": session.merchant.as_str(),
        "method": session.method.map(LoginMethod::name),
        "two_factors": session.authentication.class == AuthenticationClass::TwoFactors,
        "address": session.address.map(|address| address.to_string()),
        "created_at": session.created_at.to_string(),
        "last_seen_at": session.seen_at.map(|at| at.to_string()),
        "expires_at": session.expires_at.to_string(),
    })
}

/// A session as what is changed.
#[must_use]
pub fn session_itself(session: &LoginSession) -> Subject {
    Subject::new(session.id.as_str()).about(session.merchant.as_str())
}

/// What is told of each credential of an app, of whichever kind.
#[must_use]
pub fn credential<I: Display, O>(credential: &AppCredential<I, O>) -> Value {
    let Narrowing { products, addresses } = &credential.narrowing;
    json!({
        "id": credential.id.to_string(),
        "app": credential.app.as_str(),
        "scopes": credential.scopes.as_ref().map(|scopes| texts(scopes.iter())),
        "products": products.as_ref().map(|products| texts(products.iter())),
        "addresses": addresses.as_ref().map(|networks| texts(networks.iter())),
        "created_at": credential.created_at.to_string(),
        "expires_at": credential.expires_at.map(|at| at.to_string()),
        "revoked_at": credential.revoked_at.map(|at| at.to_string()),
        "rotated_from": credential.rotated_from.as_ref().map(ToString::to_string),
        "last_used_at": credential.last_used_at.map(|at| at.to_string()),
    })
}

/// A credential of an app as what is changed.
#[must_use]
pub fn credential_itself<I: Display, O>(credential: &AppCredential<I, O>) -> Subject {
    Subject::new(&credential.id.to_string()).about(credential.app.as_str())
}

/// A grant.
#[must_use]
pub fn grant(grant: &Grant) -> Value {
    json!({
        "id": grant.id.as_str(),
        "merchant": grant.merchant.as_str(),
        "app": grant.app.as_str(),
        "scopes": grant.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "created_at": grant.created_at.to_string(),
        "revoked_at": grant.revoked_at.map(|at| at.to_string()),
    })
}

/// A grant as what is changed.
#[must_use]
pub fn grant_itself(grant: &Grant) -> Subject {
    Subject::new(grant.id.as_str()).about(grant.merchant.as_str()).about(grant.app.as_str())
}

/// Entries as texts.
fn texts(entries: impl Iterator<Item = impl Display>) -> Vec<String> {
    entries.map(|entry| entry.to_string()).collect()
}
