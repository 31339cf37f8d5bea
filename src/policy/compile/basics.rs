//! `platform.yaml`, `scopes.yaml`, `upstreams.yaml`, `products.yaml`.

use std::collections::HashMap;
use std::time::Duration;

use super::super::file::platform::PlatformFile;
use super::super::file::products::ProductsFile;
use super::super::file::routes::RoutesFile;
use super::super::file::scopes::ScopesFile;
use super::super::file::text::DurationText;
use super::super::file::upstreams::{EnvironmentName, UpstreamsFile};
use super::super::load::{Document, Values};
use super::super::shape::suggest;
use super::super::snapshot::{ApiProduct, Endpoint, Platform, Route, ScopeText, Upstream};
use super::super::source::Kind;
use super::super::tree::escape;
use super::set::{Compiling, Origin, Products};
use crate::domain::id::{ProductName, UpstreamName};
use crate::domain::identity::Environment;
use crate::domain::scope::Scope;
use crate::domain::time::Zone;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// RFC 6749, section 4.1.2.
const MAX_CODE_LIFETIME: Duration = Duration::from_secs(600);

pub(super) fn platform(compiling: &mut Compiling<'_>) -> Option<Platform> {
    let document = compiling.of(Kind::Platform).next()?;
    let file: PlatformFile = document.decode()?;
    let zone = compiling.take(document, "/time_zone", Zone::named(&file.time_zone));
    let oauth = &file.oauth;
    let access = duration(compiling, document, "/oauth/access_token_lifetime", &oauth.access_token_lifetime);
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

pub(super) fn scopes(compiling: &mut Compiling<'_>) -> HashMap<Scope, ScopeText> {
    let mut scopes = HashMap::new();
    for document in compiling.of(Kind::Scopes) {
        let Some(file) = document.decode::<ScopesFile>() else { continue };
        for (name, entry) in file.scopes {
            let pointer = format!("/scopes/{}", escape(&name));
            if let Some(scope) = compiling.take(document, &pointer, name.parse::<Scope>()) {
                scopes.insert(scope, ScopeText { en: entry.en, zh: entry.zh });
            }
        }
    }
    scopes
}

pub(super) fn upstreams(compiling: &mut Compiling<'_>, values: &dyn Values) -> Vec<Upstream> {
    let mut upstreams = Vec::new();
    for document in compiling.of(Kind::Upstreams) {
        let Some(file) = document.decode::<UpstreamsFile>() else { continue };
        for (name, entry) in file.upstreams {
            let pointer = format!("/upstreams/{}", escape(&name));
            let timeout = match &entry.connect_timeout {
                Some(text) => duration(compiling, document, &format!("{pointer}/connect_timeout"), text),
                None => Some(CONNECT_TIMEOUT),
            };
            if entry.endpoints.is_empty() {
                compiling.wrong(document, &pointer, format!("upstream {name} has no endpoint"), None);
            }
            let mut endpoints = Vec::new();
            for (index, text) in entry.endpoints.iter().enumerate() {
                let parsed = substitute(text, values).and_then(|text| endpoint(&text));
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
    }
    upstreams
}

/// Replaces each `${env:NAME}` or `${env:NAME:-default}` by its value.
fn substitute(text: &str, values: &dyn Values) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) =
            after.split_once('}').ok_or_else(|| format!("{text:?} has ${{ without }}"))?;
        let variable = variable.strip_prefix("env:").ok_or_else(|| {
            format!("${{{variable}}} is not known here; write ${{env:NAME}} or ${{env:NAME:-default}}")
        })?;
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (variable, None),
        };
        let value =
            values.value(name).or(default).ok_or_else(|| format!("the variable {name} is not set"))?;
        result.push_str(before);
        result.push_str(&value);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let wrong = || format!("{text:?} is not host:port");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || port == 0 || !host.bytes().all(is_host) {
        return Err(wrong());
    }
    Ok(Endpoint { host: host.to_owned(), port })
}

/// The names of all routes in the files, also of those that are wrong.
fn declared_routes(compiling: &Compiling<'_>) -> Vec<String> {
    let files = compiling.of(Kind::Routes).filter_map(Document::decode::<RoutesFile>);
    files.flat_map(|file| file.routes).map(|route| route.name).collect()
}

pub(super) fn products(compiling: &mut Compiling<'_>, routes: &mut [(Route, Origin<'_>)]) -> Products {
    let mut products = Products::new();
    let known = declared_routes(compiling);
    for document in compiling.of(Kind::Products) {
        let Some(file) = document.decode::<ProductsFile>() else { continue };
        for (name, entry) in file.products {
            let pointer = format!("/products/{}", escape(&name));
            let Some(name) = compiling.take(document, &pointer, ProductName::new(&name)) else { continue };
            let mut names = Vec::new();
            for (index, route_name) in entry.routes.iter().enumerate() {
                let pointer = format!("{pointer}/routes/{index}");
                let found = routes.iter_mut().find(|(route, _)| route.name.as_str() == route_name);
                let Some((route, _)) = found else {
                    // A route that is wrong itself has been told of already.
                    if known.contains(route_name) {
                        continue;
                    }
                    let message = format!("there is no route {route_name}");
                    compiling.wrong(document, &pointer, message, suggest(route_name, &known));
                    continue;
                };
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
            let product = ApiProduct {
                name: name.clone(),
                title: entry.title,
                routes: names,
                billable: entry.billable,
                source,
            };
            products.insert(name, product);
        }
    }
    products
}
