//! What an app registers as an OAuth2 client, in the words of RFC 7591, 8705, 9126 and 9449.

use serde_json::Value;

use super::fields::{self, Fields};
use crate::credential::client_keys::ClientKeys;
use crate::domain::client::{AuthMethod, ClientSettings, GrantType, NO_REDIRECT_URI};
use crate::domain::client_certificate::CertificateName;
use crate::domain::identity::ClientKind;

/// What is wrong with settings: the setting, and what would be right.
type Mistake = (&'static str, &'static str);

/// The settings of an app of that kind, whose answers `went_to` some and may now go to `redirect_uris`: those that the body has, and
/// those of `before` for the rest. What is wrong is noted in the body, and gives `None`; but for what was `wrong_before`: who
/// changes something else is not told of it.
pub(super) fn settings(
    body: &mut Fields,
    (before, wrong_before): (ClientSettings, &[Mistake]),
    (kind, went_to, redirect_uris): (ClientKind, &[String], &[String]),
) -> Option<ClientSettings> {
    let auth_methods = body.optional(
        "token_endpoint_auth_methods",
        set_of(AuthMethod::named, &AuthMethod::ALL.map(AuthMethod::name)),
    );
    let grant_types =
        body.optional("grant_types", set_of(GrantType::named, &GrantType::ALL.map(GrantType::name)));
    let names_codes =
        grant_types.iter().flatten().flatten().any(|name| *name == GrantType::AuthorizationCode);
    let jwks = body.optional("jwks", key_set);
    let tls_name = tls_name(body);
    let dpop_bound_tokens = body.optional("dpop_bound_access_tokens", fields::flag);
    let certificate_bound_tokens = body.optional("tls_client_certificate_bound_access_tokens", fields::flag);
    let requires_par = body.optional("require_pushed_authorization_requests", fields::flag);
    let settings = ClientSettings {
        auth_methods: auth_methods?.unwrap_or(before.auth_methods),
        grant_types: grant_types?.unwrap_or(before.grant_types),
        jwks: jwks?.unwrap_or(before.jwks),
        tls_name: tls_name?.unwrap_or(before.tls_name),
        dpop_bound_tokens: dpop_bound_tokens?.unwrap_or(before.dpop_bound_tokens),
        certificate_bound_tokens: certificate_bound_tokens?.unwrap_or(before.certificate_bound_tokens),
        requires_par: requires_par?.unwrap_or(before.requires_par),
    };
    let mut mistakes = settings.mistakes((kind, redirect_uris));
    mistakes.retain(|mistake| !wrong_before.contains(mistake));
    if settings.has_method(AuthMethod::SelfSignedTls) && !has_certificates(&settings) {
        mistakes
            .push(("jwks", "has no certificate (x5c, or x5t#S256): self_signed_tls_client_auth goes by it"));
    }
    // Who named no grant types has it by default, and may have no use for it; but not who had some.
    let is_used =
        names_codes || (!went_to.is_empty() && settings.has_grant_type(GrantType::AuthorizationCode));
    let missing = ("redirect_uris", NO_REDIRECT_URI);
    if is_used && redirect_uris.is_empty() && !mistakes.contains(&missing) {
        mistakes.push(missing);
    }
    // A list that cannot be read is not missing.
    mistakes.retain(|mistake| *mistake != missing || !body.is_wrong("redirect_uris"));
    for (setting, what) in &mistakes {
        body.wrong(setting, (*what).to_owned());
    }
    mistakes.is_empty().then_some(settings)
}

/// Whether something by which the app could prove itself was taken from it: a method, a key, or the name of its certificate.
pub(super) fn is_less(before: &ClientSettings, after: &ClientSettings) -> bool {
    let has_lost_method = before.auth_methods.iter().any(|method| !after.has_method(*method));
    let has_lost_name = before.tls_name.is_some() && before.tls_name != after.tls_name;
    let kept = keys(after);
    has_lost_method || has_lost_name || keys(before).iter().any(|key| !kept.contains(key))
}

fn keys(settings: &ClientSettings) -> Vec<Value> {
    let set = settings.jwks.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    set.and_then(|set| set["keys"].as_array().cloned()).unwrap_or_default()
}

/// A list of names, without what stands in it twice.
fn set_of<T: Ord>(
    named: impl Fn(&str) -> Option<T>,
    names: &[&str],
) -> impl FnOnce(&Value) -> Result<Vec<T>, String> {
    let known = names.join(", ");
    move |value| {
        let texts = fields::texts(value)?;
        let all: Option<Vec<T>> = texts.iter().map(|text| named(text)).collect();
        let mut all = all.ok_or_else(|| format!("has a name that is not known; there are: {known}"))?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}

/// A JWK Set as text; one without keys is none.
fn key_set(value: &Value) -> Result<Option<String>, String> {
    let keys = ClientKeys::parse(value)?;
    Ok((!keys.is_empty()).then(|| value.to_string()))
}

fn has_certificates(settings: &ClientSettings) -> bool {
    let set = settings.jwks.as_deref().and_then(|text| serde_json::from_str(text).ok());
    set.and_then(|set| ClientKeys::parse(&set).ok()).is_some_and(|keys| keys.has_certificates())
}

/// The name of its certificate: `Some(None)` if none of its settings is there, `Some(Some(None))` if it is taken back.
fn tls_name(body: &mut Fields) -> Option<Option<Option<CertificateName>>> {
    let mut given = Vec::new();
    for setting in CertificateName::SETTINGS {
        let parse = |value: &Value| match value.as_str().ok_or("must be a string")? {
            "" => Ok(None),
            text => CertificateName::of_setting(setting, text).map(Some),
        };
        if let Some(name) = body.optional(setting, parse)? {
            given.push((setting, name));
        }
    }
    let named: Vec<_> =
        given.iter().filter(|(_, name)| name.is_some()).map(|(setting, _)| *setting).collect();
    if let [_, second, ..] = named[..] {
        body.wrong(
            second,
            "only one name of its certificate may be given (RFC 8705, section 2.1.2)".to_owned(),
        );
        return None;
    }
    if given.is_empty() {
        return Some(None);
    }
    Some(Some(given.into_iter().find_map(|(_, name)| name)))
}
