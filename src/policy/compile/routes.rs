//! `routes/*.yaml`.

use std::collections::HashMap;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method};

use super::super::file::routes::{ParameterStyleName, ReachName, RouteEntry};
use super::super::file::text::SizeText;
use super::super::load::Document;
use super::super::places::escape;
use super::super::route_table::RouteTable;
use super::super::snapshot::{Durability, PathPart, Rewrite, Route, ScopeText, Upstream};
use super::super::source::Kind;
use super::basics::duration;
use super::set::{Compiling, Origin};
use super::variables::Substituted;
use crate::domain::field_name;
use crate::domain::id::RouteName;
use crate::domain::location::Location;
use crate::domain::scope::Scope;
use crate::domain::signature_style::ParameterStyle;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Request fields that a route cannot set: those that frame a message (RFC 9110, section 7.6.1), and those by which
/// the gateway tells the upstream what it knows.
const OWN_FIELDS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];
/// How others of those begin.
const OWN_PREFIXES: &[&str] = &["x-forwarded-", "x-tollgate-"];

/// What the gateway serves itself, with all below it.
const RESERVED: [&str; 4] =
    ["/oauth", "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource", "/me"];

pub(super) type Scopes = HashMap<Scope, ScopeText>;

pub(super) fn compile<'d>(
    compiling: &mut Compiling<'d>,
    scopes: &Scopes,
    upstreams: &[Upstream],
) -> Vec<(Route, Origin<'d>)> {
    let mut routes: Vec<(Route, Origin<'d>)> = Vec::new();
    let mut places: HashMap<RouteName, Location> = HashMap::new();
    for document in compiling.of(Kind::Routes) {
        for pointer in document.parts("/routes") {
            let Some(entry) = compiling.decode::<RouteEntry>(document, &pointer) else { continue };
            let mut one = One { compiling, document, pointer: &pointer };
            let Some(route) = one.route(&entry, scopes, upstreams, routes.len()) else { continue };
            match places.get(&route.name) {
                Some(first) => {
                    let what = format!("route {}", route.name);
                    compiling.taken(document, &format!("{pointer}/name"), &what, first);
                }
                None => {
                    places.insert(route.name.clone(), route.source.clone());
                    routes.push((route, Origin { document, pointer }));
                }
            }
        }
    }
    routes
}

/// One route on its way.
pub(super) struct One<'c, 'd> {
    pub(super) compiling: &'c mut Compiling<'d>,
    pub(super) document: &'d Document,
    pub(super) pointer: &'c str,
}

impl One<'_, '_> {
    pub(super) fn wrong(&mut self, part: &str, message: String, help: Option<String>) {
        self.compiling.wrong(self.document, &format!("{}{part}", self.pointer), message, help);
    }

    pub(super) fn dangling(&mut self, part: &str, kind: Kind, name: &str) {
        self.compiling.dangling(self.document, &format!("{}{part}", self.pointer), kind, name);
    }

    fn take<T>(&mut self, part: &str, value: Result<T, impl std::fmt::Display>) -> Option<T> {
        value.map_err(|error| self.wrong(part, error.to_string(), None)).ok()
    }

    fn route(
        &mut self,
        entry: &RouteEntry,
        scopes: &Scopes,
        upstreams: &[Upstream],
        index: usize,
    ) -> Option<Route> {
        let name = self.take("/name", RouteName::new(&entry.name));
        if entry.name == "-" {
            self.wrong("/name", "- stands for calls that met no route".to_owned(), None);
        }
        let hosts = self.hosts(entry);
        let methods = self.methods(entry);
        let upstream = self.upstream(entry, upstreams);
        let is_path = self.check_path(&entry.path);
        // Which parameters a path has that is none is not known.
        let rewrite = if is_path { self.rewrite(entry) } else { Rewrite::Keep };
        let addresses = self.addresses(entry);
        let access = self.access(entry, scopes);
        let address_limit = self.address_limit(entry);
        let timeout = match &entry.timeout {
            Some(text) => duration(self.compiling, self.document, &format!("{}/timeout", self.pointer), text),
            None => Some(TIMEOUT),
        };
        let max_body = self.max_body(entry);
        let set_headers = self.set_headers(entry);
        let has_token =
            upstream.and_then(|place| upstreams.get(place)).is_some_and(|upstream| upstream.token.is_some());
        if has_token && set_headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
            let message = format!(
                "upstream {} has an oauth2 section, whose token is sent as Authorization",
                entry.upstream
            );
            self.wrong("/set_headers", message, Some("take one of the two away".to_owned()));
        }
        let meter = entry.meter.as_ref().map(|meter| match is_path {
            true => self.meter(meter, &entry.path),
            false => None,
        });
        let mask = self.mask(entry, scopes);
        self.check_accountable(entry);
        self.check_reach(entry);
        if entry.durable && entry.meter.is_none() {
            let message =
                "a durable route must have a meter: there is nothing else to make durable".to_owned();
            self.wrong("/durable", message, Some("add `meter: {}`".to_owned()));
        }
        Some(Route {
            name: name?,
            index,
            hosts,
            methods,
            path: entry.path.clone(),
            upstream: upstream?,
            rewrite,
            addresses,
            access,
            signature: entry.signature.map(parameter_style),
            address_limit: address_limit?,
            timeout: timeout?,
            max_body: max_body?,
            set_headers,
            meter: match meter {
                Some(meter) => Some(meter?),
                None => None,
            },
            mask,
            durability: if entry.durable { Durability::Durable } else { Durability::Buffered },
            products: Vec::new(),
            source: self.document.location(self.pointer),
        })
    }

    /// What a caller without a credential does is in nobody's books.
    fn check_accountable(&mut self, entry: &RouteEntry) {
        if !entry.access.anonymous {
            return;
        }
        let has_transaction = entry.meter.as_ref().is_some_and(|meter| meter.transaction.is_some());
        let found = [("/durable", entry.durable), ("/meter/transaction", has_transaction)];
        for (part, _) in found.into_iter().filter(|(_, is_there)| *is_there) {
            let message = "an anonymous route has no app in whose books this could stand".to_owned();
            self.wrong(part, message, Some("ask for an app: take `anonymous` away".to_owned()));
        }
    }

    /// Who may say what became of other apps' sales is not everybody who has a credential.
    fn check_reach(&mut self, entry: &RouteEntry) {
        let transaction = entry.meter.as_ref().and_then(|meter| meter.transaction.as_ref());
        let is_of_any = transaction.is_some_and(|one| matches!(one.sale_of, Some(ReachName::AnyApp)));
        if is_of_any && entry.access.scopes.is_empty() && entry.access.condition.is_none() {
            let message = "whoever calls this route changes what is owed of other apps' sales, \
                           so it must ask for a scope"
                .to_owned();
            let help =
                "give whoever confirms payments a scope of its own, and ask for it: access: {scopes: […]}";
            self.wrong("/meter/transaction/sale_of", message, Some(help.to_owned()));
        }
    }

    fn methods(&mut self, entry: &RouteEntry) -> Vec<Method> {
        let mut methods = Vec::new();
        for (index, text) in entry.methods.iter().enumerate() {
            match Method::from_bytes(text.as_bytes()) {
                Ok(Method::CONNECT | Method::TRACE) | Err(_) => {
                    self.wrong(
                        &format!("/methods/{index}"),
                        format!("{text} is not a method that can be routed"),
                        None,
                    );
                }
                Ok(method) if methods.contains(&method) => {
                    let message = format!("{method} is in this list twice");
                    self.wrong(&format!("/methods/{index}"), message, None);
                }
                Ok(method) if text.chars().all(|char| char.is_ascii_uppercase()) => methods.push(method),
                Ok(_) => {
                    let help = Some(format!("write {}", text.to_ascii_uppercase()));
                    self.wrong(&format!("/methods/{index}"), "methods are in upper case".to_owned(), help);
                }
            }
        }
        methods
    }

    fn upstream(&mut self, entry: &RouteEntry, upstreams: &[Upstream]) -> Option<usize> {
        let place = upstreams.iter().position(|upstream| upstream.name.as_str() == entry.upstream);
        if place.is_none() {
            self.dangling("/upstream", Kind::Upstreams, &entry.upstream);
        }
        place
    }

    /// Hosts in the form in which requests are matched: lower case, without port.
    fn hosts(&mut self, entry: &RouteEntry) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for (index, text) in entry.hosts.iter().enumerate() {
            let host = text.to_ascii_lowercase();
            let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
            let has_port = !host.starts_with('[') && host.contains(':');
            if host.is_empty() || !is_host || has_port || host.ends_with('.') {
                let help =
                    "write a whole name without port and without a point at its end, such as api.example.com";
                let help = Some(help.to_owned());
                self.wrong(&format!("/hosts/{index}"), format!("{text:?} is not a host name"), help);
            } else if hosts.contains(&host) {
                self.wrong(&format!("/hosts/{index}"), format!("{host} is in this list twice"), None);
            }
            hosts.push(host);
        }
        hosts
    }

    /// Whether the path is one; if not, that is told.
    fn check_path(&mut self, path: &str) -> bool {
        if !self.check_form("/path", path) {
            return false;
        }
        if let Err(reason) = RouteTable::check(path) {
            self.wrong("/path", format!("{path} is not a path pattern: {reason}"), None);
            return false;
        }
        for reserved in RESERVED {
            if path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                self.wrong("/path", format!("{reserved} is served by the gateway itself"), None);
            }
        }
        true
    }

    /// A request's path is matched in its normal form, so a pattern in another form would never match.
    fn check_form(&mut self, part: &str, path: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"%?#\\".contains(&byte);
        let has_dots = path.split('/').any(|segment| segment == "." || segment == "..");
        // Doubled braces would stand for one as it is, which no request has in its path.
        let has_braces = path.contains("{{") || path.contains("}}");
        let is_normal = path.starts_with('/') && !path.contains("//") && path.bytes().all(is_plain);
        if !is_normal || has_dots || has_braces {
            let help = Some("write it like /api/orders/{id}".to_owned());
            self.wrong(part, format!("{path:?} is not a path"), help);
            return false;
        }
        true
    }

    fn rewrite(&mut self, entry: &RouteEntry) -> Rewrite {
        let Some(template) = &entry.rewrite else { return Rewrite::Keep };
        self.check_form("/rewrite", template);
        let known = parameters(&entry.path);
        let mut parts = Vec::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                self.wrong("/rewrite", "a { has no }".to_owned(), None);
                break;
            };
            let name = name.strip_prefix('*').unwrap_or(name);
            if !known.contains(&name) {
                let help = (!known.is_empty()).then(|| format!("it has: {}", known.join(", ")));
                self.wrong("/rewrite", format!("the path has no parameter {name}"), help);
            }
            parts.push(PathPart::Literal(before.to_owned()));
            parts.push(PathPart::Parameter(name.to_owned()));
            rest = after;
        }
        parts.push(PathPart::Literal(rest.to_owned()));
        parts.retain(|part| *part != PathPart::Literal(String::new()));
        Rewrite::Template(parts)
    }

    pub(super) fn size(&mut self, part: &str, text: Option<&SizeText>, default: u64) -> Option<u64> {
        let Some(text) = text else { return Some(default) };
        let bytes = text.bytes();
        if bytes.is_none() {
            let help = "write it like 64KiB or 1MiB".to_owned();
            self.wrong(part, "this is not a size that fits".to_owned(), Some(help));
        }
        bytes
    }

    fn set_headers(&mut self, entry: &RouteEntry) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (name, text) in &entry.set_headers {
            let part = format!("/set_headers/{}", escape(name));
            let value = self.header_value(&part, text);
            let Some(name) = self.take(&part, HeaderName::from_bytes(name.as_bytes())) else { continue };
            if let Some(own) = own_field(name.as_str()) {
                let differs = (!name.as_str().starts_with(own))
                    .then(|| format!("upstreams may take it for {own}: case, _ and - make no difference"));
                self.wrong(&part, format!("{name} is set by the gateway itself"), differs);
            }
            if fields.iter().any(|(known, _)| *known == name) {
                self.wrong(&part, format!("{name} is set twice; its case makes no difference"), None);
            }
            fields.extend(value.map(|value| (name, value)));
        }
        fields
    }

    /// What comes from a variable may be a secret: no log shows it.
    fn header_value(&mut self, part: &str, text: &str) -> Option<HeaderValue> {
        let substituted = self.compiling.substitute(text);
        let substituted = match self.take(part, substituted)? {
            Substituted::Known(value) => value,
            Substituted::Open => return Some(HeaderValue::from_static("left-open")),
        };
        let mut value = self.take(part, HeaderValue::from_str(&substituted))?;
        value.set_sensitive(substituted != text);
        Some(value)
    }
}

/// The field of the gateway's, or how those begin, for which an upstream may take a name in lower case.
fn own_field(name: &str) -> Option<&'static str> {
    let whole = OWN_FIELDS.iter().find(|own| field_name::has_letters_of(name, own));
    whole.or_else(|| OWN_PREFIXES.iter().find(|own| field_name::begins_with_letters_of(name, own))).copied()
}

fn parameter_style(name: ParameterStyleName) -> ParameterStyle {
    match name {
        ParameterStyleName::Top => ParameterStyle::Top,
        ParameterStyleName::Alipay => ParameterStyle::Alipay,
    }
}

/// The names of a pattern's parameters.
pub(super) fn parameters(path: &str) -> Vec<&str> {
    let names = path.split('{').skip(1).filter_map(|part| part.split_once('}'));
    names.map(|(name, _)| name.strip_prefix('*').unwrap_or(name)).collect()
}
