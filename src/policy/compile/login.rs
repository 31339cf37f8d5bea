//! The `login` section of `platform.yaml`.

use std::sync::Arc;

use super::super::file::login::{LoginSection, ProviderEntry};
use super::super::file::upstreams::SecretPlaceName;
use super::super::load::Document;
use super::super::login::{IdentityProvider, Linking, Login};
use super::super::token_source::SecretPlace;
use super::set::Compiling;
use super::token_source::Section;

/// Claims that say nothing of who somebody is, or nothing that stays.
const NO_NAMES: [&str; 9] = ["iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "acr", "auth_time"];

/// How merchants log in; `None` if what stands there is wrong, which is noted.
pub(super) fn login(
    compiling: &mut Compiling<'_>,
    document: &Document,
    section: Option<&LoginSection>,
) -> Option<Login> {
    let Some(section) = section else { return Some(Login { by_password: true, provider: None }) };
    let provider = match &section.provider {
        Some(entry) => Some(Arc::new(provider(compiling, document, entry)?)),
        None => None,
    };
    if !section.password && provider.is_none() {
        let message = "nobody could log in: there is neither a password nor a provider".to_owned();
        compiling.wrong(document, "/oauth/login/password", message, Some("add `provider:`".to_owned()));
        return None;
    }
    Some(Login { by_password: section.password, provider })
}

fn provider(
    compiling: &mut Compiling<'_>,
    document: &Document,
    entry: &ProviderEntry,
) -> Option<IdentityProvider> {
    let mut section = Section { compiling, document, pointer: "/oauth/login/provider" };
    let issuer = section.url("issuer", &entry.issuer);
    if issuer.as_ref().is_some_and(|issuer| issuer.has_query()) {
        let message = "an issuer has no query (OpenID Connect Discovery, section 3)".to_owned();
        section.wrong("issuer", message, None);
    }
    let client_id = section.text("client_id", &entry.client_id);
    let client_secret = section.secret("client_secret", &entry.client_secret);
    let scopes = section.scopes("scopes", &entry.scopes);
    let linking = match &entry.link_by {
        None => Linking::ByAdministrator,
        Some(link) => {
            if link.claim.trim().is_empty() || NO_NAMES.contains(&link.claim.as_str()) {
                let message = format!("{:?} is no claim that names a merchant", link.claim);
                section.wrong(
                    "link_by/claim",
                    message,
                    Some("write one such as email or preferred_username"),
                );
            }
            Linking::ByClaim { claim: link.claim.clone(), creates: link.create }
        }
    };
    for (part, text) in [("label/en", &entry.label.en), ("label/zh", &entry.label.zh)] {
        if text.trim().is_empty() {
            section.wrong(part, "merchants see this on the login page".to_owned(), None);
        }
    }
    Some(IdentityProvider {
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
        authentication: match entry.client_authentication {
            SecretPlaceName::ClientSecretBasic => SecretPlace::Header,
            SecretPlaceName::ClientSecretPost => SecretPlace::Form,
        },
        scopes: scopes?,
        label: (entry.label.en.clone(), entry.label.zh.clone()),
        always_two_factors: entry.always_two_factors,
        two_factors: entry.two_factors_acr.clone(),
        linking,
    })
}
