//! The set as a whole: each kind of file in the order in which they build on each other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::super::diagnostic::Diagnostic;
use super::super::load::{Document, Documents, Values};
use super::super::route_table::{RouteTable, TableError};
use super::super::shape::{nearest, suggest};
use super::super::snapshot::{Access, ApiProduct, Route, Snapshot};
use super::super::source::{Kind, Source, digest};
use super::variables::{self, Substituted};
use super::{basics, changes, fed, plans, routes};
use crate::domain::id::ProductName;
use crate::domain::location::Location;

/// What compiling has come to know, and what is wrong so far.
pub(super) struct Compiling<'d> {
    documents: Documents<'d>,
    /// The names that files declare, also where what they name is wrong itself.
    declared: Declarations,
    values: &'d dyn Values,
    /// What variables were replaced by, which is content as the files are.
    substituted: Vec<String>,
    /// How many more names are compared with all that are declared, to say which was meant.
    guesses: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What is right, and may not be meant.
    warnings: Vec<Diagnostic>,
}

/// How many names that lead nowhere are compared with all that are declared: a person reads no more of them, and to compare
/// ten thousand with ten thousand takes many seconds.
const MAX_GUESSES: usize = 200;

/// Declared names by the kind of file that declares them.
struct Declarations {
    scopes: Names,
    upstreams: Names,
    products: Names,
    routes: Names,
}

/// Names in the order of the files.
struct Names {
    listed: Vec<String>,
    known: HashSet<String>,
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let listed: Vec<String> = names.into_iter().collect();
        Self { known: listed.iter().cloned().collect(), listed }
    }
}

impl Declarations {
    fn of(documents: &[Document]) -> Self {
        let of = |kind| documents.iter().filter(move |document| document.kind == kind);
        let keys =
            |kind, pointer| of(kind).flat_map(move |document| document.keys(pointer)).map(str::to_owned);
        let route_names = |document: &Document| {
            let parts = document.parts("/routes").into_iter();
            parts
                .filter_map(|part| document.text(&format!("{part}/name")).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        Self {
            scopes: keys(Kind::Scopes, "/scopes").collect(),
            upstreams: keys(Kind::Upstreams, "/upstreams").collect(),
            products: keys(Kind::Products, "/products").collect(),
            routes: of(Kind::Routes).flat_map(route_names).collect(),
        }
    }

    /// What the kind's names stand for, and the names.
    fn named(&self, kind: Kind) -> Option<(&'static str, &Names)> {
        Some(match kind {
            Kind::Scopes => ("scope", &self.scopes),
            Kind::Upstreams => ("upstream", &self.upstreams),
            Kind::Products => ("API product", &self.products),
            Kind::Routes => ("route", &self.routes),
            Kind::Platform | Kind::Plans | Kind::Announcements | Kind::Approvals => return None,
        })
    }
}

impl<'d> Compiling<'d> {
    /// The route that is meant by `name`, as far as that can be told.
    fn meant_route(&mut self, name: &str) -> String {
        let is_known = self.declared.routes.known.contains(name);
        let meant =
            (!is_known && self.may_guess()).then(|| nearest(name, &self.declared.routes.listed)).flatten();
        meant.map_or_else(|| name.to_owned(), String::clone)
    }

    /// The documents of a kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &'d Document> + use<'d> {
        self.documents.documents.iter().filter(move |document| document.kind == kind)
    }

    /// The part of a document as its type; what is wrong with it is noted.
    pub(super) fn decode<T: DeserializeOwned>(&mut self, document: &Document, pointer: &str) -> Option<T> {
        document.decode(pointer)?.map_err(|diagnostic| self.diagnostics.push(diagnostic)).ok()
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

    /// Notes that what stands under the key at `pointer` may not be meant, and what would be clear.
    pub(super) fn warn_key(&mut self, document: &Document, pointer: &str, (message, help): (&str, &str)) {
        let told = document.wrong_key(pointer, message.to_owned());
        self.warnings.push(Diagnostic { help: Some(help.to_owned()), ..told });
    }

    /// Notes what is wrong at a character of the text at a pointer.
    pub(super) fn wrong_within(
        &mut self,
        document: &Document,
        place: (&str, &str, u32),
        message: String,
        help: Option<String>,
    ) {
        self.diagnostics.push(document.wrong_within(place, message, help));
    }

    /// The text with its variables replaced.
    pub(super) fn substitute(&mut self, text: &str) -> Result<Substituted, String> {
        let substituted = variables::substitute(text, self.values)?;
        if let Substituted::Known(value) = &substituted {
            self.substituted.push(value.clone());
        }
        Ok(substituted)
    }

    /// Takes a key, or notes why it is wrong.
    pub(super) fn take_key<T>(
        &mut self,
        document: &Document,
        pointer: &str,
        key: Result<T, impl std::fmt::Display>,
    ) -> Option<T> {
        key.map_err(|error| self.diagnostics.push(document.wrong_key(pointer, error.to_string()))).ok()
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

    /// Notes that `name` leads nowhere. Not when it is declared but wrong itself, or may be declared in a file that
    /// cannot be read: that has been told of, and one mistake is told once.
    pub(super) fn dangling(&mut self, document: &Document, pointer: &str, kind: Kind, name: &str) {
        let is_known = self.declared.named(kind).is_none_or(|(_, names)| names.known.contains(name));
        if self.documents.unknown.contains(&kind) || is_known {
            return;
        }
        let may_guess = self.may_guess();
        let Some((what, names)) = self.declared.named(kind) else { return };
        let message = format!("there is no {what} {name}");
        let help = may_guess.then(|| suggest(name, &names.listed)).flatten();
        self.wrong(document, pointer, message, help);
    }

    /// Whether one more name may be compared with all.
    fn may_guess(&mut self) -> bool {
        let may = self.guesses > 0;
        self.guesses = self.guesses.saturating_sub(1);
        may
    }

    /// Notes that a name is taken, and by what.
    pub(super) fn taken(&mut self, document: &Document, pointer: &str, what: &str, first: &Location) {
        let message = format!("there is a {what} already");
        self.wrong(document, pointer, message, Some(format!("it stands at {first}")));
    }
}

/// Compiles documents, of which `diagnostics` tell what is wrong already.
///
/// # Errors
/// Those, and everything that is wrong with what the documents mean.
pub fn compile(
    source: &Source,
    documents: Documents<'_>,
    values: &dyn Values,
    diagnostics: Vec<Diagnostic>,
) -> Result<Snapshot, Vec<Diagnostic>> {
    let declared = Declarations::of(documents.documents);
    let (substituted, guesses) = (Vec::new(), MAX_GUESSES);
    let warnings = Vec::new();
    let mut compiling =
        Compiling { documents, declared, values, substituted, guesses, diagnostics, warnings };
    variables::refuse_elsewhere(&mut compiling);
    let platform = basics::platform(&mut compiling);
    let scopes = basics::scopes(&mut compiling);
    let upstreams = basics::upstreams(&mut compiling);
    let mut routes = routes::compile(&mut compiling, &scopes, &upstreams);
    let products = basics::products(&mut compiling, &mut routes);
    let plans = plans::compile(&mut compiling, &products, &routes);
    let announcements = changes::announcements(&mut compiling);
    let approvals = changes::approvals(&mut compiling);
    let table = table(&mut compiling, &routes);
    check_reachable(&mut compiling, &routes);
    fed::check_fed(&mut compiling, &plans, &routes);
    fed::check_reach(&mut compiling, &routes);
    let hash = source.hash();
    let values = digest(compiling.substituted.iter().map(String::as_str));
    match (platform, hash) {
        (Some(platform), Some(hash)) if compiling.diagnostics.is_empty() => Ok(Snapshot {
            hash,
            values,
            source: Arc::new(source.clone()),
            platform,
            routes: routes.into_iter().map(|(route, _)| Arc::new(route)).collect(),
            table,
            upstreams: upstreams.into_iter().map(Arc::new).collect(),
            scopes,
            products,
            plans,
            announcements,
            approvals,
            warnings: compiling.warnings,
        }),
        _ => Err(compiling.diagnostics),
    }
}

/// Where a route came from, to speak of it.
pub(super) struct Origin<'d> {
    pub(super) document: &'d Document,
    pub(super) pointer: String,
}

fn table(compiling: &mut Compiling<'_>, routes: &[(Route, Origin<'_>)]) -> RouteTable {
    let mut table = RouteTable::default();
    let told: HashSet<Location> = compiling.diagnostics.iter().map(|told| told.location.clone()).collect();
    for (place, (route, origin)) in routes.iter().enumerate() {
        // One bad path is one mistake, however many things it is.
        let is_told = || told.contains(&origin.document.location(&format!("{}/path", origin.pointer)));
        if !told.is_empty() && is_told() {
            continue;
        }
        let Err(error) = table.insert(&route.hosts, &route.methods, &route.path, place) else { continue };
        let pointer = format!("{}/path", origin.pointer);
        let (message, help) = match error {
            // Told where the route was read.
            TableError::Pattern(_) => continue,
            TableError::Conflict(with) => {
                let other = routes.iter().map(|(other, _)| other).find(|other| other.path == with);
                let other = other.unwrap_or(route);
                let message = format!(
                    "{} cannot stand beside {with} of route {} ({}): both match the same paths",
                    route.path, other.name, other.source
                );
                (message, Some("give the parameters at the same place the same name".to_owned()))
            }
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

const MASKED_FOR_ALL: &str = "nobody gets this unmasked: on a route that is open to anyone, a credential counts only of an app that is \
     subscribed to an API product with it, and none has it";
const LIST_IT: &str =
    "list the route in products.yaml; or have the upstream leave this out, if it is for nobody";

/// A route that asks for an app, but is in no API product, can be called by nobody; one that is open has nobody who could have a scope.
fn check_reachable(compiling: &mut Compiling<'_>, routes: &[(Route, Origin<'_>)]) {
    if compiling.documents.unknown.contains(&Kind::Products) {
        return;
    }
    let mut listed: HashSet<String> = HashSet::new();
    for document in compiling.of(Kind::Products) {
        for product in document.parts("/products") {
            let parts = document.parts(&format!("{product}/routes"));
            let names = parts.iter().filter_map(|part| document.text(part));
            // A misspelt name has been told of; the route that it is for is not one more mistake.
            listed.extend(names.map(|name| compiling.meant_route(name)));
        }
    }
    for (route, origin) in routes.iter().filter(|(route, _)| !listed.contains(route.name.as_str())) {
        match &route.access {
            Access::App(_) => {
                let message = format!("nobody can call route {}: it is in no API product", route.name);
                let help = Some("list it in products.yaml, or make it anonymous".to_owned());
                compiling.wrong(origin.document, &format!("{}/name", origin.pointer), message, help);
            }
            Access::Anonymous if route.mask.is_some() => {
                let pointer = format!("{}/mask", origin.pointer);
                compiling.warn_key(origin.document, &pointer, (MASKED_FOR_ALL, LIST_IT));
            }
            Access::Anonymous => {}
        }
    }
}

/// API products by name, to check references against.
pub(super) type Products = HashMap<ProductName, ApiProduct>;
