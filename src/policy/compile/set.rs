//! The set as a whole: each kind of file in the order in which they build on each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::diagnostic::Diagnostic;
use super::super::load::{Document, Values};
use super::super::route_table::{RouteTable, TableError};
use super::super::snapshot::{Access, ApiProduct, Route, Snapshot, Upstream};
use super::super::source::{Kind, Source};
use super::{basics, plans, routes};
use crate::domain::id::{ProductName, SnapshotHash};

/// What compiling has come to know, and what is wrong so far.
pub(super) struct Compiling<'d> {
    pub(super) documents: &'d [Document],
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'d> Compiling<'d> {
    /// The documents of a kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &'d Document> + use<'d> {
        self.documents.iter().filter(move |document| document.kind == kind)
    }

    /// Notes that the value at `pointer` is wrong.
    pub(super) fn wrong(
        &mut self,
        document: &Document,
        pointer: &str,
        message: String,
        help: Option<String>,
    ) {
        self.diagnostics.push(document.wrong(pointer, message, help));
    }

    /// Takes a value, or notes why it is wrong.
    pub(super) fn take<T>(
        &mut self,
        document: &Document,
        pointer: &str,
        value: Result<T, impl std::fmt::Display>,
    ) -> Option<T> {
        value.map_err(|error| self.wrong(document, pointer, error.to_string(), None)).ok()
    }
}

/// Compiles well-shaped documents.
///
/// # Errors
/// Everything that is wrong with what they mean.
pub fn compile(
    source: &Source,
    documents: &[Document],
    values: &dyn Values,
) -> Result<Snapshot, Vec<Diagnostic>> {
    let mut compiling = Compiling { documents, diagnostics: Vec::new() };
    let platform = basics::platform(&mut compiling);
    let scopes = basics::scopes(&mut compiling);
    let upstreams = basics::upstreams(&mut compiling, values);
    let mut routes = routes::compile(&mut compiling, &scopes, &upstreams);
    let products = basics::products(&mut compiling, &mut routes);
    let plans = plans::compile(&mut compiling, &products);
    let table = table(&mut compiling, &routes);
    check_reachable(&mut compiling, &routes);
    let hash = hash(source, &upstreams);
    match (platform, hash) {
        (Some(platform), Some(hash)) if compiling.diagnostics.is_empty() => Ok(Snapshot {
            hash,
            platform,
            routes: routes.into_iter().map(|(route, _)| Arc::new(route)).collect(),
            table,
            upstreams: upstreams.into_iter().map(Arc::new).collect(),
            scopes,
            products,
            plans,
        }),
        _ => Err(compiling.diagnostics),
    }
}

/// The hash of the files and of what their variables stand for.
fn hash(source: &Source, upstreams: &[Upstream]) -> Option<SnapshotHash> {
    let endpoints: Vec<String> = upstreams
        .iter()
        .flat_map(|upstream| &upstream.endpoints)
        .map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port))
        .collect();
    source.hash(&endpoints.join(" "))
}

/// Where a route came from, to speak of it.
pub(super) struct Origin<'d> {
    pub(super) document: &'d Document,
    pub(super) pointer: String,
}

fn table(compiling: &mut Compiling<'_>, routes: &[(Route, Origin<'_>)]) -> RouteTable {
    let mut table = RouteTable::default();
    for (place, (route, origin)) in routes.iter().enumerate() {
        let Err(error) = table.insert(&route.hosts, &route.methods, &route.path, place) else { continue };
        let pointer = format!("{}/path", origin.pointer);
        let (message, help) = match error {
            TableError::Pattern(reason) => (format!("{} is not a path pattern: {reason}", route.path), None),
            TableError::Conflict(with) => (
                format!("{} cannot stand beside {with}: both match the same paths", route.path),
                Some("give the parameters at the same place the same name".to_owned()),
            ),
            TableError::Duplicate { other } => {
                let other = &routes[other].0;
                let message = format!("route {} has this path and method already", other.name);
                (message, Some(format!("it stands at {}", other.source)))
            }
        };
        compiling.wrong(origin.document, &pointer, message, help);
    }
    table
}

fn check_reachable(compiling: &mut Compiling<'_>, routes: &[(Route, Origin<'_>)]) {
    for (route, origin) in routes {
        if matches!(route.access, Access::App(_)) && route.products.is_empty() {
            let message = format!("nobody can call route {}: it is in no API product", route.name);
            let help = Some("list it in products.yaml, or make it anonymous".to_owned());
            compiling.wrong(origin.document, &format!("{}/name", origin.pointer), message, help);
        }
    }
}

/// The names of API products, to check references against.
pub(super) type Products = HashMap<ProductName, ApiProduct>;
