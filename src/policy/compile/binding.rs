//! Where a request names its merchant, and the last condition that a call must meet.

use std::sync::Arc;

use http::HeaderName;

use super::super::expression::{Declared, Wanted};
use super::super::file::access::{ConditionEntry, MerchantEntry, MerchantPlace};
use super::super::file::routes::RouteEntry;
use super::super::snapshot::{Condition, MerchantBinding};
use super::routes::{One, parameters};
use crate::domain::field_name;
use crate::domain::merchant_field::MerchantField;

const MAX_BODY: u64 = 1 << 20;
/// Longest body in which the merchant is looked for, unless the route says how long: it is kept in memory until it has come.
const MAX_KEPT_BODY: u64 = 64 << 10;
/// The most that a route may say of that.
const KEPT_BODY_LIMIT: u64 = 1 << 20;
/// Names that lead to a member of a body, at most.
const MAX_NAMES: usize = 8;
/// Longest message of a condition, in characters.
const MAX_MESSAGE: usize = 300;

/// Fields that prove who calls. No condition sees them.
const CREDENTIALS: &[&str] =
    &["authorization", "cookie", "dpop", "proxy-authorization", "signature", "signature-input", "x-api-key"];

/// Fields that end at the gateway, of which upstreams get the same as it was checked.
const AS_CHECKED: &[&str] = &["content-length", "host"];

impl One<'_, '_> {
    /// Whether there must be a merchant; of what is wrong, only that there must be one.
    pub(super) fn merchant(&mut self, route: &RouteEntry) -> MerchantBinding {
        let place = match &route.access.merchant {
            MerchantEntry::Needed(false) => return MerchantBinding::Optional,
            MerchantEntry::Needed(true) => return MerchantBinding::Required,
            MerchantEntry::Named(place) => place,
        };
        let field = match place {
            MerchantPlace { path: Some(name), query: None, body: None } => self.in_path(route, name),
            MerchantPlace { path: None, query: Some(name), body: None } => self.in_query(name),
            MerchantPlace { path: None, query: None, body: Some(names) } => self.in_body(route, names),
            // The schema has told that there is nothing, or nothing that it knows.
            MerchantPlace { path: None, query: None, body: None } => None,
            MerchantPlace { .. } => {
                let message = "a request names its merchant in one place".to_owned();
                let help = "write one of {path: NAME}, {query: NAME} and {body: NAME.NAME}".to_owned();
                self.wrong("/access/merchant", message, Some(help));
                None
            }
        };
        field.map_or(MerchantBinding::Required, |field| MerchantBinding::Named(Arc::new(field)))
    }

    fn in_path(&mut self, route: &RouteEntry, name: &str) -> Option<MerchantField> {
        let part = "/access/merchant/path";
        let known = parameters(&route.path);
        if !known.contains(&name) {
            let help = match known.as_slice() {
                [] => "name it in the path, like /api/merchants/{merchant}/orders".to_owned(),
                known => format!("it has: {}", known.join(", ")),
            };
            self.wrong(part, format!("the path has no parameter {name}"), Some(help));
            return None;
        }
        if route.path.contains(&format!("{{*{name}}}")) {
            let message = format!("{name} is the rest of the path, and a merchant's id is one segment");
            self.wrong(part, message, None);
            return None;
        }
        Some(MerchantField::Path(name.into()))
    }

    fn in_query(&mut self, name: &str) -> Option<MerchantField> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            let help = Some("write letters, digits, _, - and points, such as merchant_id".to_owned());
            self.wrong("/access/merchant/query", format!("{name:?} is no name of a parameter"), help);
            return None;
        }
        Some(MerchantField::Query(name.into()))
    }

    fn in_body(&mut self, route: &RouteEntry, text: &str) -> Option<MerchantField> {
        let part = "/access/merchant/body";
        let names: Box<[Box<str>]> = text.split('.').map(Box::from).collect();
        if names.len() > MAX_NAMES || names.iter().any(|name| name.is_empty()) {
            let help =
                Some("write the names that lead to it with points between, such as seller.id".to_owned());
            self.wrong(part, format!("{text:?} is no member of a body"), help);
            return None;
        }
        let has_body = |method: &String| !matches!(method.as_str(), "GET" | "HEAD");
        if !route.methods.iter().any(has_body) {
            let message = format!("{} has no body", route.methods.join(", "));
            self.wrong(part, message, Some("name the merchant in the path or in the query".to_owned()));
            return None;
        }
        Some(MerchantField::Body(names))
    }

    /// Longest body; one in which the merchant is looked for must fit into memory.
    pub(super) fn max_body(&mut self, route: &RouteEntry) -> Option<u64> {
        let is_kept = route.access.merchant.is_in_body();
        let default = if is_kept { MAX_KEPT_BODY } else { MAX_BODY };
        let max = self.size("/max_body", route.max_body.as_ref(), default)?;
        if is_kept && max > KEPT_BODY_LIMIT {
            let message = "the merchant is looked for in bodies of up to 1MiB".to_owned();
            self.wrong("/max_body", message, Some("write it like 64KiB or 1MiB".to_owned()));
        }
        Some(max)
    }

    /// The last condition; `None` also if it is wrong.
    pub(super) fn condition(&mut self, route: &RouteEntry) -> Option<Condition> {
        let (part, text, headers, message) = match route.access.condition.as_ref()? {
            ConditionEntry::Text(text) => ("/access/condition", text, &[][..], None),
            ConditionEntry::Whole(whole) => {
                ("/access/condition/if", &whole.condition, &whole.headers[..], whole.message.as_deref())
            }
        };
        let headers = self.condition_headers(headers);
        if let Some(message) = message {
            self.check_message(message);
        }
        let names: Vec<&str> = headers.iter().map(HeaderName::as_str).collect();
        let declared = Declared::for_conditions(&parameters(&route.path), &names);
        let expression = self.expression(part, text, (&declared, Wanted::Truth))?;
        Some(Condition { expression, headers, message: message.map(Arc::from) })
    }

    fn condition_headers(&mut self, texts: &[String]) -> Vec<HeaderName> {
        let mut names: Vec<HeaderName> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let part = format!("/access/condition/headers/{index}");
            let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
                self.wrong(&part, format!("{text:?} is no name of a header field"), None);
                continue;
            };
            let lower = name.as_str();
            if CREDENTIALS.contains(&lower) {
                self.wrong(&part, format!("{name} proves who calls, which no condition sees"), None);
            } else if field_name::ends_here(lower) && !AS_CHECKED.contains(&lower) {
                let message = format!("{name} ends at the gateway: what a caller says in it goes no further");
                self.wrong(&part, message, Some("ask principal or source".to_owned()));
            } else if names.contains(&name) {
                self.wrong(&part, format!("{name} is in this list twice"), None);
            }
            names.push(name);
        }
        names
    }

    fn check_message(&mut self, message: &str) {
        let length = message.chars().count();
        if length == 0 || length > MAX_MESSAGE || message.chars().any(char::is_control) {
            let what = format!("a message is one line of 1 to {MAX_MESSAGE} characters");
            self.wrong("/access/condition/message", what, None);
        }
    }
}
