//! `platform.yaml`, `scopes.yaml`, `upstreams.yaml`, `products.yaml`.

use std::collections::HashMap;
use std::time::Duration;

use super::super::file::platform::PlatformFile;
use super::super::file::products::ProductEntry;
use super::super::file::scopes::ScopeEntry;
use super::super::file::text::DurationText;
use super::super::file::upstreams::{EnvironmentName, UpstreamEntry};
use super::super::load::{Document, Values};
use super::super::snapshot::{
    ApiProduct, Endpoint, MAX_ACCESS_TOKEN_LIFETIME, Platform, Route, ScopeText, Upstream,
};
use super::super::source::Kind;
use super::super::tree::unescape;
use super::set::{Compiling, Origin, Products};
use crate::domain::id::{ProductName, RouteName, UpstreamName};
use crate::domain::identity::Environment;
use crate::domain::scope::Scope;
use crate::domain::time::Zone;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shortest life of an access token: its times are whole seconds.
const MIN_ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(1);
/// RFC 6749, section 4.1.2.
const MAX_CODE_LIFETIME: Duration = Duration::from_secs(600);

pub(super) fn platform(compiling: &mut Compiling<'_>) -> Option<Platform> {
    let document = compiling.of(Kind::Platform).next()?;
    let file: PlatformFile = compiling.decode(document, "")?;
    let zone = compiling.take(document, "/time_zone", Zone::named(&file.time_zone));
    let oauth = &file.oauth;
    let access = duration(compiling, document, "/oauth/access_token_lifetime", &oauth.access_token_lifetime);
    if access.is_some_and(|life| !(MIN_ACCESS_TOKEN_LIFETIME..=MAX_ACCESS_TOKEN_LIFETIME).contains(&life)) {
        let message = "an access token lives at least 1s and at most 24h".to_owned();
        let help = Some("apps get another by their refresh token".to_owned());
        compiling.wrong(document, "/oauth/access_token_lifetime", message, help);
    }
    let refresh =
        duration(compiling, document, "/oauth/refresh_token_lifetime", &oauth.refresh_token_lifetime);
    let code = duration(compiling, document, "/oauth/code_lifetime", &oauth.code_lifetime);
    if code.is_some_and(|code| code > MAX_CODE_LIFETIME) {
        let message = "an authorization code lives at most 10m (RFC 6749, section 4.1.2)".to_owned();
        compiling.wrong(document, "/oauth/code_lifetime", message, None);
    }
    Some(Platform {
        name: file.name.clone(),
        zone: zone?,
        requires_pkce: oauth.require_pkce,
        access_token_lifetime: access?,
        refresh_token_lifetime: refresh?,
        code_lifetime: code?,
    })
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
            let key = unescape(part.rsplit('/').next().unwrap_or_default());
            entries.push((document, part, key, entry));
        }
    }
    entries
}

pub(super) fn scopes(compiling: &mut Compiling<'_>) -> HashMap<Scope, ScopeText> {
    let mut scopes = HashMap::new();
    for (document, pointer, name, entry) in entries::<ScopeEntry>(compiling, Kind::Scopes, "/scopes") {
        if let Some(scope) = compiling.take(document, &pointer, name.parse::<Scope>()) {
            scopes.insert(scope, ScopeText { en: entry.en, zh: entry.zh });
        }
    }
    scopes
}

pub(super) fn upstreams(compiling: &mut Compiling<'_>, values: &dyn Values) -> Vec<Upstream> {
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
            let parsed = substitute(text, values).and_then(|address| {
                endpoint(&address).ok_or_else(|| format!("{text:?} does not give host:port"))
            });
            endpoints.extend(compiling.take(document, &format!("{pointer}/endpoints/{index}"), parsed));
        }
        let name = compiling.take(document, &pointer, UpstreamName::new(&name));
        if let (Some(name), Some(connect_timeout)) = (name, timeout) {
            let environment = entry.environment.map(|environment| match environment {
                EnvironmentName::Live => Environment::Live,
                EnvironmentName::Sandbox => Environment::Sandbox,
            });
            let source = document.key_location(&pointer);
            upstreams.push(Upstream { name, environment, endpoints, connect_timeout, source });
        }
    }
    upstreams
}

/// Replaces each `${env:NAME}`, `${file:PATH}`, and either with `:-default`, by its value.
fn substitute(text: &str, values: &dyn Values) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) =
            after.split_once('}').ok_or_else(|| format!("{text:?} has ${{ without }}"))?;
        let (variable, default) = match variable.split_once(":-") {
            Some((variable, default)) => (variable, Some(default.to_owned())),
            None => (variable, None),
        };
        let (value, missing) = match variable.split_once(':') {
            Some(("env", name)) => (values.value(name), format!("the variable {name} is not set")),
            Some(("file", path)) => (values.file(path), format!("the file {path} cannot be read")),
            _ => {
                return Err(format!(
                    "${{{variable}}} is not known here; write ${{env:NAME}}, ${{env:NAME:-default}} or ${{file:PATH}}"
                ));
            }
        };
        result.push_str(before);
        result.push_str(value.or(default).ok_or(missing)?.trim());
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
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
        let Some(name) = compiling.take(document, &pointer, ProductName::new(&name)) else { continue };
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
