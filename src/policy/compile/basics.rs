//! `platform.yaml`, `scopes.yaml`, `upstreams.yaml`, `products.yaml`.

use std::collections::HashMap;
use std::time::Duration;

use super::super::file::platform::{DpopSection, PlatformFile, SignedRequestsSection};
use super::super::file::products::ProductEntry;
use super::super::file::scopes::ScopeEntry;
use super::super::file::text::DurationText;
use super::super::file::upstreams::{EnvironmentName, UpstreamEntry};
use super::super::load::Document;
use super::super::places::unescape;
use super::super::snapshot::{
    ApiProduct, Endpoint, MAX_ACCESS_TOKEN_LIFETIME, Platform, ProofNonces, Route, ScopeText, Upstream,
};
use super::super::source::Kind;
use super::set::{Compiling, Origin, Products};
use super::token_source::token_source;
use super::variables::Substituted;
use crate::domain::confirmation::NonceRule;
use crate::domain::id::{ProductName, RouteName, UpstreamName};
use crate::domain::identity::Environment;
use crate::domain::scope::Scope;
use crate::domain::time::Zone;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shortest life of anything: times are told in whole seconds.
const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// How old the signature of a request may be, unless the platform says otherwise.
const SIGNATURE_WINDOW: Duration = Duration::from_secs(300);
const SIGNATURE_WINDOWS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(900);
/// Of an upstream without an environment.
const UNSAID: &str =
    "nothing says of which environment this upstream is: sandbox apps reach it as live ones do";
const SAY: &str =
    "add `environment: live` or `environment: sandbox`; if both are meant to reach it, `environment: both`";
/// RFC 6749, section 4.1.2.
const MAX_CODE_LIFETIME: Duration = Duration::from_secs(600);

pub(super) fn platform(compiling: &mut Compiling<'_>) -> Option<Platform> {
    let document = compiling.of(Kind::Platform).next()?;
    let file: PlatformFile = compiling.decode(document, "")?;
    let zone = compiling.take(document, "/time_zone", Zone::named(&file.time_zone));
    let oauth = &file.oauth;
    let access = duration(compiling, document, "/oauth/access_token_lifetime", &oauth.access_token_lifetime);
    if access.is_some_and(|life| !(MIN_LIFETIME..=MAX_ACCESS_TOKEN_LIFETIME).contains(&life)) {
        let message = "an access token lives at least 1s and at most 24h".to_owned();
        let help = Some("apps get another by their refresh token".to_owned());
        compiling.wrong(document, "/oauth/access_token_lifetime", message, help);
    }
    let refresh =
        duration(compiling, document, "/oauth/refresh_token_lifetime", &oauth.refresh_token_lifetime);
    let family =
        given(compiling, document, "/oauth/refresh_family_lifetime", oauth.refresh_family_lifetime.as_ref());
    let code = duration(compiling, document, "/oauth/code_lifetime", &oauth.code_lifetime);
    if file.name.trim().is_empty() {
        let message = "the platform's name stands on the pages that merchants see".to_owned();
        compiling.wrong(document, "/name", message, None);
    }
    let lifetimes = [("refresh_token", refresh), ("refresh_family", family.flatten()), ("code", code)];
    for (name, lifetime) in lifetimes {
        // OAuth2 tells lifetimes in whole seconds (RFC 6749, section 5.1).
        if lifetime.is_some_and(|lifetime| lifetime < MIN_LIFETIME) {
            let message = "a lifetime is at least 1s".to_owned();
            compiling.wrong(document, &format!("/oauth/{name}_lifetime"), message, None);
        }
    }
    if code.is_some_and(|code| code > MAX_CODE_LIFETIME) {
        let message = "an authorization code lives at most 10m (RFC 6749, section 4.1.2)".to_owned();
        compiling.wrong(document, "/oauth/code_lifetime", message, None);
    }
    let login = super::login::login(compiling, document, oauth.login.as_ref());
    let signing_keys = super::signing_keys::signing_keys(compiling, document, oauth);
    let signature_window = signature_window(compiling, document, &file.signed_requests);
    let record_times = super::journal::record_times(compiling, document, &file.journal);
    let archiving = super::journal::archiving(compiling, document, &file.journal);
    let billing = super::billing::terms(compiling, document, &file.billing);
    let issuers = super::issuers::issuers(compiling, document, &file.issuers);
    let changes = super::changes::terms(compiling, document, &file.changes);
    Some(Platform {
        name: file.name.clone(),
        zone: zone?,
        requires_pkce: oauth.require_pkce,
        requires_par: oauth.require_par,
        access_token_lifetime: access?,
        refresh_token_lifetime: refresh?,
        refresh_family_lifetime: family?,
        code_lifetime: code?,
        login: login?,
        proof_nonces: proof_nonces(&oauth.dpop),
        signing_keys: signing_keys?,
        signature_window: signature_window?,
        unwritable: super::journal::unwritable(&file.journal),
        record_times: record_times?,
        archiving: archiving?,
        billing: billing?,
        issuers: issuers?,
        changes: changes?,
    })
}

fn signature_window(
    compiling: &mut Compiling<'_>,
    document: &Document,
    section: &SignedRequestsSection,
) -> Option<Duration> {
    let pointer = "/signed_requests/window";
    let window = given(compiling, document, pointer, section.window.as_ref())?.unwrap_or(SIGNATURE_WINDOW);
    if !SIGNATURE_WINDOWS.contains(&window) {
        let message = "a signature may be 10s to 15m old: shorter, and clocks differ by more; longer, and more has to be remembered";
        compiling.wrong(document, pointer, message.to_owned(), None);
        return None;
    }
    Some(window)
}

fn proof_nonces(section: &DpopSection) -> ProofNonces {
    let rule = |is_required| if is_required { NonceRule::Required } else { NonceRule::Optional };
    ProofNonces { at_oauth: rule(section.nonce_at_oauth), at_api: rule(section.nonce_at_api) }
}

pub(super) fn duration(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    text: &DurationText,
) -> Option<Duration> {
    let duration = text.duration();
    if duration.is_none() {
        let message = format!("{:?} is not a span of time above zero and up to 400d", text.0);
        compiling.wrong(
            document,
            pointer,
            message,
            Some("write it like 500ms, 10s, 5m, 1h or 30d".to_owned()),
        );
    }
    duration
}

/// A span that may be left out; `None` if it is given and is none.
pub(super) fn given(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    text: Option<&DurationText>,
) -> Option<Option<Duration>> {
    text.map_or(Some(None), |text| duration(compiling, document, pointer, text).map(Some))
}

/// The parts of the map at `pointer` in all files of a kind, decoded, each with its document, pointer and key.
fn entries<'d, T: serde::de::DeserializeOwned>(
    compiling: &mut Compiling<'d>,
    kind: Kind,
    pointer: &str,
) -> Vec<(&'d Document, String, String, T)> {
    let mut entries = Vec::new();
    for document in compiling.of(kind) {
        for part in document.parts(pointer) {
            let Some(entry) = compiling.decode(document, &part) else { continue };
            let key = unescape(part.rsplit('/').next().unwrap_or_default()).into_owned();
            entries.push((document, part, key, entry));
        }
    }
    entries
}

pub(super) fn scopes(compiling: &mut Compiling<'_>) -> HashMap<Scope, ScopeText> {
    let mut scopes = HashMap::new();
    for (document, pointer, name, entry) in entries::<ScopeEntry>(compiling, Kind::Scopes, "/scopes") {
        if let Some(scope) = compiling.take_key(document, &pointer, name.parse::<Scope>()) {
            let mut lifetime = |name: &str, text: Option<&DurationText>| {
                let pointer = format!("{pointer}/{name}_lifetime");
                let lifetime = given(compiling, document, &pointer, text).flatten();
                if lifetime.is_some_and(|lifetime| lifetime < MIN_LIFETIME) {
                    compiling.wrong(document, &pointer, "a lifetime is at least 1s".to_owned(), None);
                }
                lifetime
            };
            let access_token_lifetime = lifetime("access_token", entry.access_token_lifetime.as_ref());
            let refresh_token_lifetime = lifetime("refresh_token", entry.refresh_token_lifetime.as_ref());
            let (en, zh) = (entry.en, entry.zh);
            scopes.insert(scope, ScopeText { en, zh, access_token_lifetime, refresh_token_lifetime });
        }
    }
    scopes
}

/// Stands for an endpoint of which a value is left open (RFC 2606, section 2).
const OPEN_ENDPOINT: &str = "left-open.invalid:1";

pub(super) fn upstreams(compiling: &mut Compiling<'_>) -> Vec<Upstream> {
    let mut upstreams = Vec::new();
    for (document, pointer, name, entry) in entries::<UpstreamEntry>(compiling, Kind::Upstreams, "/upstreams")
    {
        let timeout = match &entry.connect_timeout {
            Some(text) => duration(compiling, document, &format!("{pointer}/connect_timeout"), text),
            None => Some(CONNECT_TIMEOUT),
        };
        let mut endpoints = Vec::new();
        for (index, text) in entry.endpoints.iter().enumerate() {
            // The text is told of as it is written: what a variable holds may be a secret by mistake.
            let pointer = format!("{pointer}/endpoints/{index}");
            let address = compiling.substitute(text);
            let Some(address) = compiling.take(document, &pointer, address) else { continue };
            let parsed = match &address {
                Substituted::Known(address) => endpoint(address),
                Substituted::Open => endpoint(OPEN_ENDPOINT),
            };
            if parsed.is_none() {
                let help = "write it like catalog.internal:8080, without http:// and without a path";
                let message = format!("{text:?} does not give host:port");
                compiling.wrong(document, &pointer, message, Some(help.to_owned()));
            }
            endpoints.extend(parsed);
        }
        let token = entry
            .oauth2
            .as_ref()
            .and_then(|entry| token_source(compiling, document, &format!("{pointer}/oauth2"), entry));
        let name = compiling.take_key(document, &pointer, UpstreamName::new(&name));
        if let (Some(name), Some(connect_timeout)) = (name, timeout) {
            let environment = match entry.environment {
                Some(EnvironmentName::Live) => Some(Environment::Live),
                Some(EnvironmentName::Sandbox) => Some(Environment::Sandbox),
                Some(EnvironmentName::Both) => None,
                None => {
                    compiling.warn_key(document, &pointer, (UNSAID, SAY));
                    None
                }
            };
            let source = document.key_location(&pointer);
            upstreams.push(Upstream { name, environment, endpoints, connect_timeout, token, source });
        }
    }
    upstreams
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = text.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    let is_host = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        }
    };
    is_host.then(|| Endpoint { host: bracketed.unwrap_or(host).to_owned(), port })
}

pub(super) fn products(compiling: &mut Compiling<'_>, routes: &mut [(Route, Origin<'_>)]) -> Products {
    let places: HashMap<String, usize> =
        routes.iter().enumerate().map(|(place, (route, _))| (route.name.to_string(), place)).collect();
    let mut products = Products::new();
    for (document, pointer, name, entry) in entries::<ProductEntry>(compiling, Kind::Products, "/products") {
        let Some(name) = compiling.take_key(document, &pointer, ProductName::new(&name)) else { continue };
        let mut names: Vec<RouteName> = Vec::new();
        for (index, route_name) in entry.routes.iter().enumerate() {
            let pointer = format!("{pointer}/routes/{index}");
            let Some(place) = places.get(route_name) else {
                compiling.dangling(document, &pointer, Kind::Routes, route_name);
                continue;
            };
            let route = &mut routes[*place].0;
            if route.products.contains(&name) {
                compiling.wrong(document, &pointer, format!("{route_name} is in this list twice"), None);
                continue;
            }
            if entry.billable && route.meter.is_none() {
                let message =
                    format!("API product {name} is billable, but its route {route_name} has no meter");
                let help = format!("add `meter: {{}}` to the route at {}", route.source);
                compiling.wrong(document, &pointer, message, Some(help));
            }
            route.products.push(name.clone());
            names.push(route.name.clone());
        }
        let source = document.key_location(&pointer);
        let (title, billable) = (entry.title, entry.billable);
        products.insert(name.clone(), ApiProduct { name, title, routes: names, billable, source });
    }
    products
}
