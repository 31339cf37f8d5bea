//! The call that is explained, as the gateway would get it.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, anyhow};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, request};

use super::ExplainArguments;
use super::binding;
use super::recorded::Recorded;
use crate::cli::failure::Failure;
use crate::domain::merchant_field::MerchantField;
use crate::policy::route_table::RouteTable;
use crate::policy::snapshot::{Access, MerchantBinding, Route, Snapshot};

/// Where a call comes from that is imagined, if nothing is said.
pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The host that a call names, if nothing is said.
const HOST_NAME: &str = "gateway";

/// A call.
pub(super) struct Asked {
    pub(super) parts: request::Parts,
    /// Where it comes from, if that is known.
    pub(super) from: Option<IpAddr>,
    pub(super) body: Option<String>,
    /// The header fields that are said, `Host` among them.
    pub(super) fields: Vec<HeaderName>,
    /// What is known of it, if it is one on record.
    pub(super) on_record: Option<OnRecord>,
}

/// What is known of the request of a call on record.
pub(super) struct OnRecord {
    /// Its route, alone: by a path in which parameters stand by their names, others might be found.
    pub(super) route: RouteTable,
    /// Its path as it is told: what is not known of it stands there as in the route's pattern.
    pub(super) path: String,
    /// Whether nothing of its path but the merchant could be another.
    pub(super) is_path_known: bool,
}

impl Asked {
    /// The call that the arguments say.
    pub(super) fn imagined(arguments: &ExplainArguments) -> Result<Self, Failure> {
        let call = arguments.call.as_deref().unwrap_or_default().trim();
        let (method, target) = call.split_once(' ').unwrap_or(("GET", call));
        let from = arguments.from.unwrap_or(HERE);
        Self::of(arguments, (method, target.trim()), HOST_NAME, Some(from))
    }

    /// A call of which this is on record.
    pub(super) fn recorded(
        arguments: &ExplainArguments,
        recorded: &Recorded,
        snapshot: &Snapshot,
    ) -> Result<Self, Failure> {
        let route = snapshot.routes.iter().find(|route| route.name == recorded.route);
        let route = route.ok_or_else(|| {
            anyhow!(
                "the policies have no route {} any more, and the call {}",
                recorded.route,
                recorded.told()
            )
        })?;
        let host = route.hosts.first().map_or(HOST_NAME, String::as_str);
        let Target { path, query, told, is_path_known } = Target::of(route, recorded);
        let target = format!("{path}{query}");
        let asked = Self::of(arguments, (&recorded.method, &target), host, arguments.from)?;
        let mut alone = RouteTable::default();
        alone
            .insert(&route.hosts, &route.methods, &route.path, route.index)
            .map_err(|error| anyhow!("route {} cannot stand alone: {error:?}", route.name))?;
        Ok(Self { on_record: Some(OnRecord { route: alone, path: told, is_path_known }), ..asked })
    }

    fn of(
        arguments: &ExplainArguments,
        (method, target): (&str, &str),
        host: &str,
        from: Option<IpAddr>,
    ) -> Result<Self, Failure> {
        let usage = |what: String| Failure::Usage(format!("tollgate: {what}"));
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .map_err(|_| usage(format!("{method:?} is no method: write it like 'POST /api/orders'")))?;
        let mut fields: Vec<HeaderName> = arguments.host.iter().map(|_| HOST).collect();
        let host = arguments.host.as_deref().unwrap_or(host);
        let host = HeaderValue::from_str(host).context("--host is no host")?;
        let request = Request::builder().method(method).uri(target).header(HOST, host);
        let (mut parts, ()) = request
            .body(())
            .map_err(|_| usage(format!("{target:?} is no target: write it like 'POST /api/orders'")))?
            .into_parts();
        for field in &arguments.headers {
            let read = field.split_once(':').and_then(|(name, value)| {
                let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value.trim()).ok()?))
            });
            let (name, value) =
                read.ok_or_else(|| usage(format!("{field:?} is no field: write it like 'X-Channel: beta'")))?;
            fields.push(name.clone());
            parts.headers.append(name, value);
        }
        let may_have_body = !matches!(parts.method, Method::GET | Method::HEAD);
        if (arguments.body.is_some() || may_have_body) && !parts.headers.contains_key(CONTENT_TYPE) {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let from = from.map(|address| address.to_canonical());
        Ok(Self { parts, from, body: arguments.body.clone(), fields, on_record: None })
    }

    /// Method and target.
    pub(super) fn told(&self) -> String {
        match (&self.on_record, self.parts.uri.query()) {
            (None, _) => format!("{} {}", self.parts.method, self.parts.uri),
            (Some(OnRecord { path, .. }), None) => format!("{} {path}", self.parts.method),
            (Some(OnRecord { path, .. }), Some(query)) => format!("{} {path}?{query}", self.parts.method),
        }
    }
}

/// A target of a route for a call on record: the merchant is known if the request named that of the grant; no other parameter is.
struct Target {
    /// The path, in which parameters that are not known stand by their names.
    path: String,
    /// The query with its question mark, if it is known to have named the merchant.
    query: String,
    /// The path as it is told.
    told: String,
    is_path_known: bool,
}

impl Target {
    fn of(route: &Route, recorded: &Recorded) -> Self {
        let merchant = recorded.merchant.as_ref().filter(|_| binding::has_named_it(recorded));
        let merchant = merchant.map(|merchant| merchant.as_str());
        let field = match &route.access {
            Access::App(requirements) => match &requirements.merchant {
                MerchantBinding::Named(field) => Some(&**field),
                MerchantBinding::Optional | MerchantBinding::Required => None,
            },
            Access::Anonymous => None,
        };
        let (mut path, mut told, mut is_path_known) = (String::new(), String::new(), true);
        let mut rest = route.path.as_str();
        while let Some((before, (parameter, after))) =
            rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            let name = parameter.trim_start_matches('*');
            path.push_str(before);
            told.push_str(before);
            match (field, merchant) {
                (Some(MerchantField::Path(of)), Some(merchant)) if **of == *name => {
                    path.push_str(merchant);
                    told.push_str(merchant);
                }
                _ => {
                    is_path_known = false;
                    path.push_str(name);
                    told.push_str(&format!("{{{parameter}}}"));
                }
            }
            rest = after;
        }
        path.push_str(rest);
        told.push_str(rest);
        let query = match (field, merchant) {
            (Some(MerchantField::Query(name)), Some(merchant)) => format!("?{name}={merchant}"),
            _ => String::new(),
        };
        Self { path, query, told, is_path_known }
    }
}
