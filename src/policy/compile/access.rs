//! Who may call a route, and how fast without a credential.

use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

use super::super::file::routes::{AuthenticationEntry, ClassName, RouteEntry};
use super::super::load::Document;
use super::super::snapshot::{Access, AddressLimit, RequirementPlaces, Requirements, RouteNetworks};
use super::super::source::Kind;
use super::basics::duration;
use super::routes::{One, Scopes};
use super::set::Compiling;
use crate::domain::authentication::{AuthenticationClass, Step};
use crate::domain::id::LimitName;
use crate::domain::narrowing::{Networks, network};
use crate::domain::plan::{Quantity, Rate};
use crate::domain::scope::{Scope, ScopeSet};
use crate::limit::gcra::{Unenforceable, enforceable};

impl One<'_, '_> {
    pub(super) fn access(&mut self, route: &RouteEntry, known: &Scopes) -> Access {
        let entry = &route.access;
        let mut scopes = Vec::new();
        for (index, text) in entry.scopes.iter().enumerate() {
            match text.parse::<Scope>() {
                Ok(scope) if known.contains_key(&scope) => scopes.push(scope),
                _ => self.dangling(&format!("/access/scopes/{index}"), Kind::Scopes, text),
            }
        }
        let merchant = self.merchant(route);
        let condition = self.condition(route);
        let authentication = entry.authentication.as_ref().and_then(|entry| self.authentication(entry));
        if entry.authentication.is_some() && !entry.merchant.is_needed() {
            let message = "only a merchant can have proved itself, and this route asks for none".to_owned();
            self.wrong("/access/authentication", message, Some("add `merchant: true`".to_owned()));
        }
        if entry.anonymous {
            if !scopes.is_empty() || entry.merchant.is_needed() || entry.condition.is_some() {
                let message = "an anonymous route asks for no scopes, merchant or condition".to_owned();
                self.wrong("/access/anonymous", message, None);
            }
            return Access::Anonymous;
        }
        let scopes = scopes.into_iter().collect::<ScopeSet>();
        let places = Box::new(self.places());
        Access::App(Requirements { scopes, merchant, authentication, condition, places })
    }

    fn places(&self) -> RequirementPlaces {
        let of = |part: &str| self.document.key_location(&format!("{}/access{part}", self.pointer));
        RequirementPlaces {
            access: of(""),
            scopes: of("/scopes"),
            merchant: of("/merchant"),
            authentication: of("/authentication"),
        }
    }

    fn authentication(&mut self, entry: &AuthenticationEntry) -> Option<Step> {
        let class = entry.class.map(|class| match class {
            ClassName::OneFactor => AuthenticationClass::OneFactor,
            ClassName::TwoFactors => AuthenticationClass::TwoFactors,
        });
        let part = "/access/authentication/max_age";
        let max_age = match &entry.max_age {
            Some(text) => {
                Some(duration(self.compiling, self.document, &format!("{}{part}", self.pointer), text)?)
            }
            None => None,
        };
        if max_age.is_some_and(|max_age| max_age < Duration::from_secs(1) || max_age.subsec_nanos() > 0) {
            let message = "max_age is told in whole seconds (RFC 9470, section 3)".to_owned();
            self.wrong(part, message, Some("write it like 15m".to_owned()));
        }
        if class.is_none() && max_age.is_none() {
            let help = Some("add `class: two_factors`, `max_age: 15m`, or both".to_owned());
            self.wrong("/access/authentication", "this asks for nothing".to_owned(), help);
        }
        Some(Step { class, max_age })
    }

    /// Where the route may be called from; `None` also if that is wrong.
    pub(super) fn addresses(&mut self, route: &RouteEntry) -> Option<RouteNetworks> {
        let part = "/access/addresses";
        let mut networks: Vec<IpNet> = Vec::new();
        for (index, text) in route.access.addresses.iter().enumerate() {
            let part = format!("{part}/{index}");
            match network(text) {
                Ok(network) if networks.contains(&network) => {
                    self.wrong(&part, format!("{network} is in this list twice"), None);
                }
                Ok(network) => networks.push(network),
                Err(error) => self.wrong(&part, error.to_string(), None),
            }
        }
        if networks.is_empty() {
            return None;
        }
        let networks = Networks::new(networks).map_err(|error| {
            self.wrong(part, format!("this list {error}"), Some("name larger networks".to_owned()));
        });
        let source = self.document.key_location(&format!("{}{part}", self.pointer));
        Some(RouteNetworks { networks: networks.ok()?, source })
    }

    /// `Some(None)` if there is none and none is needed.
    pub(super) fn address_limit(&mut self, entry: &RouteEntry) -> Option<Option<AddressLimit>> {
        let Some(limit) = &entry.access.address_limit else {
            if entry.access.anonymous {
                let message = "an anonymous route needs a limit for each client address".to_owned();
                let help = Some("add `address_limit: {requests: 60, window: 1m, burst: 20}`".to_owned());
                self.wrong("/access", message, help);
                return None;
            }
            return Some(None);
        };
        if !entry.access.anonymous {
            let message =
                "only an anonymous route is limited by address: an app has its plan's limits".to_owned();
            self.wrong("/access/address_limit", message, None);
        }
        let pointer = format!("{}/access/address_limit", self.pointer);
        let window = duration(self.compiling, self.document, &format!("{pointer}/window"), &limit.window)?;
        let requests = Counted("requests", limit.requests);
        let rate = rate(self.compiling, self.document, &pointer, (requests, window, limit.burst))?;
        let name = LimitName::new("address").ok()?;
        let announced = rate.announced(&name, Quantity::Calls);
        Some(Some(AddressLimit { name, rate, announced, source: self.document.key_location(&pointer) }))
    }
}

/// How many a rate lets through in its window, and the name of the field that says so.
#[derive(Clone, Copy)]
pub(super) struct Counted(pub(super) &'static str, pub(super) u32);

/// A rate from a file's numbers.
pub(super) fn rate(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    (counted, window, burst): (Counted, Duration, Option<u32>),
) -> Option<Rate> {
    let Counted(field, requests) = counted;
    let (Some(requests), Some(burst)) =
        (NonZeroU32::new(requests), NonZeroU32::new(burst.unwrap_or(requests)))
    else {
        compiling.wrong(document, pointer, format!("{field} and burst must be at least 1"), None);
        return None;
    };
    let rate = Rate { requests, window, burst };
    let Err(why) = enforceable(&rate) else { return Some(rate) };
    let (field, help) = match why {
        Unenforceable::TooFast => {
            (field, "ask for one in 100ns or fewer, or for all of them in a longer window".to_owned())
        }
        Unenforceable::TooLong { most: 0 } => ("window", "ask for a shorter window".to_owned()),
        Unenforceable::TooLong { most } => (
            "burst",
            format!("at this pace a burst is {most} at most; ask for fewer, or for a shorter window"),
        ),
    };
    compiling.wrong(document, &format!("{pointer}/{field}"), why.to_string(), Some(help));
    None
}
