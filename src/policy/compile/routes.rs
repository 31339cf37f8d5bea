//! `routes/*.yaml`.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::super::expression::{Declared, Expression, FOR_CONDITIONS, FOR_METERS};
use super::super::file::routes::{AccessEntry, MeterEntry, RouteEntry, RoutesFile, TransactionKindName};
use super::super::file::text::SizeText;
use super::super::load::Document;
use super::super::shape::suggest;
use super::super::snapshot::{
    Access, AddressLimit, BodiesRead, Durability, MerchantBinding, Meter, PathPart, Requirements, Rewrite,
    Route, ScopeText, TransactionMeter, Upstream,
};
use super::super::source::Kind;
use super::super::tree::escape;
use super::basics::duration;
use super::set::{Compiling, Origin};
use crate::domain::id::{LimitName, RouteName};
use crate::domain::plan::Rate;
use crate::domain::scope::{Scope, ScopeSet};
use crate::domain::usage::TransactionKind;

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_BODY: u64 = 1 << 20;
const MAX_CAPTURE: u64 = 256 << 10;
/// The most that a meter may keep of a body.
const CAPTURE_LIMIT: u64 = 4 << 20;

type Scopes = HashMap<Scope, ScopeText>;

pub(super) fn compile<'d>(
    compiling: &mut Compiling<'d>,
    scopes: &Scopes,
    upstreams: &[Upstream],
) -> Vec<(Route, Origin<'d>)> {
    let mut routes: Vec<(Route, Origin<'d>)> = Vec::new();
    for document in compiling.of(Kind::Routes) {
        let Some(file) = document.decode::<RoutesFile>() else { continue };
        for (index, entry) in file.routes.iter().enumerate() {
            let pointer = format!("/routes/{index}");
            let mut one = One { compiling, document, pointer: &pointer };
            let Some(route) = one.route(entry, scopes, upstreams, routes.len()) else { continue };
            if let Some((other, _)) = routes.iter().find(|(other, _)| other.name == route.name) {
                let message = format!("there is a route {} already", route.name);
                let help = Some(format!("it stands at {}", other.source));
                compiling.wrong(document, &format!("{pointer}/name"), message, help);
            }
            routes.push((route, Origin { document, pointer }));
        }
    }
    routes
}

/// One route on its way.
struct One<'c, 'd> {
    compiling: &'c mut Compiling<'d>,
    document: &'d Document,
    pointer: &'c str,
}

impl One<'_, '_> {
    fn wrong(&mut self, part: &str, message: String, help: Option<String>) {
        self.compiling.wrong(self.document, &format!("{}{part}", self.pointer), message, help);
    }

    fn take<T>(&mut self, part: &str, value: Result<T, impl std::fmt::Display>) -> Option<T> {
        self.compiling.take(self.document, &format!("{}{part}", self.pointer), value)
    }

    fn route(
        &mut self,
        entry: &RouteEntry,
        scopes: &Scopes,
        upstreams: &[Upstream],
        index: usize,
    ) -> Option<Route> {
        let name = self.take("/name", RouteName::new(&entry.name));
        let methods = self.methods(entry);
        let upstream = self.upstream(entry, upstreams);
        self.check_path(&entry.path);
        let rewrite = self.rewrite(entry);
        let access = self.access(&entry.access, scopes);
        let address_limit = self.address_limit(entry);
        let timeout = match &entry.timeout {
            Some(text) => duration(self.compiling, self.document, &format!("{}/timeout", self.pointer), text),
            None => Some(TIMEOUT),
        };
        let max_body = self.size("/max_body", entry.max_body.as_ref(), MAX_BODY);
        let set_headers = self.set_headers(entry);
        let meter = entry.meter.as_ref().map(|meter| self.meter(meter));
        if entry.durable && entry.meter.is_none() {
            let message =
                "a durable route must have a meter: there is nothing else to make durable".to_owned();
            self.wrong("/durable", message, Some("add `meter: {}`".to_owned()));
        }
        Some(Route {
            name: name?,
            index,
            hosts: entry.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            methods,
            path: entry.path.clone(),
            upstream: upstream?,
            rewrite,
            access,
            address_limit: address_limit?,
            timeout: timeout?,
            max_body: max_body?,
            set_headers,
            meter: match meter {
                Some(meter) => Some(meter?),
                None => None,
            },
            durability: if entry.durable { Durability::Durable } else { Durability::Buffered },
            products: Vec::new(),
            source: self.document.location(self.pointer),
        })
    }

    fn methods(&mut self, entry: &RouteEntry) -> Vec<Method> {
        if entry.methods.is_empty() {
            self.wrong("/methods", "a route needs at least one method".to_owned(), None);
        }
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
            let known: Vec<String> = upstreams.iter().map(|upstream| upstream.name.to_string()).collect();
            self.wrong(
                "/upstream",
                format!("there is no upstream {}", entry.upstream),
                suggest(&entry.upstream, &known),
            );
        }
        place
    }

    fn check_path(&mut self, path: &str) {
        if !path.starts_with('/') || path.contains("//") || path.bytes().any(|byte| !byte.is_ascii_graphic())
        {
            let help = Some("write it like /api/orders/{id}".to_owned());
            self.wrong("/path", format!("{path} is not a path"), help);
        }
        for reserved in ["/oauth/", "/.well-known/oauth-authorization-server", "/me/"] {
            if path.starts_with(reserved) || path == reserved.trim_end_matches('/') {
                self.wrong("/path", format!("{reserved} is served by the gateway itself"), None);
            }
        }
    }

    fn rewrite(&mut self, entry: &RouteEntry) -> Rewrite {
        let Some(template) = &entry.rewrite else { return Rewrite::Keep };
        if !template.starts_with('/') {
            self.wrong("/rewrite", format!("{template} is not a path"), None);
        }
        let mut parts = Vec::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                self.wrong("/rewrite", "a { has no }".to_owned(), None);
                break;
            };
            let is_known =
                [format!("{{{name}}}"), format!("{{*{name}}}")].iter().any(|form| entry.path.contains(form));
            if !is_known {
                self.wrong("/rewrite", format!("the path has no parameter {name}"), None);
            }
            parts.push(PathPart::Literal(before.to_owned()));
            parts.push(PathPart::Parameter(name.to_owned()));
            rest = after;
        }
        parts.push(PathPart::Literal(rest.to_owned()));
        parts.retain(|part| *part != PathPart::Literal(String::new()));
        Rewrite::Template(parts)
    }

    fn access(&mut self, entry: &AccessEntry, known: &Scopes) -> Access {
        let mut scopes = Vec::new();
        for (index, text) in entry.scopes.iter().enumerate() {
            match text.parse::<Scope>() {
                Ok(scope) if known.contains_key(&scope) => scopes.push(scope),
                _ => {
                    let names: Vec<String> = known.keys().map(Scope::to_string).collect();
                    let help = suggest(text, &names);
                    self.wrong(&format!("/access/scopes/{index}"), format!("there is no scope {text}"), help);
                }
            }
        }
        let condition = entry
            .condition
            .as_deref()
            .and_then(|text| self.expression("/access/condition", text, FOR_CONDITIONS));
        if entry.anonymous {
            if !scopes.is_empty() || entry.merchant || entry.condition.is_some() {
                let message = "an anonymous route asks for no scopes, merchant or condition".to_owned();
                self.wrong("/access/anonymous", message, None);
            }
            return Access::Anonymous;
        }
        let merchant = if entry.merchant { MerchantBinding::Required } else { MerchantBinding::Optional };
        Access::App(Requirements { scopes: scopes.into_iter().collect::<ScopeSet>(), merchant, condition })
    }

    /// `Some(None)` if there is none and none is needed.
    fn address_limit(&mut self, entry: &RouteEntry) -> Option<Option<AddressLimit>> {
        let Some(limit) = &entry.access.address_limit else {
            if entry.access.anonymous {
                let message = "an anonymous route needs a limit for each client address".to_owned();
                let help = Some("add `address_limit: {requests: 60, window: 1m, burst: 20}`".to_owned());
                self.wrong("/access", message, help);
                return None;
            }
            return Some(None);
        };
        let pointer = format!("{}/access/address_limit", self.pointer);
        let window = duration(self.compiling, self.document, &format!("{pointer}/window"), &limit.window)?;
        let rate = rate(self.compiling, self.document, &pointer, (limit.requests, window, limit.burst))?;
        let name = LimitName::new("address").ok()?;
        Some(Some(AddressLimit { name, rate, source: self.document.key_location(&pointer) }))
    }

    fn size(&mut self, part: &str, text: Option<&SizeText>, default: u64) -> Option<u64> {
        let Some(text) = text else { return Some(default) };
        let bytes = text.bytes();
        if bytes.is_none() {
            self.wrong(
                part,
                format!("{:?} is not a size", text.0),
                Some("write it like 64KiB or 1MiB".to_owned()),
            );
        }
        bytes
    }

    fn set_headers(&mut self, entry: &RouteEntry) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = Vec::new();
        for (name, value) in &entry.set_headers {
            let part = format!("/set_headers/{}", escape(name));
            let parsed_name = self.take(&part, HeaderName::from_bytes(name.as_bytes()));
            let parsed_value = self.take(&part, HeaderValue::from_str(value));
            if name.to_ascii_lowercase().starts_with("x-tollgate-") {
                self.wrong(&part, format!("{name} is set by the gateway itself"), None);
            }
            fields.extend(parsed_name.zip(parsed_value));
        }
        fields
    }

    fn meter(&mut self, entry: &MeterEntry) -> Option<Meter> {
        let when = self.optional_expression("/meter/when", entry.when.as_deref());
        let units = self.optional_expression("/meter/units", entry.units.as_deref());
        let transaction = entry.transaction.as_ref().map(|entry| {
            let id = self.expression("/meter/transaction/id", &entry.id, FOR_METERS);
            let of = self.optional_expression("/meter/transaction/of", entry.of.as_deref());
            let amount = self.expression("/meter/transaction/amount", &entry.amount, FOR_METERS);
            let currency = self.expression("/meter/transaction/currency", &entry.currency, FOR_METERS);
            let kind = match entry.kind {
                TransactionKindName::Sale => TransactionKind::Sale,
                TransactionKindName::Refund => TransactionKind::Refund,
            };
            if kind == TransactionKind::Sale && entry.of.is_some() {
                let message = "only a refund is of another transaction".to_owned();
                self.wrong("/meter/transaction/of", message, None);
            }
            Some(TransactionMeter { id: id?, of: of?, amount: amount?, currency: currency?, kind })
        });
        let max_capture = self.size("/meter/max_capture", entry.max_capture.as_ref(), MAX_CAPTURE)?;
        if max_capture > CAPTURE_LIMIT {
            self.wrong("/meter/max_capture", "at most 4MiB of a body can be captured".to_owned(), None);
        }
        let (when, units) = (when?, units?);
        let transaction = match transaction {
            Some(transaction) => Some(transaction?),
            None => None,
        };
        let reads = |variable: &str| {
            let of_transaction = transaction
                .iter()
                .flat_map(|meter| [&meter.id, &meter.amount, &meter.currency].into_iter().chain(&meter.of));
            when.iter()
                .chain(units.iter())
                .chain(of_transaction)
                .any(|expression| expression.reads(variable, "body"))
        };
        let bodies = BodiesRead { request: reads("request"), response: reads("response") };
        let source = self.document.key_location(&format!("{}/meter", self.pointer));
        let max_capture = usize::try_from(max_capture).ok()?;
        Some(Meter { when, units, transaction, bodies, max_capture, source })
    }

    /// `Some(None)` if there is none, `None` if it is wrong.
    fn optional_expression(&mut self, part: &str, text: Option<&str>) -> Option<Option<Expression>> {
        match text {
            Some(text) => self.expression(part, text, FOR_METERS).map(Some),
            None => Some(None),
        }
    }

    fn expression(&mut self, part: &str, text: &str, declared: Declared) -> Option<Expression> {
        let location = self.document.location(&format!("{}{part}", self.pointer));
        match Expression::compile(text, location, declared) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.wrong(part, error.message, error.help);
                None
            }
        }
    }
}

/// A rate from a file's numbers.
pub(super) fn rate(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    (requests, window, burst): (u32, Duration, Option<u32>),
) -> Option<Rate> {
    let (Some(requests), Some(burst)) =
        (NonZeroU32::new(requests), NonZeroU32::new(burst.unwrap_or(requests)))
    else {
        compiling.wrong(document, pointer, "requests and burst must be at least 1".to_owned(), None);
        return None;
    };
    let rate = Rate { requests, window, burst };
    if window.as_nanos() < u128::from(requests.get()) || burst > requests {
        let message = "burst may be at most requests, and a window at least 1ns a request".to_owned();
        compiling.wrong(document, pointer, message, None);
        return None;
    }
    Some(rate)
}
