//! What an app may look like, new or changed, checked against itself and the policies in force.

use super::client_fields;
use super::fields::{self, Fields};
use super::problem::Problem;
use super::redirect_uri;
use crate::domain::client::ClientSettings;
use crate::domain::id::PartnerId;
use crate::domain::identity::{App, ClientKind, DefaultScopes, Environment};
use crate::domain::scope::ScopeSet;
use crate::policy::snapshot::Snapshot;

/// Longest list of scopes of an app, in bytes as OAuth2 writes it: an access token names them, and a longer one than
/// the gateway takes could not be used.
const MAX_SCOPES: usize = 1_500;

/// An app that someone wants registered.
#[derive(Debug)]
pub(super) struct NewApp {
    pub(super) partner: PartnerId,
    pub(super) name: String,
    pub(super) environment: Environment,
    pub(super) kind: ClientKind,
    pub(super) redirect_uris: Vec<String>,
    pub(super) scopes: ScopeSet,
    pub(super) default_scopes: DefaultScopes,
    pub(super) requires_pkce: bool,
    pub(super) settings: ClientSettings,
}

/// Reads a new app from a body.
///
/// # Errors
/// [`Problem::Invalid`] with all that is wrong.
pub(super) fn new_app(mut body: Fields, policies: &Snapshot) -> Result<NewApp, Problem> {
    let partner = body.required("partner", fields::text::<PartnerId>);
    let name = body.required("name", fields::name);
    let environment = body.optional("environment", fields::one_of(Environment::named, "live or sandbox"));
    let kind = body.optional("kind", fields::one_of(ClientKind::named, "confidential or public"));
    let redirect_uris = body.optional("redirect_uris", redirect_uris);
    let scopes = body.required("scopes", |value| bounded(known(some(fields::scopes(value)?)?, policies)?));
    let default_scopes = body.optional("default_scopes", fields::scopes);
    let requires_pkce = body.optional("requires_pkce", fields::flag);
    check_default((scopes.as_ref(), default_scopes.as_ref().and_then(Option::as_ref)), BEYOND, &mut body);
    let kind = kind.map(|kind| kind.unwrap_or(ClientKind::Confidential));
    check_pkce((kind, requires_pkce.flatten()), &mut body);
    let uris = redirect_uris.iter().flatten().flatten().cloned().collect::<Vec<String>>();
    let settings = kind.and_then(|kind| {
        client_fields::settings(&mut body, (ClientSettings::of_kind(kind), &[]), (kind, &[], &uris))
    });
    let built = (|| {
        let (scopes, kind) = (scopes?, kind?);
        Some(NewApp {
            partner: partner?,
            name: name?,
            environment: environment?.unwrap_or(Environment::Sandbox),
            kind,
            redirect_uris: redirect_uris?.unwrap_or_default(),
            default_scopes: default_scopes?.map_or(DefaultScopes::All, DefaultScopes::Named),
            scopes,
            requires_pkce: requires_pkce?.unwrap_or(kind == ClientKind::Public),
            settings: settings?,
        })
    })();
    body.finish(built)
}

/// Reads what a body changes of an app; the rest stays.
///
/// # Errors
/// [`Problem::Invalid`] with all that is wrong.
pub(super) fn changed_app(
    mut body: Fields,
    policies: &Snapshot,
    (app, settings): (App, ClientSettings),
) -> Result<(App, ClientSettings), Problem> {
    body.fixed(&["environment", "kind", "partner"], "it is the same for good; register another app");
    body.fixed(
        &["id", "client_id", "created_at", "partner_standing", "default_scopes_named"],
        "it is only told",
    );
    body.fixed(&["standing"], "/suspend and /resume of the app do it");
    body.fixed(&["client_secret"], "/secrets of the app makes another one");
    let name = body.optional("name", fields::name);
    let redirect_uris = body.optional("redirect_uris", redirect_uris);
    let scopes = body.optional("scopes", |value| bounded(known(some(fields::scopes(value)?)?, policies)?));
    let default_scopes = body.optional("default_scopes", fields::scopes);
    let requires_pkce = body.optional("requires_pkce", fields::flag);
    let all = scopes.as_ref().map(|scopes| scopes.as_ref().unwrap_or(&app.scopes));
    match (&default_scopes, &app.default_scopes) {
        (Some(Some(default)), _) => check_default((all, Some(default)), BEYOND, &mut body),
        (Some(None), DefaultScopes::Named(kept)) => check_default((all, Some(kept)), BEYOND_KEPT, &mut body),
        (Some(None), DefaultScopes::All) | (None, _) => {}
    }
    check_pkce((Some(app.kind), requires_pkce.flatten()), &mut body);
    let wrong_before = settings.mistakes((app.kind, &app.redirect_uris));
    let uris = redirect_uris.as_ref().and_then(Option::as_ref).unwrap_or(&app.redirect_uris);
    let settings =
        client_fields::settings(&mut body, (settings, &wrong_before), (app.kind, &app.redirect_uris, uris));
    let built = (|| {
        let changed = App {
            name: name?.unwrap_or(app.name),
            redirect_uris: redirect_uris?.unwrap_or(app.redirect_uris),
            scopes: scopes?.unwrap_or(app.scopes),
            default_scopes: default_scopes?.map_or(app.default_scopes, DefaultScopes::Named),
            requires_pkce: requires_pkce?.unwrap_or(app.requires_pkce),
            ..app
        };
        Some((changed, settings?))
    })();
    body.finish(built)
}

/// What is told of default scopes that are beyond the scopes.
const BEYOND: &str = "is not";

/// The same of those that were named before.
const BEYOND_KEPT: &str = "is not: name default_scopes (--default-scope) as well";

fn check_default((scopes, default): (Option<&ScopeSet>, Option<&ScopeSet>), told: &str, body: &mut Fields) {
    if let (Some(scopes), Some(default)) = (scopes, default)
        && !scopes.covers(default)
    {
        let beyond = scopes.missing(default);
        body.wrong("default_scopes", format!("must be within scopes; {beyond} {told}"));
    }
}

fn check_pkce((kind, requires_pkce): (Option<ClientKind>, Option<bool>), body: &mut Fields) {
    if let (Some(ClientKind::Public), Some(false)) = (kind, requires_pkce) {
        body.wrong("requires_pkce", "a public app always needs PKCE (RFC 9700, section 2.1.1)".to_owned());
    }
}

fn some(scopes: ScopeSet) -> Result<ScopeSet, String> {
    if scopes.is_empty() { Err("must name at least one scope".to_owned()) } else { Ok(scopes) }
}

fn bounded(scopes: ScopeSet) -> Result<ScopeSet, String> {
    match scopes.to_string().len() {
        0..=MAX_SCOPES => Ok(scopes),
        length => Err(format!("have {length} bytes together; an app may have {MAX_SCOPES}")),
    }
}

/// Scopes that the policies in force know.
pub(super) fn known(scopes: ScopeSet, policies: &Snapshot) -> Result<ScopeSet, String> {
    let unknown: ScopeSet =
        scopes.iter().filter(|scope| !policies.scopes.contains_key(*scope)).cloned().collect();
    if unknown.is_empty() {
        return Ok(scopes);
    }
    let known: ScopeSet = policies.scopes.keys().cloned().collect();
    Err(format!("the policies have no scope {unknown}; there are: {known}"))
}

fn redirect_uris(value: &serde_json::Value) -> Result<Vec<String>, String> {
    let uris = fields::texts(value)?;
    for uri in &uris {
        redirect_uri::check(uri)?;
    }
    Ok(uris)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_has_no_more_scopes_than_a_token_can_name() {
        let scopes = |count: usize| (0..count).map(|n| format!("{n:059}").parse().unwrap()).collect();
        assert!(bounded(scopes(25)).is_ok());
        assert!(bounded(scopes(26)).is_err());
    }
}
