//! Things of the domain as the API shows them. Written by hand: a new field is shown because someone meant it.

use serde_json::{Value, json};

use crate::domain::app_certificate::{AppCertificate, KnownBy, RegisteredAs};
use crate::domain::client::{ClientSettings, SecretRecord};
use crate::domain::client_certificate::CertificateName;
use crate::domain::identity::{App, DefaultScopes, Merchant, Partner, Subscription};
use crate::domain::scope::{Scope, ScopeSet};
use crate::domain::signature_key::{SignatureKeyRecord, Signing};
use crate::domain::signature_style::WeakMethod;
use crate::domain::time::Zone;
// Others too change these: what is recorded of them has one form.
pub(super) use crate::store::recorded::{
    credential, credential_itself, grant, linked_account, merchant, second_factor, session,
};
use crate::store::second_factor::ConfirmedFactor;

pub(super) fn partner(partner: &Partner) -> Value {
    json!({
        "id": partner.id.as_str(),
        "name": partner.name,
        "standing": partner.standing.name(),
        "created_at": partner.created_at.to_string(),
    })
}

fn app(app: &App) -> Value {
    json!({
        "id": app.id.as_str(),
        "client_id": app.id.as_str(),
        "partner": app.partner.as_str(),
        "name": app.name,
        "environment": app.environment.name(),
        "kind": app.kind.name(),
        "redirect_uris": app.redirect_uris,
        "scopes": scopes(&app.scopes),
        "default_scopes": scopes(app.default_scopes()),
        "default_scopes_named": app.default_scopes != DefaultScopes::All,
        "requires_pkce": app.requires_pkce,
        "standing": app.standing.name(),
        "created_at": app.created_at.to_string(),
    })
}

/// An app with what it registered as a client.
pub(super) fn client(of: &App, settings: &ClientSettings) -> Value {
    let mut shown = app(of);
    shown["token_endpoint_auth_methods"] = settings.auth_methods.iter().map(|method| method.name()).collect();
    shown["grant_types"] = settings.grant_types.iter().map(|grant_type| grant_type.name()).collect();
    shown["jwks"] =
        settings.jwks.as_deref().and_then(|set| serde_json::from_str(set).ok()).unwrap_or_default();
    if let Some((setting, value)) = settings.tls_name.as_ref().map(CertificateName::setting) {
        shown[setting] = json!(value);
    }
    shown["dpop_bound_access_tokens"] = json!(settings.dpop_bound_tokens);
    shown["tls_client_certificate_bound_access_tokens"] = json!(settings.certificate_bound_tokens);
    shown["require_pushed_authorization_requests"] = json!(settings.requires_par);
    shown
}

/// An app with whether its partner may act: without it, the app may not either.
pub(super) fn with_partner(mut app: Value, partner: &Partner) -> Value {
    app["partner_standing"] = json!(partner.standing.name());
    app
}

pub(super) fn secret(secret: &SecretRecord) -> Value {
    json!({
        "id": secret.id.as_str(),
        "app": secret.app.as_str(),
        "created_at": secret.created_at.to_string(),
        "expires_at": secret.expires_at.map(|at| at.to_string()),
        "revoked_at": secret.revoked_at.map(|at| at.to_string()),
        "last_used_at": secret.last_used_at.map(|at| at.to_string()),
    })
}

pub(super) fn signature_key(key: &SignatureKeyRecord) -> Value {
    let Signing { style, algorithm } = &key.own;
    let mut shown = credential(key);
    shown["style"] = json!(style.name());
    shown["zone"] = json!(style.zone().map(Zone::name));
    shown["weak_methods"] = style.weak().iter().map(WeakMethod::name).collect();
    shown["algorithm"] = json!(algorithm.name());
    shown
}

pub(super) fn client_certificate(certificate: &AppCertificate) -> Value {
    let RegisteredAs { known_by, label } = &certificate.own;
    let (kind, name) = known_by.told();
    let mut shown = credential(certificate);
    shown["label"] = json!(label);
    for of in KnownBy::KINDS {
        shown[of] = if of == kind { json!(name) } else { Value::Null };
    }
    shown
}

/// A merchant with the second factor that it logs in by.
pub(super) fn merchant_with(of: &Merchant, factor: Option<ConfirmedFactor>) -> Value {
    let mut shown = merchant(of);
    shown["second_factor"] = second_factor(factor);
    shown
}

pub(super) fn subscription(subscription: &Subscription) -> Value {
    json!({
        "id": subscription.id.as_str(),
        "app": subscription.app.as_str(),
        "product": subscription.product.as_str(),
        "plan": subscription.plan.as_str(),
        "version": subscription.version,
        "from": subscription.from.to_string(),
        "until": subscription.until.map(|at| at.to_string()),
    })
}

fn scopes(scopes: &ScopeSet) -> Vec<&str> {
    scopes.iter().map(Scope::as_str).collect()
}
